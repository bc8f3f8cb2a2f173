//! `aegis check-config`: the configuration as it turned out.

use clap::Args;

use super::complaint::Complaint;
use super::{Exit, Place, configuration, screen};

#[derive(Debug, Args)]
pub(super) struct CheckConfigArgs {
    #[command(flatten)]
    place: Place,
    /// As `aegis serve --production` would read it.
    #[arg(long)]
    production: bool,
}

/// Prints every setting with its source. A configuration holds no secrets, only paths of files that do.
pub(super) fn run(arguments: &CheckConfigArgs) -> Result<Exit, Complaint> {
    let config = configuration(&arguments.place, None, arguments.production)?;
    screen::hand_over(config.effective().as_bytes())?;
    Ok(Exit::Done)
}
