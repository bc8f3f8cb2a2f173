//! Enums that are spelled as fixed words in documents: the one of the shared vocabulary, under its short name.

pub(crate) use aegis_core::closed_set;
