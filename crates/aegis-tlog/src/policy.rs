//! Whom to believe: logs, witnesses and the quorum of witnesses that a checkpoint needs
//! (c2sp.org/tlog-policy).
//!
//! A policy is what a verifier pins. It is stricter than the specification in two points: names and URLs are
//! UTF-8, and only key types that [`crate::note`] can check are accepted.

use std::collections::HashSet;
use std::fmt;

use aegis_core::time::Timestamp;

use crate::checkpoint::{Checkpoint, CheckpointMalformed};
use crate::note::{NoteRefused, SignatureType, SignedNote, VerifierKey, VerifierKeyRefused};

/// Most logs, witnesses and groups of a policy that is read, each; the specification asks for 32.
pub const MEMBERS_MAX: usize = 256;
/// Largest policy that is read.
pub const POLICY_BYTES_MAX: usize = 256 << 10;

/// The name that means "no witness needed" in a quorum line.
const NONE: &str = "none";

/// A log that is believed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Log {
    /// Its key; the key's name is the log's origin.
    pub key: VerifierKey,
    /// Where it is served.
    pub url: Option<String>,
}

/// A witness that may count towards the quorum.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Witness {
    /// Its name within the policy.
    pub name: String,
    /// Its cosigning key.
    pub key: VerifierKey,
    /// Where it takes checkpoints.
    pub url: Option<String>,
}

/// A set of witnesses and groups that counts as having witnessed when enough of its members have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Group {
    /// Its name within the policy.
    pub name: String,
    /// How many members are needed.
    pub threshold: usize,
    /// Names of witnesses and earlier groups.
    pub members: Vec<String>,
}

/// Logs, witnesses, groups and the quorum. Always well formed: every name is defined before it is used, and
/// used in at most one group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Policy {
    logs: Vec<Log>,
    witnesses: Vec<Witness>,
    groups: Vec<Group>,
    /// Name of a witness or group, or `none`.
    quorum: String,
}

/// Why a policy is refused; the number is that of the line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PolicyRefused {
    /// Beyond [`POLICY_BYTES_MAX`] or [`MEMBERS_MAX`].
    #[error("the policy is too large")]
    TooLarge,
    /// A control character, no UTF-8, an unknown keyword or the wrong number of items.
    #[error("line {0} of the policy is malformed")]
    Syntax(usize),
    /// A verifier key that cannot be used.
    #[error("line {0} of the policy has no usable key")]
    Key(usize, #[source] VerifierKeyRefused),
    /// A key that cannot sign in this role.
    #[error("line {0} of the policy has a key of the wrong type")]
    Role(usize),
    /// A name or key that was defined before, or a member of a second group.
    #[error("line {0} of the policy repeats a name or key")]
    Repeated(usize),
    /// A name that is not defined on an earlier line.
    #[error("line {0} of the policy uses an unknown name")]
    Unknown(usize),
    /// A threshold below 1 or above the number of members.
    #[error("line {0} of the policy has an impossible threshold")]
    Threshold(usize),
    /// No quorum line.
    #[error("the policy has no quorum line")]
    NoQuorum,
}

/// Why a checkpoint does not satisfy a policy.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotTrusted {
    /// The note's text is no checkpoint.
    #[error("no checkpoint")]
    Checkpoint(#[from] CheckpointMalformed),
    /// No log of this origin is believed.
    #[error("the log {0} is not one the policy knows")]
    UnknownLog(String),
    /// The log's signature is missing, or a known key's signature does not hold.
    #[error("a signature is missing or does not hold")]
    Signature(#[from] NoteRefused),
    /// Too few witnesses cosigned.
    #[error("the witnesses that cosigned are no quorum")]
    Quorum,
}

/// A checkpoint that satisfies a policy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trusted {
    /// The checkpoint.
    pub checkpoint: Checkpoint,
    /// Names, within the policy, of the witnesses whose cosignatures hold, with their times.
    pub witnesses: Vec<(String, Timestamp)>,
    /// Earliest time by which a quorum had cosigned; `None` if the policy asks for no witness.
    pub quorum_at: Option<Timestamp>,
}

impl Policy {
    /// The policy that believes one log without witnesses.
    ///
    /// # Errors
    /// [`PolicyRefused::Role`] for a key that is no log's (type `0x01`).
    pub fn of_log(key: VerifierKey) -> Result<Policy, PolicyRefused> {
        let mut policy = Policy::blank();
        policy.add_log(Log { key, url: None }, 0)?;
        NONE.clone_into(&mut policy.quorum);
        Ok(policy)
    }

    /// The policy that believes one log when at least `threshold` of `witnesses` have cosigned; with
    /// threshold 0, none need to have.
    ///
    /// # Errors
    /// [`PolicyRefused`], all with line 0, as [`Policy::parse`] would refuse the same policy as text.
    pub fn of_quorum(log: Log, witnesses: Vec<Witness>, threshold: usize) -> Result<Policy, PolicyRefused> {
        let mut policy = Policy::blank();
        policy.add_log(log, 0)?;
        let members = witnesses.iter().map(|witness| witness.name.clone()).collect();
        for witness in witnesses {
            policy.add_witness(witness, 0)?;
        }
        if threshold == 0 {
            NONE.clone_into(&mut policy.quorum);
            return Ok(policy);
        }
        policy.add_group(Group { name: "quorum-group".to_owned(), threshold, members }, 0)?;
        policy.set_quorum("quorum-group", 0)?;
        Ok(policy)
    }

    /// Reads a policy text.
    ///
    /// # Errors
    /// [`PolicyRefused`] with the first line that is wrong.
    pub fn parse(text: &[u8]) -> Result<Policy, PolicyRefused> {
        if text.len() > POLICY_BYTES_MAX {
            return Err(PolicyRefused::TooLarge);
        }
        let lines = text.strip_suffix(b"\n").unwrap_or(text).split(|byte| *byte == b'\n');
        let mut policy = Policy::blank();
        for (number, line) in (1..).zip(lines) {
            policy.read_line(line, number)?;
        }
        if policy.quorum.is_empty() { Err(PolicyRefused::NoQuorum) } else { Ok(policy) }
    }

    const fn blank() -> Policy {
        Policy { logs: Vec::new(), witnesses: Vec::new(), groups: Vec::new(), quorum: String::new() }
    }

    fn read_line(&mut self, line: &[u8], number: usize) -> Result<(), PolicyRefused> {
        if line.iter().any(|byte| (*byte < 0x20 && *byte != b'\t') || *byte == 0x7f) {
            return Err(PolicyRefused::Syntax(number));
        }
        let mut trimmed = line.iter().skip_while(|byte| matches!(**byte, b' ' | b'\t'));
        if matches!(trimmed.next(), None | Some(b'#')) {
            return Ok(());
        }
        let line = std::str::from_utf8(line).map_err(|_| PolicyRefused::Syntax(number))?;
        let items: Vec<&str> = line.split([' ', '\t']).filter(|item| !item.is_empty()).collect();
        let key = |text: &str| VerifierKey::parse(text).map_err(|why| PolicyRefused::Key(number, why));
        let url = |rest: &[&str]| rest.first().map(|url| (*url).to_owned());
        match items.as_slice() {
            ["log", vkey, rest @ ..] if rest.len() < 2 => {
                self.add_log(Log { key: key(vkey)?, url: url(rest) }, number)
            }
            ["witness", name, vkey, rest @ ..] if rest.len() < 2 => {
                let name = (*name).to_owned();
                self.add_witness(Witness { name, key: key(vkey)?, url: url(rest) }, number)
            }
            ["group", name, threshold, members @ ..] => {
                let members: Vec<String> = members.iter().map(|name| (*name).to_owned()).collect();
                let threshold = match *threshold {
                    "all" => members.len(),
                    "any" => 1,
                    count => crate::text::parse_decimal(count)
                        .and_then(|count| usize::try_from(count).ok())
                        .ok_or(PolicyRefused::Syntax(number))?,
                };
                self.add_group(Group { name: (*name).to_owned(), threshold, members }, number)
            }
            ["quorum", name] => self.set_quorum(name, number),
            _ => Err(PolicyRefused::Syntax(number)),
        }
    }

    fn add_log(&mut self, log: Log, line: usize) -> Result<(), PolicyRefused> {
        if self.logs.len() >= MEMBERS_MAX {
            return Err(PolicyRefused::TooLarge);
        }
        check_url(log.url.as_deref(), line)?;
        if log.key.kind() != SignatureType::Ed25519 {
            return Err(PolicyRefused::Role(line));
        }
        if self.logs.iter().any(|known| known.key.public_key() == log.key.public_key()) {
            return Err(PolicyRefused::Repeated(line));
        }
        self.logs.push(log);
        Ok(())
    }

    fn add_witness(&mut self, witness: Witness, line: usize) -> Result<(), PolicyRefused> {
        if self.witnesses.len() >= MEMBERS_MAX {
            return Err(PolicyRefused::TooLarge);
        }
        check_url(witness.url.as_deref(), line)?;
        self.check_new_name(&witness.name, line)?;
        if witness.key.kind() != SignatureType::CosignatureV1 {
            return Err(PolicyRefused::Role(line));
        }
        if self.witnesses.iter().any(|known| known.key.public_key() == witness.key.public_key()) {
            return Err(PolicyRefused::Repeated(line));
        }
        self.witnesses.push(witness);
        Ok(())
    }

    fn add_group(&mut self, group: Group, line: usize) -> Result<(), PolicyRefused> {
        if self.groups.len() >= MEMBERS_MAX || group.members.len() > 2 * MEMBERS_MAX {
            return Err(PolicyRefused::TooLarge);
        }
        self.check_new_name(&group.name, line)?;
        if !(1..=group.members.len()).contains(&group.threshold) {
            return Err(PolicyRefused::Threshold(line));
        }
        let mut used: HashSet<&str> =
            self.groups.iter().flat_map(|group| &group.members).map(String::as_str).collect();
        for member in &group.members {
            if !self.is_defined(member) {
                return Err(PolicyRefused::Unknown(line));
            }
            if !used.insert(member) {
                return Err(PolicyRefused::Repeated(line));
            }
        }
        self.groups.push(group);
        Ok(())
    }

    fn set_quorum(&mut self, name: &str, line: usize) -> Result<(), PolicyRefused> {
        if !self.quorum.is_empty() {
            return Err(PolicyRefused::Repeated(line));
        }
        if name != NONE && !self.is_defined(name) {
            return Err(PolicyRefused::Unknown(line));
        }
        name.clone_into(&mut self.quorum);
        Ok(())
    }

    fn is_defined(&self, name: &str) -> bool {
        self.witnesses.iter().any(|witness| witness.name == name)
            || self.groups.iter().any(|group| group.name == name)
    }

    /// A new name is one item of a line and not taken.
    fn check_new_name(&self, name: &str, line: usize) -> Result<(), PolicyRefused> {
        if name.is_empty() || name.contains(|c: char| c == ' ' || c.is_ascii_control()) {
            return Err(PolicyRefused::Syntax(line));
        }
        if name == NONE || self.is_defined(name) {
            return Err(PolicyRefused::Repeated(line));
        }
        Ok(())
    }

    /// The logs that are believed.
    pub fn logs(&self) -> &[Log] {
        &self.logs
    }

    /// The witnesses that may count.
    pub fn witnesses(&self) -> &[Witness] {
        &self.witnesses
    }

    /// The groups, each after its members.
    pub fn groups(&self) -> &[Group] {
        &self.groups
    }

    /// Whether the quorum is reached when the named witnesses have cosigned. Unknown names do not count.
    pub fn satisfied_by<'n>(&self, witnesses: impl IntoIterator<Item = &'n str>) -> bool {
        let cosigned: HashSet<&str> = witnesses.into_iter().collect();
        let known = self.witnesses.iter().map(|witness| witness.name.as_str());
        let mut reached: HashSet<&str> = known.filter(|name| cosigned.contains(name)).collect();
        // Groups come after their members, so one pass settles all of them.
        for group in &self.groups {
            let count = group.members.iter().filter(|member| reached.contains(member.as_str())).count();
            if count >= group.threshold {
                reached.insert(&group.name);
            }
        }
        self.quorum == NONE || reached.contains(self.quorum.as_str())
    }

    /// Believes a checkpoint if one of the logs signed it and a quorum of witnesses cosigned it.
    ///
    /// The log's key must carry the checkpoint's origin as its name. Signatures of unknown keys are ignored.
    ///
    /// # Errors
    /// [`NotTrusted`] with the first rule that is broken; a signature of a known key that does not hold
    /// refuses the whole note.
    pub fn check(&self, note: &SignedNote) -> Result<Trusted, NotTrusted> {
        let checkpoint = Checkpoint::parse(note.text())?;
        let of_origin = self.logs.iter().filter(|log| log.key.name() == checkpoint.origin);
        let logs: Vec<VerifierKey> = of_origin.map(|log| log.key.clone()).collect();
        if logs.is_empty() {
            return Err(NotTrusted::UnknownLog(checkpoint.origin));
        }
        note.verify(&logs)?;
        let keys: Vec<VerifierKey> = self.witnesses.iter().map(|witness| witness.key.clone()).collect();
        let mut witnesses = Vec::new();
        for verified in note.signatures_of(&keys)? {
            let name = self.witnesses.iter().find(|witness| witness.key == *verified.key);
            witnesses.extend(name.map(|witness| witness.name.clone()).zip(verified.at));
        }
        witnesses.sort_by_key(|(_, at)| *at);
        // The shortest prefix in time order that is a quorum ends at the time the quorum was reached.
        let reached = (0..=witnesses.len())
            .find(|count| self.satisfied_by(witnesses.iter().take(*count).map(|(name, _)| name.as_str())))
            .ok_or(NotTrusted::Quorum)?;
        let quorum_at = reached.checked_sub(1).and_then(|last| witnesses.get(last)).map(|(_, at)| *at);
        Ok(Trusted { checkpoint, witnesses, quorum_at })
    }
}

/// A URL is one item of a line.
fn check_url(url: Option<&str>, line: usize) -> Result<(), PolicyRefused> {
    let item = |url: &str| !url.is_empty() && !url.contains(|c: char| c == ' ' || c.is_ascii_control());
    if url.is_none_or(item) { Ok(()) } else { Err(PolicyRefused::Syntax(line)) }
}

/// Writes the policy as text, one item a line, thresholds as numbers.
impl fmt::Display for Policy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let url = |url: &Option<String>| url.as_ref().map(|url| format!(" {url}")).unwrap_or_default();
        for log in &self.logs {
            writeln!(f, "log {}{}", log.key, url(&log.url))?;
        }
        for witness in &self.witnesses {
            writeln!(f, "witness {} {}{}", witness.name, witness.key, url(&witness.url))?;
        }
        for group in &self.groups {
            writeln!(f, "group {} {} {}", group.name, group.threshold, group.members.join(" "))?;
        }
        writeln!(f, "quorum {}", self.quorum)
    }
}

#[cfg(test)]
mod tests {
    use aegis_core::crypto::digest::Digest;
    use aegis_core::crypto::sign::SigningKey;
    use aegis_core::secret::Secret;
    use proptest::prelude::*;

    use super::*;
    use crate::cosignature::Cosigner;
    use crate::note::NoteSigner;

    fn key(seed: u8) -> SigningKey {
        SigningKey::from_seed(&Secret::new([seed; 32]))
    }

    fn log() -> NoteSigner {
        NoteSigner::new("example.com/log", key(1)).unwrap()
    }

    fn witness(seed: u8) -> Cosigner {
        Cosigner::new(&format!("witness.example/w{seed}"), key(seed)).unwrap()
    }

    /// The specification's example: two of X1–X3 and one of Y1–Y3.
    fn example() -> String {
        let mut text = format!("# an example\n\nlog {} https://log.example/\n", log().verifier());
        for (name, seed) in [("X1", 11), ("X2", 12), ("X3", 13), ("Y1", 21), ("Y2", 22), ("Y3", 23)] {
            text.push_str("\twitness ");
            text.push_str(name);
            text.push_str("  ");
            text.push_str(&witness(seed).verifier().to_string());
            text.push('\n');
        }
        text + "group X-witnesses 2 X1 X2 X3\ngroup Y-witnesses any Y1 Y2 Y3\n\
                group X-and-Y all X-witnesses Y-witnesses\n  # \u{e9} \nquorum X-and-Y\n"
    }

    /// The example's quorum rule over all 64 subsets of its witnesses, before and after writing it.
    #[test]
    fn example_quorum() {
        let policy = Policy::parse(example().as_bytes()).unwrap();
        assert_eq!(Policy::parse(policy.to_string().as_bytes()), Ok(policy.clone()));
        let names = ["X1", "X2", "X3", "Y1", "Y2", "Y3"];
        for subset in 0..64_u32 {
            let chosen =
                names.iter().zip(0..).filter(|(_, bit)| subset >> bit & 1 == 1).map(|(name, _)| *name);
            let expected = (subset & 7).count_ones() >= 2 && subset >> 3 != 0;
            assert_eq!(policy.satisfied_by(chosen), expected, "{subset:06b}");
        }
        assert!(!policy.satisfied_by(["X-and-Y", "X-witnesses", "none"]), "groups do not cosign");
    }

    /// A checkpoint is believed with the log's signature and a quorum, whose time is that of the witness
    /// that completed it.
    #[test]
    fn believes_a_quorum() {
        let policy = Policy::parse(example().as_bytes()).unwrap();
        let mut note = Checkpoint::new("example.com/log", 5, Digest::ZERO).sign(&log()).unwrap();
        let text = note.text().to_owned();
        for (seed, at) in [(13, 300), (11, 100), (21, 250)] {
            assert_eq!(policy.check(&note), Err(NotTrusted::Quorum));
            note.add(witness(seed).cosign(&text, Timestamp::from_seconds(at))).unwrap();
        }
        note.add(witness(22).cosign(&text, Timestamp::from_seconds(900))).unwrap();
        note.add(witness(99).cosign(&text, Timestamp::from_seconds(1))).unwrap();
        let trusted = policy.check(&note).unwrap();
        assert_eq!(trusted.quorum_at, Some(Timestamp::from_seconds(300)));
        let names: Vec<&str> = trusted.witnesses.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names, ["X1", "Y1", "X3", "Y2"]);

        let forged = witness(23).cosign("another\n", Timestamp::from_seconds(1));
        note.add(forged).unwrap();
        assert!(matches!(policy.check(&note), Err(NotTrusted::Signature(NoteRefused::BadSignature(_)))));
        let unsigned = SignedNote::new(&text, vec![witness(11).cosign(&text, Timestamp::from_seconds(1))]);
        assert_eq!(
            policy.check(&unsigned.unwrap()),
            Err(NotTrusted::Signature(NoteRefused::Unsigned)),
            "witnesses do not replace the log"
        );
        let other = NoteSigner::new("example.com/other", key(1)).unwrap();
        let other = Checkpoint::new("example.com/other", 5, Digest::ZERO).sign(&other).unwrap();
        assert_eq!(policy.check(&other), Err(NotTrusted::UnknownLog("example.com/other".into())));
    }

    /// The two policies made without text are those the same text gives.
    #[test]
    fn made_without_text() {
        let alone = Policy::of_log(log().verifier().clone()).unwrap();
        assert_eq!(Policy::parse(alone.to_string().as_bytes()), Ok(alone.clone()));
        let note = Checkpoint::new("example.com/log", 0, Digest::ZERO).sign(&log()).unwrap();
        assert_eq!(alone.check(&note).unwrap().quorum_at, None);
        let witness = |name: &str, seed| Witness {
            name: name.into(),
            key: super::tests::witness(seed).verifier().clone(),
            url: None,
        };
        let log = Log { key: log().verifier().clone(), url: Some("https://log.example/".into()) };
        for threshold in 0..=2 {
            let members = vec![witness("a", 2), witness("b", 3)];
            let policy = Policy::of_quorum(log.clone(), members, threshold).unwrap();
            assert_eq!(Policy::parse(policy.to_string().as_bytes()), Ok(policy.clone()));
            assert_eq!(policy.satisfied_by(["a"]), threshold < 2);
        }
        let refused = |members, threshold| Policy::of_quorum(log.clone(), members, threshold).unwrap_err();
        assert_eq!(refused(vec![witness("a", 2)], 2), PolicyRefused::Threshold(0));
        assert_eq!(refused(vec![witness("a", 2), witness("a", 3)], 1), PolicyRefused::Repeated(0));
        assert_eq!(refused(vec![witness("a", 2), witness("b", 2)], 1), PolicyRefused::Repeated(0));
        assert_eq!(refused(vec![witness("a\nb", 2)], 1), PolicyRefused::Syntax(0));
        let spaced = Log { url: Some("a b".into()), ..log.clone() };
        assert_eq!(Policy::of_quorum(spaced, vec![], 0), Err(PolicyRefused::Syntax(0)));
        assert_eq!(Policy::of_log(super::tests::witness(2).verifier().clone()), Err(PolicyRefused::Role(0)));
    }

    /// Each rule of the format is named with its line.
    #[test]
    fn reads_strictly() {
        let (l, w, v) = (log(), witness(2), witness(3));
        let (l, w, v) = (l.verifier(), w.verifier(), v.verifier());
        for (text, why) in [
            (format!("log {l}\n"), PolicyRefused::NoQuorum),
            (String::new(), PolicyRefused::NoQuorum),
            (format!("log {l}\nlog {l}\nquorum none\n"), PolicyRefused::Repeated(2)),
            (format!("log {w}\n"), PolicyRefused::Role(1)),
            (format!("witness a {l}\n"), PolicyRefused::Role(1)),
            (format!("witness a {w}\nwitness b {w}\n"), PolicyRefused::Repeated(2)),
            (format!("witness a {w}\nwitness a {v}\n"), PolicyRefused::Repeated(2)),
            (format!("witness none {w}\n"), PolicyRefused::Repeated(1)),
            (format!("witness a {w} u x\n"), PolicyRefused::Syntax(1)),
            (format!("witness a {w}x\n"), PolicyRefused::Key(1, VerifierKeyRefused::Syntax)),
            (format!("quorum a\nwitness a {w}\n"), PolicyRefused::Unknown(1)),
            (format!("witness a {w}\nquorum a\nquorum a\n"), PolicyRefused::Repeated(3)),
            (format!("witness a {w}\ngroup g all\n"), PolicyRefused::Threshold(2)),
            (format!("witness a {w}\ngroup g 0 a\n"), PolicyRefused::Threshold(2)),
            (format!("witness a {w}\ngroup g 2 a\n"), PolicyRefused::Threshold(2)),
            (format!("witness a {w}\ngroup g 01 a\n"), PolicyRefused::Syntax(2)),
            (format!("witness a {w}\ngroup g any a a\n"), PolicyRefused::Repeated(2)),
            (format!("witness a {w}\ngroup g any a\ngroup h any a\n"), PolicyRefused::Repeated(3)),
            (format!("witness a {w}\ngroup a any a\n"), PolicyRefused::Repeated(2)),
            (format!("witness a {w}\ngroup g any g\n"), PolicyRefused::Unknown(2)),
            (format!("witness a {w}\ngroup g any none\n"), PolicyRefused::Unknown(2)),
            ("quorum none\r\n".into(), PolicyRefused::Syntax(1)),
            ("quorums none\n".into(), PolicyRefused::Syntax(1)),
            ("\n#\n\u{b}\n".into(), PolicyRefused::Syntax(3)),
            ("#".repeat(POLICY_BYTES_MAX + 1), PolicyRefused::TooLarge),
        ] {
            assert_eq!(Policy::parse(text.as_bytes()), Err(why), "{text}");
        }
        assert!(Policy::parse(b"# \xff is fine in a comment\nquorum none").is_ok());
        assert_eq!(Policy::parse(b"quorum \xff\n"), Err(PolicyRefused::Syntax(1)));
    }

    proptest! {
        /// Whatever is read means the same after writing; nothing panics.
        #[test]
        fn parsing_is_total(noise in prop::collection::vec(any::<u8>(), 0..60), lines in prop::collection::vec(
            "(log|witness|group|quorum|#)[ \t](a|b|none|any|all|[0-9])?[ \t]{0,2}[ab]{0,2}[ ]?[ab]?", 0..6)) {
            for text in [noise, lines.join("\n").into_bytes()] {
                if let Ok(policy) = Policy::parse(&text) {
                    prop_assert_eq!(Policy::parse(policy.to_string().as_bytes()), Ok(policy));
                }
            }
        }
    }
}
