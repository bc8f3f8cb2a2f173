//! The wallet of an agent: what may be spent, what it cost, and that it happened once.
//!
//! Pure: no clock, no network, no database, no chain. The store supplies rows as values, the chain its final facts as
//! [`evidence`]; what comes back is what to commit. Amounts are whole numbers of atomic units, and no money is ever a
//! floating-point number.
//!
//! Start at [`admission`] for how a request becomes an action, at [`action`] for how an action ends, at [`policy`] for
//! who may spend what, at [`reconcile`] for what to do about bytes that may have left. [`hold`] and [`window`] keep the
//! limits, [`ledger`] and [`lots`] the books; [`idempotency`], [`nonce`] and [`twin`] keep one intent one deed. [`onboarding`], [`agent_token`], [`approval`] and [`totp`] are about the people
//! and secrets around it.
//!
//! ```
//! use aegis_core::time::Timestamp;
//! use aegis_wallet::policy::Policy;
//! use aegis_wallet::usdc::Usdc;
//! use aegis_wallet::window::{Usage, Window};
//!
//! let (policy, usage) = (Policy::default(), Usage::none(Timestamp::from_seconds(0)));
//! let limit = policy.limits.get(Window::Daily);
//! assert!(usage.admits(Window::Daily, limit, Usdc::whole(50_000)));
//! assert!(!usage.admits(Window::Daily, limit, Usdc::parse("50000.000001")?));
//! # Ok::<(), aegis_wallet::amount::NotDec>(())
//! ```

#![cfg_attr(not(test), deny(clippy::arithmetic_side_effects, clippy::float_arithmetic))]

pub mod action;
pub mod address;
pub mod admission;
pub mod agent_token;
pub mod amount;
pub mod approval;
pub mod asset;
pub mod balance;
pub mod code;
pub mod email;
pub mod evidence;
pub mod hold;
pub mod idempotency;
pub mod ids;
pub mod ledger;
pub mod lots;
pub mod nonce;
pub mod onboarding;
pub mod policy;
pub mod receipt;
pub mod reconcile;
pub mod step;
pub mod stop;
pub mod totp;
pub mod transfer;
pub mod twin;
pub mod usdc;
pub mod window;
