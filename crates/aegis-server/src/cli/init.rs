//! `aegis init --production`: a database, and the first key of its admin.

use aegis_store::OpenMode;
use clap::Args;

use super::complaint::Complaint;
use super::{Exit, Place, configuration, running, screen};
use crate::account::bootstrap_admin;
use crate::app::App;

#[derive(Debug, Args)]
pub(super) struct InitArgs {
    #[command(flatten)]
    place: Place,
    /// Make an instance for real use. (A sandbox makes itself at its first start.)
    #[arg(long, required = true)]
    production: bool,
}

/// Makes schema, signing keys and the first admin key. The key is shown now and never again.
pub(super) fn run(arguments: &InitArgs) -> Result<Exit, Complaint> {
    let config = configuration(&arguments.place, None, arguments.production)?;
    std::fs::create_dir_all(&config.data)
        .map_err(|error| Complaint::refused(format!("cannot make {}: {error}", config.data.display())))?;
    let mut wiring = running::wiring(&config)?;
    wiring.open_mode = OpenMode::CreateIfMissing;
    let runtime = running::runtime()?;
    let fault = |fault| Complaint::refused(running::explain(&fault));
    let app = runtime.block_on(App::open(wiring)).map_err(fault)?;
    let made = runtime.block_on(bootstrap_admin(&app.kernel)).map_err(fault)?;
    let digest = app.passports.keys_digest();
    let issuer = app.passports.issuer().to_string();
    app.close();
    let Some(key) = made else {
        return Err(Complaint::refused(
            "this instance has its first admin key already, and nobody can be shown it again. \
             With a working admin key, further ones can be made.",
        ));
    };
    screen::remark(&format!("The instance {issuer} is made. This is its admin key; it is shown only now:"));
    screen::hand_over(key.reveal().as_bytes())?;
    screen::remark(&format!("Fingerprint of its keys, for those who pin them: {digest}"));
    screen::remark("Next: aegis serve --production");
    Ok(Exit::Done)
}
