//! Clock, faults and the mailbox as JSON.

use aegis_core::time::Timestamp;
use aegis_kernel::faults::{Armed, Fault};
use aegis_kernel::mail::Received;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::ops::Forward;
use crate::http::{Problem, Violation};
use crate::query_parameters;

/// What the clock shows.
#[derive(Debug, Serialize, ToSchema)]
pub struct ClockAnswer {
    /// The instant this instance takes for now.
    #[schema(format = "date-time")]
    now: String,
}

impl ClockAnswer {
    /// Shows an instant.
    pub fn of(now: Timestamp) -> ClockAnswer {
        ClockAnswer { now: now.to_rfc3339_millis() }
    }
}

/// Where the clock is to go: one of the two.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schema(min_properties = 1, max_properties = 1)]
pub struct ClockChange {
    /// Forward by so many seconds.
    #[schema(nullable = false, minimum = 0, maximum = 31_622_400_000_i64, example = 86400)]
    advance_seconds: Option<i64>,
    /// Forward to this instant, RFC 3339.
    #[schema(nullable = false, format = "date-time")]
    now: Option<String>,
}

impl ClockChange {
    /// Where to.
    ///
    /// # Errors
    /// `VALIDATION_ERROR` unless exactly one of the two is given and can be read.
    pub fn read(&self) -> Result<Forward, Problem> {
        let refused = |pointer: &str, rule: &str, message: &str| {
            Problem::validation(vec![Violation::new(pointer, rule, message)])
        };
        match (self.advance_seconds, self.now.as_deref()) {
            (Some(seconds), None) => Ok(Forward::By(seconds)),
            (None, Some(now)) => Timestamp::parse_rfc3339(now).map(Forward::To).ok_or_else(|| {
                refused(
                    "/now",
                    "format",
                    "This must be an RFC 3339 date-time, for example 2026-01-15T00:00:00Z.",
                )
            }),
            (Some(_), Some(_)) | (None, None) => {
                Err(refused("", "oneOf", "Give exactly one of `advanceSeconds` and `now`."))
            }
        }
    }
}

/// A fault that a sandbox can be told to have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum FaultName {
    /// The process dies before the operation's commit.
    CrashBeforeCommit,
    /// The process dies after the operation's commit, before anybody is answered.
    CrashAfterCommit,
    /// The operation commits, the answer is lost: the connection closes without one.
    LoseResponse,
    /// A webhook's receiver answers 503, without being called. Its scope is `webhook.deliver`.
    #[serde(rename = "webhook_5xx")]
    Webhook5xx,
    /// The mail server takes no letter; its scope is `mail.send`.
    SmtpDown,
}

impl From<FaultName> for Fault {
    fn from(name: FaultName) -> Fault {
        match name {
            FaultName::CrashBeforeCommit => Fault::CrashBeforeCommit,
            FaultName::CrashAfterCommit => Fault::CrashAfterCommit,
            FaultName::LoseResponse => Fault::LoseResponse,
            FaultName::Webhook5xx => Fault::Webhook5xx,
            FaultName::SmtpDown => Fault::SmtpDown,
        }
    }
}

impl From<Fault> for FaultName {
    fn from(fault: Fault) -> FaultName {
        match fault {
            Fault::CrashBeforeCommit => FaultName::CrashBeforeCommit,
            Fault::CrashAfterCommit => FaultName::CrashAfterCommit,
            Fault::LoseResponse => FaultName::LoseResponse,
            Fault::Webhook5xx => FaultName::Webhook5xx,
            Fault::SmtpDown => FaultName::SmtpDown,
        }
    }
}

/// Arms a fault.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewFault {
    /// Which one.
    pub name: FaultName,
    /// Name of the only operation it happens to; `*`, the default, for any.
    #[schema(
        nullable = false,
        max_length = 128,
        pattern = r"^(\*|[a-z_]+\.[a-z_]+)$",
        example = "identity.issue"
    )]
    scope: Option<String>,
    /// How often it happens; once if left out.
    #[schema(nullable = false, minimum = 1, maximum = 1000)]
    count: Option<u32>,
}

impl NewFault {
    /// To what it happens, and how often.
    pub fn armed(&self) -> Armed {
        let scope = self.scope.clone().unwrap_or_else(|| "*".to_owned());
        Armed { scope, count: self.count.unwrap_or(1) }
    }
}

/// A fault that is armed.
#[derive(Debug, Serialize, ToSchema)]
pub struct ArmedFault {
    name: FaultName,
    /// Name of the only operation it happens to; `*` for any.
    scope: String,
    /// How often it is still to happen.
    count: u32,
}

/// The faults that are armed.
#[derive(Debug, Serialize, ToSchema)]
pub struct FaultList {
    faults: Vec<ArmedFault>,
}

impl FaultList {
    /// Shows the switches.
    pub fn of(switches: Vec<(Fault, Armed)>) -> FaultList {
        let shown = |(fault, armed): (Fault, Armed)| ArmedFault {
            name: fault.into(),
            scope: armed.scope,
            count: armed.count,
        };
        FaultList { faults: switches.into_iter().map(shown).collect() }
    }
}

/// Every job has come to rest.
#[derive(Debug, Serialize, ToSchema)]
pub struct TickAnswer {
    /// How often a job found something to do.
    pub worked: u32,
}

/// Which letters.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct MailboxQuery {
    /// Only those to this address, as it was written on the letter.
    #[schema(nullable = false, max_length = 254, example = "your-agent@example.com")]
    pub to: Option<String>,
    /// At most so many; 50 if left out.
    #[schema(nullable = false, minimum = 1, maximum = 200)]
    pub limit: Option<u32>,
}
query_parameters!(MailboxQuery);

/// A letter that would have been sent.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Message {
    #[schema(example = "mail_019e099acb007b6a9d0e1f2031425364")]
    id: String,
    /// The address.
    to: String,
    subject: String,
    /// Plain text.
    text: String,
    /// When it was sent.
    #[schema(format = "date-time")]
    sent_at: String,
    /// The one-time code or token in the text.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    otp: Option<String>,
}

/// The letters in the mailbox, newest first.
#[derive(Debug, Serialize, ToSchema)]
pub struct Mailbox {
    messages: Vec<Message>,
}

impl Mailbox {
    /// Shows letters.
    pub fn of(received: Vec<Received>) -> Mailbox {
        let message = |letter: Received| Message {
            id: letter.id.to_string(),
            to: letter.to,
            subject: letter.subject,
            text: letter.text,
            sent_at: letter.sent_at.to_rfc3339_millis(),
            otp: letter.code,
        };
        Mailbox { messages: received.into_iter().map(message).collect() }
    }
}
