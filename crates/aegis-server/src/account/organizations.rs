//! Organizations: made and changed by the admin.

pub mod ops;
pub mod wire;
