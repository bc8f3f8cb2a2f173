//! Money rules from outside.
