//! Asking a server over HTTP, and telling people what it refused.

use std::fmt::Write as _;
use std::net::IpAddr;
use std::path::Path;
use std::time::Duration;

use aegis_core::secret::Secret;
use clap::Args;
use serde_json::Value;
use ureq::tls::{Certificate, RootCerts, TlsConfig};
use ureq::{Agent, RequestBuilder};

use super::complaint::Complaint;
use crate::config::{API_KEY_VARIABLE, api_key_of_process};

/// Where a server is asked when no other is named.
pub(crate) const DEFAULT_URL: &str = "http://127.0.0.1:8080";
/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(30);
/// The largest answer that is read.
const ANSWER_BYTES_MAX: u64 = 64 << 20;

/// Which server, and in which form its answer is shown.
#[derive(Debug, Clone, Args)]
pub(crate) struct ServerArgs {
    /// The server to ask.
    #[arg(long, value_name = "URL", default_value = DEFAULT_URL)]
    pub(crate) url: String,
    /// Print the answer as JSON.
    #[arg(long)]
    pub(crate) json: bool,
}

/// A server that can be asked.
pub(crate) struct Client {
    base: String,
    agent: Agent,
    key: Option<Secret<String>>,
}

/// What a server answered: some success, or a document for everybody.
#[derive(Debug)]
pub(crate) struct Answer {
    /// The body as it came.
    pub(crate) body: Vec<u8>,
    /// The entry of the log that proves the change.
    pub(crate) log_entry: Option<String>,
}

impl Answer {
    /// The body as JSON.
    pub(crate) fn json(&self) -> Result<Value, Complaint> {
        serde_json::from_slice(&self.body)
            .map_err(|_| Complaint::unknown("the server's answer is not JSON; is this an aegis server?"))
    }
}

/// Why there is no success.
enum Failed {
    Unreachable(ureq::Error),
    Problem(u16, Vec<u8>),
}

impl Client {
    /// A client without a credential.
    pub(crate) fn anonymous(url: &str) -> Result<Client, Complaint> {
        Client::new(url, None)
    }

    /// A client with the key of the environment; `whose` is shown how to set it when there is none.
    pub(crate) fn with_key(url: &str, whose: Whose) -> Result<Client, Complaint> {
        let key = api_key_of_process().ok_or_else(|| Complaint::usage(key_missing(whose)))?;
        Client::new(url, Some(key))
    }

    /// A client with this key.
    pub(crate) fn new(url: &str, key: Option<Secret<String>>) -> Result<Client, Complaint> {
        let base = url.trim_end_matches('/').to_owned();
        let (scheme, rest) = base
            .split_once("://")
            .filter(|(scheme, rest)| matches!(*scheme, "http" | "https") && !rest.is_empty())
            .ok_or_else(|| {
                Complaint::usage(format!("{url} is no URL of a server; it begins with http:// or https://"))
            })?;
        let here = is_this_machine(rest);
        if scheme == "http" && !here && key.is_some() {
            let text = "an API key is not sent over http:// to another machine; use https://";
            return Err(Complaint::usage(text));
        }
        let mut config = Agent::config_builder()
            .http_status_as_error(false)
            .max_redirects(0)
            .timeout_global(Some(PATIENCE))
            .user_agent(concat!("aegis/", env!("CARGO_PKG_VERSION")));
        if here {
            config = config.proxy(None);
        }
        if scheme == "https" {
            config = config.tls_config(TlsConfig::builder().root_certs(roots()?).build());
        }
        Ok(Client { agent: config.build().into(), base, key })
    }

    /// The server's URL, without a slash at its end.
    pub(crate) fn base(&self) -> &str {
        &self.base
    }

    /// Reads `path`.
    pub(crate) fn get(&self, path: &str) -> Result<Answer, Complaint> {
        let request = self.agent.get(format!("{}{path}", self.base));
        self.tell(self.keyed(request).call())
    }

    /// Sends JSON to `path` by POST.
    pub(crate) fn post(&self, path: &str, body: &[u8]) -> Result<Answer, Complaint> {
        let request = self.agent.post(format!("{}{path}", self.base));
        self.tell(self.keyed(request).header("content-type", "application/json").send(body))
    }

    /// Sends JSON to `path` by PATCH.
    pub(crate) fn patch(&self, path: &str, body: &[u8]) -> Result<Answer, Complaint> {
        let request = self.agent.patch(format!("{}{path}", self.base));
        self.tell(self.keyed(request).header("content-type", "application/json").send(body))
    }

    /// Asks for `path` to be removed.
    pub(crate) fn delete(&self, path: &str) -> Result<Answer, Complaint> {
        let request = self.agent.delete(format!("{}{path}", self.base));
        self.tell(self.keyed(request).call())
    }

    fn keyed<B>(&self, request: RequestBuilder<B>) -> RequestBuilder<B> {
        match &self.key {
            Some(key) => request.header("x-api-key", key.expose()),
            None => request,
        }
    }

    fn tell(
        &self,
        answered: Result<ureq::http::Response<ureq::Body>, ureq::Error>,
    ) -> Result<Answer, Complaint> {
        read(answered).map_err(|failed| match failed {
            Failed::Unreachable(error) => {
                Complaint::unknown(format!("no answer from {}: {error}{}", self.base, self.hint()))
            }
            Failed::Problem(status, body) => problem(status, &body),
        })
    }

    fn hint(&self) -> &'static str {
        if self.base == DEFAULT_URL {
            "\n  start a sandbox there with `aegis serve`, or name another server with --url"
        } else {
            ""
        }
    }
}

fn read(answered: Result<ureq::http::Response<ureq::Body>, ureq::Error>) -> Result<Answer, Failed> {
    let mut response = answered.map_err(Failed::Unreachable)?;
    let status = response.status().as_u16();
    let log_entry = response.headers().get("x-log-entry").and_then(|value| value.to_str().ok());
    let log_entry = log_entry.map(str::to_owned);
    let body = response.body_mut().with_config().limit(ANSWER_BYTES_MAX).read_to_vec();
    let body = body.map_err(Failed::Unreachable)?;
    if (200..300).contains(&status) {
        Ok(Answer { body, log_entry })
    } else {
        Err(Failed::Problem(status, body))
    }
}

/// A problem for people: title, detail, each broken rule, the request's name.
fn problem(status: u16, body: &[u8]) -> Complaint {
    let body: Value = serde_json::from_slice(body).unwrap_or_default();
    let text = |name: &str| body.get(name).and_then(Value::as_str);
    let complain = if status < 500 { Complaint::refused } else { Complaint::unknown };
    let (Some(title), Some(code)) = (text("title"), text("code")) else {
        return Complaint::unknown(format!("the server answered {status} and nothing that can be used"));
    };
    let mut said = format!("{title} ({code}, {status})");
    let violations = body.pointer("/details/violations").and_then(Value::as_array);
    for violation in violations.into_iter().flatten() {
        let part = |name: &str| violation.get(name).and_then(Value::as_str).unwrap_or_default();
        let _ = write!(said, "\n  {}  {}", part("pointer"), part("message"));
    }
    if violations.is_none() {
        let _ = write!(said, "\n  {}", text("detail").unwrap_or_default());
    }
    let others = body.get("details").and_then(Value::as_object).into_iter().flatten();
    for (name, value) in others.filter(|(name, _)| *name != "violations") {
        let _ = write!(said, "\n  {name}: {value}");
    }
    let _ = write!(said, "\n  request id {}", text("requestId").unwrap_or("unknown"));
    if status == 401 {
        let _ = write!(said, "\n  the key was taken from {API_KEY_VARIABLE}");
    }
    complain(said)
}

/// Certificates that this system trusts; `SSL_CERT_FILE` names others.
fn roots() -> Result<RootCerts, Complaint> {
    let found = rustls_native_certs::load_native_certs();
    let certificates: Vec<Certificate<'static>> =
        found.certs.iter().map(|certificate| Certificate::from_der(certificate).to_owned()).collect();
    if certificates.is_empty() {
        let text = "this system has no trusted certificates; name a file of them with SSL_CERT_FILE";
        return Err(Complaint::unknown(text));
    }
    Ok(RootCerts::new_with_certs(&certificates))
}

/// Whether an authority (`host:port/…`) is a loopback address or `localhost`.
fn is_this_machine(authority: &str) -> bool {
    let authority = authority.split('/').next().unwrap_or_default();
    if authority.contains('@') {
        return false;
    }
    let host = match authority.strip_prefix('[') {
        Some(rest) => rest.split(']').next().unwrap_or_default(),
        None => authority.split(':').next().unwrap_or_default(),
    };
    host == "localhost" || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

/// Whose key a command needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Whose {
    /// An operator's.
    Operator,
    /// The admin's.
    Admin,
}

fn key_missing(whose: Whose) -> String {
    let file = Path::new("aegis-data/sandbox.json");
    let (who, command) = match whose {
        Whose::Operator => ("an operator", operator_key_command(file)),
        Whose::Admin => ("the admin", admin_key_command(file)),
    };
    format!("this needs the API key of {who} in {API_KEY_VARIABLE}\n  in a sandbox: {command}")
}

/// The shell command that takes the sample operator's key out of a sandbox's file, without any tool beside
/// `sed`.
pub(crate) fn operator_key_command(file: &Path) -> String {
    let pick = r#"/"operator"/,/}/s/.*"apiKey": "\(.*\)".*/\1/p"#;
    format!("export {API_KEY_VARIABLE}=$(sed -n '{pick}' {})", file.display())
}

fn admin_key_command(file: &Path) -> String {
    format!(r#"export {API_KEY_VARIABLE}=$(sed -n 's/.*"adminKey": "\(.*\)".*/\1/p' {})"#, file.display())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A key leaves this machine only over TLS.
    #[test]
    fn keys_need_tls() {
        let key = || Some(Secret::new("ak_test_x".to_owned()));
        assert!(Client::new("http://127.0.0.1:8080", key()).is_ok());
        assert!(Client::new("http://[::1]:8080/", key()).is_ok());
        assert!(Client::new("http://localhost", key()).is_ok());
        assert!(Client::new("http://id.example.org", key()).is_err());
        assert!(Client::new("http://127.0.0.1@id.example.org", key()).is_err());
        assert!(Client::new("http://127.0.0.1.example.org", key()).is_err());
        assert!(Client::new("http://id.example.org", None).is_ok());
        assert!(Client::new("id.example.org", None).is_err());
    }

    /// A refusal shows title, every broken rule and the request id.
    #[test]
    fn tells_problems() {
        let body = br#"{"title":"Invalid request","code":"VALIDATION_ERROR","detail":"d","requestId":"r-1",
            "details":{"violations":[{"pointer":"/a","message":"`a` is missing."},{"pointer":"/b","message":"no"}]}}"#;
        let said = problem(400, body);
        assert_eq!(
            said.to_string(),
            "Invalid request (VALIDATION_ERROR, 400)\n  /a  `a` is missing.\n  /b  no\n  request id r-1"
        );
        assert_eq!(said.exit(), super::super::Exit::Refused);
        assert_eq!(problem(502, b"<html>").exit(), super::super::Exit::Unknown);
    }
}
