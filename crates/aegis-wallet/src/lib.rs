//! Money rules.

#![cfg_attr(not(test), deny(clippy::arithmetic_side_effects, clippy::float_arithmetic))]

pub mod action;
pub mod address;
pub mod agent_token;
pub mod amount;
pub mod approval;
pub mod asset;
pub mod email;
pub mod evidence;
pub mod hold;
pub mod idempotency;
pub mod ids;
pub mod ledger;
pub mod nonce;
pub mod onboarding;
pub mod policy;
pub mod step;
pub mod stop;
pub mod totp;
pub mod twin;
pub mod usdc;
pub mod window;
