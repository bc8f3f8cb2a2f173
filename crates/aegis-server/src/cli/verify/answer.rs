//! A verdict as people and programs read it.

use std::fmt::Write as _;

use serde_json::Value;

use super::super::{Exit, screen};

/// The verdict on one file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Word {
    /// Every check holds.
    Valid,
    /// Something definite fails.
    Invalid,
    /// Nothing fails, but not everything could be checked.
    Unknown,
}

impl Word {
    const fn as_str(self) -> &'static str {
        match self {
            Word::Valid => "valid",
            Word::Invalid => "invalid",
            Word::Unknown => "unknown",
        }
    }
}

/// One file, judged.
#[derive(Debug)]
pub(super) struct Judged {
    word: Word,
    /// The answer as one JSON object.
    answer: String,
    /// Who decided.
    by: String,
    /// What a person should know beside it.
    remarks: Vec<String>,
}

impl Judged {
    /// By a server.
    pub(super) fn online(answer: String, valid: bool, server: &str) -> Judged {
        let word = if valid { Word::Valid } else { Word::Invalid };
        Judged { word, answer, by: server.to_owned(), remarks: Vec::new() }
    }

    /// By this machine.
    pub(super) fn offline(answer: String, word: Word, remarks: Vec<String>) -> Judged {
        Judged { word, answer, by: "this machine, offline".to_owned(), remarks }
    }

    /// The exit code of this verdict alone.
    pub(super) fn exit(&self) -> Exit {
        match self.word {
            Word::Valid => Exit::Done,
            Word::Invalid => Exit::Refused,
            Word::Unknown => Exit::Unknown,
        }
    }

    /// The answer on one line, with the verdict and the file.
    pub(super) fn line(&self, file: &str) -> String {
        let open = self.answer.strip_suffix('}').unwrap_or(&self.answer);
        let file = Value::from(file);
        format!(r#"{open},"verdict":"{}","file":{file}}}"#, self.word.as_str())
    }

    /// The verdict for people.
    pub(super) fn block(&self, file: &str) -> String {
        let answer: Value = serde_json::from_str(&self.answer).unwrap_or_default();
        let text = |name: &str| answer.get(name).and_then(Value::as_str).map(str::to_owned);
        let mut head = format!("{file}: {}", self.word.as_str().to_uppercase());
        if let Some(code) = text("reason_code") {
            let _ = write!(head, " ({code})");
        }
        let mut facts: Vec<(&str, String)> = Vec::new();
        let mut put = |name, value: Option<String>| facts.extend(value.map(|value| (name, value)));
        put("because", text("reason"));
        put("agent", text("agent_id"));
        put("operator", text("operator_id"));
        put("issuer", text("issuer"));
        put("expires", text("expires_at"));
        put("revoked", revoked(&answer));
        put("checks", Some(checks(&answer)).filter(|checks| !checks.is_empty()));
        put("asked about", text("evaluated_at").filter(|at| text("verified_at").as_ref() != Some(at)));
        put("checked", text("verified_at").map(|at| format!("{at} by {}", self.by)));
        let mut block = format!("{head}\n{}", screen::facts(&facts));
        for remark in &self.remarks {
            let _ = write!(block, "\n  {remark}");
        }
        block
    }
}

/// Whether it is revoked, if its status was looked at.
fn revoked(answer: &Value) -> Option<String> {
    let status = answer.pointer("/checks/status/result").and_then(Value::as_str)?;
    let revoked = answer.get("revoked").and_then(Value::as_bool)?;
    let word = if revoked { "yes" } else { "no" };
    (status != "skipped").then(|| word.to_owned())
}

/// Which checks passed and which did not, in the order of the algorithm.
fn checks(answer: &Value) -> String {
    const ORDER: [&str; 11] = [
        "schema",
        "issuer",
        "key",
        "signature",
        "time",
        "lineage",
        "status",
        "delegation",
        "attestation",
        "policy",
        "possession",
    ];
    let result = |name: &str| answer.pointer(&format!("/checks/{name}/result")).and_then(Value::as_str);
    let names = |wanted: &str| -> Vec<&str> {
        ORDER.into_iter().filter(|name| result(name) == Some(wanted)).collect()
    };
    let (passed, failed) = (names("pass"), names("fail"));
    let mut parts = Vec::new();
    if !failed.is_empty() {
        parts.push(format!("failed: {}", failed.join(", ")));
    }
    if !passed.is_empty() {
        parts.push(format!("passed: {}", passed.join(", ")));
    }
    parts.join("; ")
}
