//! Why a command did not do what it was asked, in words for the person who typed it.

use std::fmt;

use super::Exit;

/// A command's bad end: what to print, and the exit code.
#[derive(Debug)]
pub(crate) struct Complaint {
    exit: Exit,
    text: String,
}

impl Complaint {
    /// Somebody said no, or something is wrong with what was looked at.
    pub(crate) fn refused(text: impl Into<String>) -> Complaint {
        Complaint { exit: Exit::Refused, text: text.into() }
    }

    /// The command was used wrongly.
    pub(crate) fn usage(text: impl Into<String>) -> Complaint {
        Complaint { exit: Exit::Usage, text: text.into() }
    }

    /// It could not be found out, or it is not known whether it was done.
    pub(crate) fn unknown(text: impl Into<String>) -> Complaint {
        Complaint { exit: Exit::Unknown, text: text.into() }
    }

    /// Something broke that should not.
    pub(crate) fn internal(text: impl Into<String>) -> Complaint {
        Complaint { exit: Exit::Internal, text: text.into() }
    }

    /// The exit code.
    pub(crate) fn exit(&self) -> Exit {
        self.exit
    }
}

impl fmt::Display for Complaint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}
