//! Letters over SMTP (RFC 5321). TLS is compulsory except to this very machine.

use std::fmt;
use std::net::IpAddr;
use std::time::{Duration, SystemTime};

use aegis_core::id::MailId;
use aegis_core::secret::Secret;
use aegis_core::time::Timestamp;
use lettre::message::header::ContentType;
use lettre::message::{Mailbox, Message};
use lettre::transport::smtp::authentication::Credentials;
use lettre::transport::smtp::client::{Tls, TlsParameters};
use lettre::transport::smtp::extension::ClientId;
use lettre::{AsyncSmtpTransport, AsyncTransport as _, Tokio1Executor};

/// How long one command of the conversation may take.
const TIMEOUT: Duration = Duration::from_secs(10);
/// How long one letter may take.
const LETTER_TIMEOUT: Duration = Duration::from_secs(30);

/// A mail server that takes our letters.
pub struct Smtp {
    transport: AsyncSmtpTransport<Tokio1Executor>,
    from: Mailbox,
}

/// A letter is not taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SmtpRefused {
    /// No connection, no answer, or a 4xx: worth another try.
    #[error("{0}")]
    ForNow(String),
    /// A 5xx, or an address that cannot be written.
    #[error("{0}")]
    ForGood(String),
}

impl Smtp {
    /// A server by its URL: `smtps://[USER@]HOST[:PORT]` (TLS from the first byte, port 465) or
    /// `smtp://[USER@]HOST[:PORT]` (STARTTLS, which must succeed, port 587; in clear to loopback addresses alone).
    /// `from` is an address as in a `From:` header.
    ///
    /// # Errors
    /// What is wrong with the URL or the address, in words for the one who configured it.
    pub fn new(url: &str, password: Option<&Secret<String>>, from: &str) -> Result<Smtp, String> {
        let (scheme, rest) = url.split_once("://").ok_or("must be smtp://… or smtps://…")?;
        let (user, place) = match rest.rsplit_once('@') {
            Some((user, place)) => (Some(user), place),
            None => (None, rest),
        };
        let default = match scheme {
            "smtps" => 465,
            "smtp" => 587,
            _ => return Err("must be smtp://… or smtps://…".to_owned()),
        };
        let (host, port) = host_and_port(place, default)?;
        let local = host == "localhost" || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback());
        let tls = || TlsParameters::new(host.to_owned()).map_err(|error| error.to_string());
        let tls = match scheme {
            "smtps" => Tls::Wrapper(tls()?),
            _ if local => Tls::None,
            _ => Tls::Required(tls()?),
        };
        let mut builder = AsyncSmtpTransport::<Tokio1Executor>::builder_dangerous(host)
            .port(port)
            .tls(tls)
            .hello_name(ClientId::Domain("aegis.invalid".to_owned()))
            .timeout(Some(TIMEOUT));
        match (user, password) {
            (Some(user), Some(password)) => {
                builder = builder.credentials(Credentials::new(user.to_owned(), password.expose().clone()));
            }
            (Some(_), None) => return Err("names a user, so mail.password_file must be set".to_owned()),
            (None, Some(_)) => return Err("must name the user whose password is given".to_owned()),
            (None, None) => {}
        }
        let from = from.parse().map_err(|error| format!("mail.from is no address: {error}"))?;
        Ok(Smtp { transport: builder.build(), from })
    }

    /// Sends one letter; the same `id` gives the same `Message-ID`.
    pub(super) async fn send(
        &self,
        id: MailId,
        to: &str,
        subject: &str,
        text: String,
        now: Timestamp,
    ) -> Result<(), SmtpRefused> {
        let unwritable = |what: &dyn fmt::Display| SmtpRefused::ForGood(what.to_string());
        let to: Mailbox = to.parse().map_err(|error: lettre::address::AddressError| unwritable(&error))?;
        let seconds = u64::try_from(now.as_seconds()).unwrap_or_default();
        let message = Message::builder()
            .from(self.from.clone())
            .to(to)
            .subject(subject)
            .date(SystemTime::UNIX_EPOCH + Duration::from_secs(seconds))
            .message_id(Some(format!("<{id}@{}>", self.from.email.domain())))
            .header(ContentType::TEXT_PLAIN)
            .body(text)
            .map_err(|error| unwritable(&error))?;
        let sent = tokio::time::timeout(LETTER_TIMEOUT, self.transport.send(message)).await;
        let Ok(sent) = sent else {
            return Err(SmtpRefused::ForNow("the mail server took too long".to_owned()));
        };
        match sent {
            Ok(_) => Ok(()),
            // An answer of the server names a code and its words; neither repeats the letter's text.
            Err(error) if error.is_permanent() => Err(SmtpRefused::ForGood(error.to_string())),
            Err(error) => Err(SmtpRefused::ForNow(error.to_string())),
        }
    }
}

impl fmt::Debug for Smtp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Smtp(from {})", self.from.email)
    }
}

fn host_and_port(place: &str, default: u16) -> Result<(&str, u16), String> {
    let (host, port) = match place.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((host, rest)) => (host, rest.strip_prefix(':')),
        None => place.rsplit_once(':').map_or((place, None), |(host, port)| (host, Some(port))),
    };
    let port = port.map_or(Ok(default), |port| port.parse().map_err(|_| format!("`{port}` is no port")))?;
    if host.is_empty() { Err("names no host".to_owned()) } else { Ok((host, port)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every part of the URL, and what is missing is said.
    #[test]
    fn urls_are_read() {
        for (place, expected) in [
            ("mail.example", Ok(("mail.example", 587))),
            ("mail.example:25", Ok(("mail.example", 25))),
            ("[::1]:2525", Ok(("::1", 2525))),
            ("[::1]", Ok(("::1", 587))),
        ] {
            assert_eq!(host_and_port(place, 587), expected, "{place}");
        }
        let secret = Secret::new("hunter2".to_owned());
        let from = "Aegis <aegis@example.com>";
        assert!(Smtp::new("smtps://me@mail.example", Some(&secret), from).is_ok());
        assert!(Smtp::new("smtp://127.0.0.1:2525", None, from).is_ok());
        for (url, password, from) in [
            ("http://mail.example", None, from),
            ("mail.example", None, from),
            ("smtp://", None, from),
            ("smtp://mail.example:x", None, from),
            ("smtp://me@mail.example", None, from),
            ("smtp://mail.example", Some(&secret), from),
            ("smtp://mail.example", None, "nobody"),
        ] {
            let refused = Smtp::new(url, password, from).unwrap_err();
            assert!(!refused.is_empty() && !refused.contains("hunter2"), "{url}: {refused}");
        }
    }
}
