//! The one place that names cryptographic algorithms.
//!
//! Every other crate says *sign*, *digest*, *seal*; which curve or cipher that means is decided here.

pub mod aead;
pub mod digest;
pub mod mac;
pub mod sign;
