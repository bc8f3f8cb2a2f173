//! `aegis verify`: is this passport good?
//!
//! With pinned keys, this machine alone decides what can be decided without the issuer: form, issuer, key,
//! signature and dates. Whether the passport is registered and what became of it since is then said to be
//! unknown. With a server, its answer is the verdict.

mod answer;
mod offline;

use std::io::Read as _;
use std::path::{Path, PathBuf};

use aegis_core::json::{self, Json};
use aegis_core::limits::{JSON_DEPTH_MAX, SKEW_SECONDS};
use aegis_core::time::Timestamp;
use aegis_kernel::clock::Clock;
use aegis_passport::key_history::SignedKeyHistory;
use clap::{ArgGroup, Args};
use serde_json::Value;

use super::client::Client;
use super::complaint::Complaint;
use super::{Exit, screen, trust_root};
use answer::Judged;

/// The largest file that can be a passport: 64 KiB in canonical form, generously indented.
const FILE_BYTES_MAX: u64 = 1 << 20;

#[derive(Debug, Args)]
#[command(group(ArgGroup::new("trust").required(true).args(["trust_root", "url"])))]
#[command(
    after_help = "Exit codes: 0 valid, 1 invalid, 2 used wrongly, 4 unknown; of several files the worst, \
    in the order 2, 1, 4, 0."
)]
pub(super) struct VerifyArgs {
    /// Passport documents as they were issued; - reads one from the standard input.
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// Check offline, against keys pinned by `aegis trust-root fetch`.
    #[arg(long, value_name = "FILE")]
    trust_root: Option<PathBuf>,
    /// Ask this server.
    #[arg(long, value_name = "URL")]
    url: Option<String>,
    /// Was it valid then? RFC 3339, at most a minute ahead.
    #[arg(long, value_name = "TIME", value_parser = instant)]
    at: Option<Timestamp>,
    /// Print one line of JSON for each file.
    #[arg(long)]
    json: bool,
}

/// An RFC 3339 time.
pub(super) fn instant(text: &str) -> Result<Timestamp, String> {
    Timestamp::parse_rfc3339(text).ok_or_else(|| "an RFC 3339 time such as 2026-05-08T22:00:00Z".to_owned())
}

/// What decides.
enum Trust {
    Pinned(Box<SignedKeyHistory>),
    Server(Client),
}

pub(super) fn run(arguments: &VerifyArgs) -> Result<Exit, Complaint> {
    let now = Clock::System.now();
    if arguments.at.is_some_and(|at| at > now.plus_seconds(SKEW_SECONDS)) {
        return Err(Complaint::usage("--at lies in the future; nobody knows yet"));
    }
    let trust = match (&arguments.trust_root, &arguments.url) {
        (Some(file), _) => Trust::Pinned(Box::new(trust_root::pinned(file)?)),
        (None, Some(url)) => Trust::Server(Client::anonymous(url)?),
        (None, None) => return Err(Complaint::usage("name --trust-root or --url")),
    };
    let mut worst = Exit::Done;
    for (index, file) in arguments.files.iter().enumerate() {
        let exit = match judge(file, &trust, arguments.at, now) {
            Ok(judged) => {
                show(file, &judged, arguments.json, index > 0);
                judged.exit()
            }
            Err(complaint) => {
                screen::complain(&format!("{}: {complaint}", file.display()));
                complaint.exit()
            }
        };
        worst = worse(worst, exit);
    }
    Ok(worst)
}

fn show(file: &Path, judged: &Judged, as_json: bool, further: bool) {
    let name = file.display().to_string();
    if as_json {
        screen::say(&judged.line(&name));
        return;
    }
    if further {
        screen::say("");
    }
    screen::say(&judged.block(&name));
}

/// The worse of two ends, in the order 2, 1, 4, 0; a failure inside is the worst.
fn worse(one: Exit, other: Exit) -> Exit {
    let order = [Exit::Internal, Exit::Usage, Exit::Refused, Exit::Unknown, Exit::Done];
    order.into_iter().find(|exit| *exit == one || *exit == other).unwrap_or(Exit::Internal)
}

fn judge(file: &Path, trust: &Trust, at: Option<Timestamp>, now: Timestamp) -> Result<Judged, Complaint> {
    let text = read(file).map_err(|error| Complaint::usage(format!("cannot be read: {error}")))?;
    let document = match json::parse(&text, JSON_DEPTH_MAX) {
        Ok(document @ Json::Object(_)) => document,
        Ok(_) => return Ok(offline::unreadable("the file holds no JSON object", at, now)),
        Err(error) => return Ok(offline::unreadable(&format!("the file is no JSON: {error}"), at, now)),
    };
    match trust {
        Trust::Pinned(history) => Ok(offline::judge(&document, history, at, now)),
        Trust::Server(client) => ask(client, &text, at),
    }
}

/// The server's verdict on a document, byte for byte as it is in the file.
fn ask(client: &Client, document: &[u8], at: Option<Timestamp>) -> Result<Judged, Complaint> {
    let mut body = br#"{"passport":"#.to_vec();
    body.extend_from_slice(document);
    if let Some(at) = at {
        body.extend_from_slice(format!(r#","at":"{}""#, at.to_rfc3339_millis()).as_bytes());
    }
    body.push(b'}');
    let answer = client.post("/api/agent/verify", &body).map_err(|complaint| match complaint.exit() {
        // A refusal to judge is no verdict.
        Exit::Refused => Complaint::unknown(complaint.to_string()),
        Exit::Done | Exit::Usage | Exit::Unknown | Exit::Internal => complaint,
    })?;
    let unusable = || Complaint::unknown("the server's answer is no verdict; is this an aegis server?");
    let text = String::from_utf8(answer.body).map_err(|_| unusable())?;
    let valid = serde_json::from_str::<Value>(&text).ok().and_then(|answer| answer.get("valid")?.as_bool());
    Ok(Judged::online(text.trim().to_owned(), valid.ok_or_else(unusable)?, client.base()))
}

fn read(file: &Path) -> std::io::Result<Vec<u8>> {
    let mut content = Vec::new();
    if file.as_os_str() == "-" {
        std::io::stdin().take(FILE_BYTES_MAX + 1).read_to_end(&mut content)?;
    } else {
        std::fs::File::open(file)?.take(FILE_BYTES_MAX + 1).read_to_end(&mut content)?;
    }
    if content.len() as u64 > FILE_BYTES_MAX {
        return Err(std::io::Error::other("it is larger than any passport"));
    }
    Ok(content)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Of several files the worst counts: 2 before 1 before 4 before 0.
    #[test]
    fn worst_counts() {
        assert_eq!(worse(Exit::Done, Exit::Unknown), Exit::Unknown);
        assert_eq!(worse(Exit::Unknown, Exit::Refused), Exit::Refused);
        assert_eq!(worse(Exit::Refused, Exit::Usage), Exit::Usage);
        assert_eq!(worse(Exit::Done, Exit::Done), Exit::Done);
    }
}
