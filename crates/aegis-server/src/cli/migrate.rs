//! `aegis migrate`: the schema this program works with.

use aegis_store::{CommitHooks, OpenMode, Store};
use clap::Args;

use super::complaint::Complaint;
use super::{Exit, Place, configuration, running, screen};

#[derive(Debug, Args)]
pub(super) struct MigrateArgs {
    #[command(flatten)]
    place: Place,
}

/// Applies what is missing. `aegis serve` does the same at its start; this is for doing it before.
pub(super) fn run(arguments: &MigrateArgs) -> Result<Exit, Complaint> {
    let config = configuration(&arguments.place, None, false)?;
    let location = running::location(&config)?;
    let fault = |fault| Complaint::refused(running::explain(&fault));
    let store = Store::open(&location, OpenMode::MustExist, CommitHooks::default()).map_err(fault)?;
    let applied = store.migrate().map_err(fault)?;
    store.close();
    for name in &applied {
        screen::say(&format!("applied {name}"));
    }
    if applied.is_empty() {
        screen::say("The schema is current; nothing was to be done.");
    }
    Ok(Exit::Done)
}
