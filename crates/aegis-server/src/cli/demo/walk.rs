//! The steps, in the order in which they are shown.

use std::time::Duration;

use aegis_kernel::clock::Clock;
use aegis_passport::key_history::SignedKeyHistory;
use serde_json::{Value, json};

use super::super::client::Client;
use super::super::complaint::Complaint;
use super::super::{Exit, screen, trust_root};
use super::evidence;

/// How often the proof is asked for while the log has not integrated the entry yet.
const PROOF_TRIES: u32 = 40;
/// Time between two of them.
const PROOF_PAUSE: Duration = Duration::from_millis(250);

/// Columns of a request's body on the screen.
const WIDTH: usize = 64;

/// A walk through one server.
pub(super) struct Walk {
    client: Client,
    operator: String,
    step: u32,
    held: u32,
    failed: u32,
}

/// A passport as it was answered.
struct Issued {
    document: Vec<u8>,
    passport_id: String,
    agent_id: String,
    log_entry: String,
}

impl Walk {
    pub(super) fn new(client: Client, operator: &str) -> Walk {
        Walk { client, operator: operator.to_owned(), step: 0, held: 0, failed: 0 }
    }

    /// Expectations that held, and that did not.
    pub(super) fn count(&self) -> (u32, u32) {
        (self.held, self.failed)
    }

    /// Everything about passports.
    pub(super) fn identity(&mut self) -> Result<(), Complaint> {
        let keys = self.who()?;
        let parent = self.issue_parent(&keys)?;
        self.verify_good(&parent)?;
        self.tamper(&parent)?;
        let child = self.delegate(&parent)?;
        self.revoke(&parent, &child)?;
        self.verify_revoked(&parent, &child)?;
        self.list(&keys, &parent, &child)?;
        self.log(&keys, &parent)
    }

    fn who(&mut self) -> Result<SignedKeyHistory, Complaint> {
        self.title("Who is who");
        self.curl("GET", "/registry/keys", None);
        let (keys, _) = trust_root::published(&self.client)?;
        let history = keys.history();
        tell("issuer", history.issuer.as_str());
        tell("operator", &format!("{}, who answers for its agents", self.operator));
        tell("keys", &format!("version {}, with the digest", history.version));
        screen::say(&format!("   {}", keys.digest()));
        // `published` refuses keys whose own root did not sign them.
        self.expect("the issuer's keys are signed by their own root", true);
        Ok(keys)
    }

    fn issue_parent(&mut self, keys: &SignedKeyHistory) -> Result<Issued, Complaint> {
        self.title("The operator issues a passport");
        let issued = self.issue(
            &json!({
                "operator_id": self.operator, "jurisdiction": "EU", "risk_classification": "high",
                "policy_bundle": "eu_ai_act+gdpr", "capability_attestation": { "model": "claude-opus-4-7" },
                "agent_name": format!("demo researcher {}", Clock::System.now().as_micros()),
                "scopes": ["papers:*"], "delegation_max_depth": 1,
            }),
            "passport.json",
        )?;
        tell("passport", &issued.passport_id);
        tell("agent", &issued.agent_id);
        tell("log entry", &issued.log_entry);
        let proven = evidence::proven(&issued.document, keys);
        self.expect("its signature holds under the published keys, checked here", proven.is_ok());
        Ok(issued)
    }

    fn verify_good(&mut self, issued: &Issued) -> Result<(), Complaint> {
        self.title("Anyone verifies it, without a key");
        let answer = self.verify(&issued.document, "passport.json", true)?;
        self.expect("it is valid and not revoked", valid(&answer) && at(&answer, "revoked") == false);
        self.expect("the answer names the agent", at(&answer, "agent_id") == issued.agent_id.as_str());
        Ok(())
    }

    fn tamper(&mut self, issued: &Issued) -> Result<(), Complaint> {
        self.title("Somebody changes one byte");
        let text = String::from_utf8_lossy(&issued.document);
        let changed = text.replacen("demo researcher", "demo researches", 1);
        screen::say("   $ sed s/researcher/researches/ passport.json > forged.json");
        let answer = self.verify(changed.as_bytes(), "forged.json", true)?;
        self.expect("the answer is SIGNATURE_INVALID", refused_for(&answer, "SIGNATURE_INVALID"));
        self.expect("nothing of the forgery is echoed", at(&answer, "agent_id").is_null());
        Ok(())
    }

    fn delegate(&mut self, parent: &Issued) -> Result<Issued, Complaint> {
        self.title("The agent gets a helper that may do less");
        let child = self.issue(
            &json!({
                "operator_id": self.operator, "jurisdiction": "EU", "risk_classification": "high",
                "policy_bundle": "eu_ai_act+gdpr", "capability_attestation": { "model": "claude-opus-4-7" },
                "scopes": ["papers:read"], "parent_passport_id": parent.passport_id,
            }),
            "helper.json",
        )?;
        tell("passport", &child.passport_id);
        tell("descends from", &parent.passport_id);
        let answer = self.verify(&child.document, "helper.json", false)?;
        self.expect("the helper's passport is valid", valid(&answer));
        let delegation = answer.pointer("/checks/delegation/result").and_then(Value::as_str);
        self.expect("its delegation was checked", delegation == Some("pass"));
        Ok(child)
    }

    fn revoke(&mut self, parent: &Issued, child: &Issued) -> Result<(), Complaint> {
        self.title("The operator revokes the agent, and all below it");
        let body = json!({ "agent_id": parent.agent_id, "reason": "demonstration", "cascade": true });
        self.curl("POST", "/registry/revoke", Some((&body.to_string(), "")));
        let done = self.client.post("/registry/revoke", body.to_string().as_bytes())?.json()?;
        tell("sequence", &at(&done, "sequence").to_string());
        tell("log entry", at(&done, "log_entry").as_str().unwrap_or_default());
        let cascaded = at(&done, "cascaded").as_array().into_iter().flatten();
        let below = cascaded.filter(|named| at(named, "passport_id") == child.passport_id.as_str()).count();
        self.expect("the helper's passport went with it", below == 1);
        Ok(())
    }

    fn verify_revoked(&mut self, parent: &Issued, child: &Issued) -> Result<(), Complaint> {
        self.title("From now on nobody is told that they are valid");
        let both = [("the agent's", parent, "passport.json"), ("the helper's", child, "helper.json")];
        for (whose, issued, file) in both {
            let answer = self.verify(&issued.document, file, false)?;
            let code = at(&answer, "reason_code").as_str().unwrap_or("no reason");
            tell(whose, &format!("valid {}, {code}", at(&answer, "valid")));
            let refused = refused_for(&answer, "REVOKED") && at(&answer, "revoked") == true;
            self.expect(&format!("{whose} passport is REVOKED"), refused);
        }
        Ok(())
    }

    fn list(&mut self, keys: &SignedKeyHistory, parent: &Issued, child: &Issued) -> Result<(), Complaint> {
        self.title("Those who verify offline take the signed list");
        self.curl("GET", "/registry/revocations", None);
        let body = self.client.get("/registry/revocations")?.body;
        let listed = evidence::listed(&body, keys);
        tell("revoked", &listed.as_ref().map_or(0, Vec::len).to_string());
        self.expect("the list is signed by the issuer's status key, checked here", listed.is_ok());
        let listed = listed.unwrap_or_default();
        let both = [parent, child].iter().all(|issued| listed.contains(&issued.passport_id));
        self.expect("both passports are on it", both);
        Ok(())
    }

    fn log(&mut self, keys: &SignedKeyHistory, issued: &Issued) -> Result<(), Complaint> {
        self.title("The log proves that the passport was issued, and when");
        let path = format!("/registry/passports/{}/proof.tlog-proof", issued.passport_id);
        self.curl("GET", &path, None);
        let proof = self.proof(&path)?;
        let found = evidence::proven(&issued.document, keys)
            .and_then(|passport| evidence::logged(&proof, &passport, keys));
        match found {
            Ok(place) => {
                tell("log", &place.origin);
                tell("entry", &format!("{} of {}", place.index, place.size));
                self.expect("the log signed the checkpoint, checked here", true);
                self.expect("the passport's lineage entry is in its tree, checked here", true);
            }
            Err(why) => self.expect(&format!("the proof holds, checked here ({why})"), false),
        }
        Ok(())
    }

    /// An entry is integrated within a second; until then the proof is not to be had.
    fn proof(&self, path: &str) -> Result<Vec<u8>, Complaint> {
        for _ in 1..PROOF_TRIES {
            match self.client.get(path) {
                Ok(answer) => return Ok(answer.body),
                Err(complaint) if complaint.exit() == Exit::Unknown => std::thread::sleep(PROOF_PAUSE),
                Err(complaint) => return Err(complaint),
            }
        }
        self.client.get(path).map(|answer| answer.body)
    }

    fn issue(&self, request: &Value, file: &str) -> Result<Issued, Complaint> {
        let body = request.to_string();
        self.curl("POST", "/api/agent/issue", Some((&body, file)));
        let answer = self.client.post("/api/agent/issue", body.as_bytes())?;
        let document = answer.json()?;
        let text = |name: &str| at(&document, name).as_str().unwrap_or_default().to_owned();
        Ok(Issued {
            passport_id: text("passport_id"),
            agent_id: text("agent_id"),
            log_entry: answer.log_entry.clone().unwrap_or_default(),
            document: answer.body,
        })
    }

    fn verify(&self, document: &[u8], file: &str, in_full: bool) -> Result<Value, Complaint> {
        let mut body = br#"{"passport":"#.to_vec();
        body.extend_from_slice(document);
        body.push(b'}');
        screen::say(&format!("   $ printf '{{\"passport\":%s}}' \"$(cat {file})\" | \\"));
        let url = format!("{}/api/agent/verify", self.client.base());
        screen::say(&format!("       curl {url} \\"));
        screen::say("       -H \"Content-Type: application/json\" -d @-");
        let answer = self.client.post("/api/agent/verify", &body)?.json()?;
        if in_full {
            for name in ["valid", "agent_id", "expires_at", "revoked", "verified_at", "reason_code"] {
                let value = at(&answer, name);
                tell(name, &value.as_str().map_or_else(|| value.to_string(), str::to_owned));
            }
        }
        Ok(answer)
    }

    fn title(&mut self, title: &str) {
        self.step += 1;
        screen::say(&format!("\n{}. {title}", self.step));
    }

    /// The same request for a shell; `body` with the file that keeps the answer.
    fn curl(&self, method: &str, path: &str, body: Option<(&str, &str)>) {
        let url = format!("{}{path}", self.client.base());
        let Some((body, file)) = body else {
            screen::say(&format!("   $ curl {url}"));
            return;
        };
        screen::say(&format!("   $ curl -X {method} {url} \\"));
        screen::say("       -H \"X-API-Key: $AEGIS_API_KEY\" -H \"Content-Type: application/json\" \\");
        screen::say(&format!(
            "       -d '{}'{}",
            wrapped(body),
            if file.is_empty() { String::new() } else { format!(" > {file}") }
        ));
    }

    fn expect(&mut self, what: &str, holds: bool) {
        if holds {
            self.held += 1;
            screen::say(&format!("   ok      {what}"));
        } else {
            self.failed += 1;
            screen::say(&format!("   FAILED  {what}"));
        }
    }
}

fn tell(name: &str, value: &str) {
    screen::say(&format!("   {name:<14}{value}"));
}

/// JSON broken into lines between members, where white space means nothing.
fn wrapped(json: &str) -> String {
    let mut text = String::new();
    let mut column = 0;
    for (index, part) in json.split(",\"").enumerate() {
        if index > 0 {
            text.push(',');
            if column + part.len() > WIDTH {
                text.push_str("\n           ");
                column = 0;
            }
            text.push('"');
        }
        text.push_str(part);
        column += part.len() + 2;
    }
    text
}

/// A member of an object; null when there is none.
fn at<'v>(value: &'v Value, name: &str) -> &'v Value {
    value.get(name).unwrap_or(&Value::Null)
}

fn valid(answer: &Value) -> bool {
    at(answer, "valid") == true
}

fn refused_for(answer: &Value, code: &str) -> bool {
    at(answer, "valid") == false && at(answer, "reason_code") == code
}
