//! Small facts of the instance that outlive a restart.

use aegis_store::{Fault, Tx};

use crate::sql;

/// A fact the database remembers, by name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Setting {
    /// How many microseconds the sandbox clock runs ahead of the system's.
    SandboxClockShift,
}

impl Setting {
    const fn name(self) -> &'static str {
        match self {
            Setting::SandboxClockShift => "sandbox_clock_shift_micros",
        }
    }
}

/// Reads a setting.
///
/// # Errors
/// Faults of the store.
pub fn find(tx: &mut Tx<'_>, setting: Setting) -> Result<Option<String>, Fault> {
    sql::find_setting(tx, setting.name())
}

/// Writes a setting.
///
/// # Errors
/// Faults of the store.
pub fn put(tx: &mut Tx<'_>, setting: Setting, value: &str) -> Result<(), Fault> {
    sql::upsert_setting(tx, setting.name(), value)
}
