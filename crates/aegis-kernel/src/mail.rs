//! Letters to people: written by the operation that causes them, sent by a job, readable for nobody meanwhile.
//!
//! A letter may carry a one-time code, so its text is sealed from the moment it is written and erased when it is
//! sent. It is sent at least once: after a crash between the server's yes and our commit it goes out again, under the
//! same `Message-ID`, which is how mail programs tell a copy. A letter that is too old to be of use is never sent.

mod smtp;
mod sql;

use std::time::Duration;

use aegis_core::encoding::to_hex;
use aegis_core::id::MailId;
use aegis_core::moment::Moment;
use aegis_core::secret::Secret;
use aegis_core::time::Timestamp;
use aegis_store::{Cause, Fault, Lane, Tx, Verdict};
use tokio::sync::{Mutex, Notify};

use crate::faults;
use crate::job::{Job, Lease, Report, Tick};
use crate::kernel::Kernel;
use crate::keyring::Keyring;

pub use smtp::{Smtp, SmtpRefused};

/// How often the job looks for letters whose next try is due; new ones give a hint.
const INTERVAL: Duration = Duration::from_secs(5);
/// Longer than one letter may take, and no longer: after a crash, letters wait for the lease to end.
const LEASE_SECONDS: i64 = 60;
/// Letters of one tick.
const BATCH: u32 = 20;
/// Seconds from a failed try to the next; the last goes on until the letter is too old.
const BACKOFF: [i64; 5] = [5, 15, 60, 300, 900];
/// How long letters are kept once they were sent or given up.
pub(crate) const KEPT_SECONDS: i64 = 7 * 86_400;

/// A letter to one person.
#[derive(Debug)]
pub struct Letter {
    /// The address.
    pub to: String,
    /// One line; nothing secret, for it is not sealed.
    pub subject: String,
    /// Plain text.
    pub text: Secret<String>,
    /// The code or token in `text`, for the sandbox's mailbox.
    pub code: Option<Secret<String>>,
    /// From when on it is of no use to its reader.
    pub useless_at: Timestamp,
}

/// Where letters go.
#[derive(Debug)]
pub enum Mailer {
    /// Nowhere: operations that need a letter are refused.
    Nowhere,
    /// They stay, for `/sandbox/mailbox`.
    Mailbox,
    /// To a mail server.
    Smtp(Box<Smtp>),
}

impl Mailer {
    /// Whether letters have somewhere to go.
    pub fn is_configured(&self) -> bool {
        !matches!(self, Mailer::Nowhere)
    }
}

/// A letter as stored, without its text.
#[derive(Debug, Clone)]
pub(crate) struct MailRow {
    pub(crate) id: MailId,
    pub(crate) to: String,
    pub(crate) subject: String,
    pub(crate) sealed: Vec<u8>,
    pub(crate) useless_at: Timestamp,
    pub(crate) attempts: u32,
}

/// A letter in the sandbox's mailbox.
#[derive(Debug)]
pub struct Received {
    /// Its id.
    pub id: MailId,
    /// The address.
    pub to: String,
    /// One line.
    pub subject: String,
    /// Plain text.
    pub text: String,
    /// The code in it.
    pub code: Option<String>,
    /// When it was sent.
    pub sent_at: Timestamp,
}

/// What is sealed, as a JSON object.
struct Content {
    text: String,
    code: Option<String>,
}

/// Writes a letter inside the operation that causes it. Hint [`Kernel::mail_hint`] after the commit.
///
/// # Errors
/// Faults of the store.
pub fn post(tx: &mut Tx<'_>, at: &mut Moment, keyring: &Keyring, letter: &Letter) -> Result<MailId, Fault> {
    let unwritable = |cause| Fault::Internal { what: "seal a letter", cause };
    let id: MailId = at.new_id();
    let code = letter.code.as_ref().map(|code| code.expose().as_str());
    let content = serde_json::json!({ "text": letter.text.expose(), "code": code });
    let content = Secret::new(content.to_string().into_bytes());
    let sealed = keyring
        .kek()
        .seal(content.expose(), &place(id), at.entropy())
        .map_err(|error| unwritable(Cause::new(error)))?;
    sql::insert_mail(tx, id, letter, &sealed, at.now())?;
    Ok(id)
}

fn place(id: MailId) -> Vec<u8> {
    format!("mail/sealed/{id}").into_bytes()
}

fn unseal(keyring: &Keyring, id: MailId, sealed: &[u8]) -> Result<Content, Fault> {
    let broken = |cause| Fault::Internal { what: "open a sealed letter", cause };
    let content = keyring.kek().open(sealed, &place(id)).map_err(|error| broken(Cause::new(error)))?;
    let content: serde_json::Value =
        serde_json::from_slice(content.expose()).map_err(|error| broken(Cause::new(error)))?;
    let member = |name| content.get(name).and_then(serde_json::Value::as_str).map(str::to_owned);
    let text = member("text").ok_or_else(|| broken(Cause::text("it has no text")))?;
    Ok(Content { text, code: member("code") })
}

/// The letters in the sandbox's mailbox, newest first.
///
/// # Errors
/// Faults of the store.
pub async fn list_received(kernel: &Kernel, to: Option<String>, limit: u32) -> Result<Vec<Received>, Fault> {
    let rows = kernel.parts().store.read(move |tx| sql::list_sent(tx, to.as_deref(), limit)).await?;
    let keyring = &kernel.parts().keyring;
    let received = rows.into_iter().map(|(row, sent_at)| {
        let Content { text, code } = unseal(keyring, row.id, &row.sealed)?;
        Ok(Received { id: row.id, to: row.to, subject: row.subject, text, code, sent_at })
    });
    received.collect()
}

/// Throws away letters of long ago.
///
/// # Errors
/// Faults of the store.
pub(crate) fn throw_away(tx: &mut Tx<'_>, now: Timestamp) -> Result<u64, Fault> {
    sql::delete_before(tx, now.plus_seconds(-KEPT_SECONDS))
}

/// How a try ended.
enum Tried {
    Sent,
    /// Try again.
    Later(String),
    /// The server will never take it.
    Never(String),
}

/// The job that sends letters.
pub struct SendMail {
    kernel: Kernel,
    lease: Lease,
    // The lease keeps other processes away; this keeps two ticks of one process from sending a letter twice.
    sending: Mutex<()>,
}

impl SendMail {
    /// A sender under a name of its own.
    pub fn new(kernel: Kernel) -> SendMail {
        let holder = to_hex(&kernel.parts().entropy.fork().bytes::<16>());
        SendMail {
            kernel,
            lease: Lease { name: "mail.send", holder, seconds: LEASE_SECONDS },
            sending: Mutex::default(),
        }
    }

    async fn send_due(&self) -> Result<Report, Fault> {
        let _alone = self.sending.lock().await;
        let (store, now) = (&self.kernel.parts().store, self.kernel.now());
        let due = store.read(move |tx| sql::list_due(tx, now, BATCH)).await?;
        let mut report = Report::Idle;
        for row in due {
            // A letter may take half the lease, so each renews it at its own instant.
            if !self.lease.hold(store, self.kernel.now()).await? {
                break;
            }
            self.send(row).await?;
            report = Report::Worked;
        }
        Ok(report)
    }

    async fn send(&self, row: MailRow) -> Result<(), Fault> {
        let (id, attempts) = (row.id, row.attempts.saturating_add(1));
        let tried = self.attempt(&row).await?;
        let now = self.kernel.now();
        let keep = matches!(self.kernel.parts().mailer, Mailer::Mailbox);
        let store = &self.kernel.parts().store;
        let record = move |tx: &mut Tx<'_>| {
            match &tried {
                Tried::Sent => sql::update_sent(tx, id, attempts, now, keep),
                Tried::Never(why) => sql::update_given_up(tx, id, attempts, why),
                Tried::Later(why) => {
                    let step = usize::try_from(attempts.saturating_sub(1)).unwrap_or(usize::MAX);
                    let wait = BACKOFF.get(step).or(BACKOFF.last()).copied().unwrap_or_default();
                    sql::update_next_attempt(tx, id, attempts, now.plus_seconds(wait), why)
                }
            }
            .map(Verdict::Commit)
        };
        store.write(Lane::of(&format!("mail/{id}")), record, |()| {}).await
    }

    async fn attempt(&self, row: &MailRow) -> Result<Tried, Fault> {
        let parts = self.kernel.parts();
        if row.useless_at <= self.kernel.now() {
            return Ok(Tried::Never("it could not be sent while it was of use".to_owned()));
        }
        if parts.faults.strikes(faults::Fault::SmtpDown, self.name()) {
            return Ok(Tried::Later("the sandbox fault smtp_down".to_owned()));
        }
        let content = unseal(&parts.keyring, row.id, &row.sealed)?;
        let tried = match &parts.mailer {
            // Only reached where the server was configured when the letter was written, and no longer is.
            Mailer::Nowhere => Tried::Later("no mail server is configured".to_owned()),
            Mailer::Mailbox => Tried::Sent,
            Mailer::Smtp(smtp) => {
                match smtp.send(row.id, &row.to, &row.subject, content.text, self.kernel.now()).await {
                    Ok(()) => Tried::Sent,
                    Err(SmtpRefused::ForNow(why)) => Tried::Later(why),
                    Err(SmtpRefused::ForGood(why)) => Tried::Never(why),
                }
            }
        };
        match &tried {
            Tried::Sent => {}
            Tried::Later(why) => tracing::warn!(mail = %row.id, %why, "a letter could not be sent yet"),
            Tried::Never(why) => tracing::error!(mail = %row.id, %why, "a letter cannot be sent"),
        }
        Ok(tried)
    }
}

impl Job for SendMail {
    fn name(&self) -> &'static str {
        "mail.send"
    }

    fn interval(&self) -> Duration {
        INTERVAL
    }

    fn hint(&self) -> &Notify {
        self.kernel.mail_hint()
    }

    fn tick(&self) -> Tick<'_> {
        Box::pin(self.send_due())
    }
}
