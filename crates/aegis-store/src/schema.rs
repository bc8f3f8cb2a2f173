//! The one linear series of migrations of the whole server.

use crate::Migration;

macro_rules! step {
    ($name:literal) => {
        Migration::new(
            $name,
            include_str!(concat!("../../../migrations/", $name, ".sqlite.sql")),
            include_str!(concat!("../../../migrations/", $name, ".postgres.sql")),
        )
    };
}

/// Every step, oldest first. A step that was released is never edited: its checksum is stored in every database.
pub(crate) const SERIES: &[Migration] =
    &[step!("0001_kernel"), step!("0002_passport"), step!("0003_webhook")];
