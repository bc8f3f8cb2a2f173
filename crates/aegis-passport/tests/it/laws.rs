//! Laws over whole documents: canonical bytes, tampering, lineage, and readers that never panic.

use aegis_core::crypto::digest::Digest;
use aegis_core::entropy::Entropy;
use aegis_core::json::{Json, parse};
use aegis_core::moment::Moment;
use aegis_core::time::Timestamp;
use aegis_passport::document::SignedPassport;
use aegis_passport::ids::ActorId;
use aegis_passport::key_history::SignedKeyHistory;
use aegis_passport::lineage::{Entry, Happening, Head, LineageEvent, check_chain};
use aegis_passport::pack::Pack;
use aegis_passport::text::Printable;
use aegis_passport::verify::{Ask, verify};
use proptest::prelude::*;

use crate::world::{World, facts_of, noon, reference_request};

/// A document with free members and values, as another implementation would hold it.
fn decorated() -> impl Strategy<Value = serde_json::Value> {
    let names = "[ -~]{1,64}";
    (names, "[ -~]{0,200}", 1..=300_u32, prop::option::of("[ -~]{1,64}"), "[a-z]{1,8}").prop_map(
        |(model, opaque, staleness, name, extra)| {
            let mut request = reference_request();
            request.attestation.model = Printable::parse(&model).unwrap();
            request.attestation.provider_signature = Printable::parse(&opaque).unwrap();
            request.staleness_budget_seconds = Some(staleness);
            request.agent_name = name.and_then(|name| Printable::parse(&name));
            let signed = World::new().issue(&request, None);
            let mut value: serde_json::Value = serde_json::from_slice(signed.canonical()).unwrap();
            value["schema_version"] = "1.7".into();
            value[format!("zz_{extra}")] = serde_json::json!({"b": [1, "x", true], "a": {}});
            value
        },
    )
}

/// Invariant 1, second half, exhaustively: each byte of one canonical passport, altered in eight ways, gives
/// something that does not verify.
#[test]
fn no_byte_can_change() {
    let mut world = World::new();
    let passport = world.issue(&reference_request(), None);
    let facts = facts_of(&passport);
    let ask = Ask::now(noon());
    for index in 0..passport.canonical().len() {
        for bit in 0..8 {
            let mut bytes = passport.canonical().to_vec();
            bytes[index] ^= 1 << bit;
            let valid = parse(&bytes, 64).is_ok_and(|json| verify(&json, &world.keys, |_| facts, &ask).valid);
            assert!(!valid, "byte {index} bit {bit}");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    /// Invariant 2 in general: our canonical bytes are those of an independent RFC 8785 implementation, with and
    /// without the members that are cut out, also for members this version does not know.
    #[test]
    fn canonical_bytes_are_rfc_8785(mut value in decorated()) {
        let pretty = serde_json::to_vec_pretty(&value).unwrap();
        let signed = SignedPassport::read(&parse(&pretty, 64).unwrap()).unwrap();
        prop_assert_eq!(signed.canonical(), serde_json_canonicalizer::to_vec(&value).unwrap());
        value.as_object_mut().unwrap().remove("signature");
        prop_assert_eq!(signed.message(), serde_json_canonicalizer::to_vec(&value).unwrap());
        value.as_object_mut().unwrap().remove("audit_lineage_hash");
        let body = serde_json_canonicalizer::to_vec(&value).unwrap();
        prop_assert_eq!(signed.body_digest(), Digest::of(&[&body]));
    }

    /// Bytes inserted, removed or replaced anywhere never verify, unless the document stays the same one.
    #[test]
    fn tampering_is_found(at in any::<prop::sample::Index>(), cut in 0..4_usize, insert in "[ -~]{0,4}") {
        let mut world = World::new();
        let passport = world.issue(&reference_request(), None);
        let mut bytes = passport.canonical().to_vec();
        let start = at.index(bytes.len());
        let end = (start + cut).min(bytes.len());
        bytes.splice(start..end, insert.bytes());
        let valid = parse(&bytes, 64).is_ok_and(|json| {
            let verdict = verify(&json, &world.keys, |_| facts_of(&passport), &Ask::now(noon()));
            verdict.valid && SignedPassport::read(&json).unwrap() != passport
        });
        prop_assert!(!valid);
    }

    /// Any alteration of any entry, any removal, swap or repetition breaks the chain (invariant 12).
    #[test]
    fn lineage_finds_any_alteration(
        length in 2..8_usize, at in any::<prop::sample::Index>(), kind in 0..9_u8
    ) {
        let mut moment = Moment::new(noon(), Entropy::from_seed([5; 32]));
        let agent_id = moment.new_id();
        let mut head = Head::GENESIS;
        let mut entries = Vec::new();
        for step in 0..length {
            let what = Happening {
                passport_id: Some(moment.new_id()),
                event: LineageEvent::Issue,
                body_digest: Digest::from_bytes(moment.entropy().bytes()),
                actor: ActorId::parse("op_acme_corp").unwrap(),
                at: noon().plus_seconds(i64::try_from(step).unwrap()),
            };
            let entry = Entry::after(head, agent_id, what);
            head = entry.head();
            entries.push(entry);
        }
        prop_assert_eq!(check_chain(agent_id, &entries), Ok(head));
        let index = at.index(length);
        let entry = &mut entries[index];
        match kind {
            0 => entry.seq += 1,
            1 => entry.agent_id = moment.new_id(),
            2 => entry.passport_id = None,
            3 => entry.event = LineageEvent::Amend,
            4 => entry.body_digest = Digest::ZERO,
            5 => entry.actor = ActorId::parse("op_other").unwrap(),
            6 => entry.at = entry.at.plus_seconds(-1),
            7 => entry.prev = Digest::of(&[b"x"]),
            _ => {
                entries.remove(index);
            }
        }
        prop_assert_ne!(check_chain(agent_id, &entries), Ok(head));
    }

    /// Invariant 20: every reader is total on arbitrary bytes, and on arbitrary JSON of our vocabulary.
    #[test]
    fn readers_are_total(bytes in prop::collection::vec(any::<u8>(), 0..256), text in r#"[\[\]{}",:0-9a-z_.*@+]{0,96}"#) {
        for input in [bytes.as_slice(), text.as_bytes()] {
            let _ = Pack::read(input);
            if let Ok(json) = parse(input, 64) {
                let _ = (SignedPassport::read(&json).is_ok(), Entry::read(&json).is_ok());
                let _ = SignedKeyHistory::read(&json).is_ok();
            }
        }
    }

    /// A passport with one member replaced by any JSON reads or is refused, and never verifies as another.
    #[test]
    fn replaced_members_never_pass(member in 0..25_usize, value in r#"0|[1-9][0-9]{0,19}|"[ -~&&[^"\\]]{0,20}"|null|true|\[\]|\{\}|\[\["\*"\]\]"#) {
        let mut world = World::new();
        let passport = world.issue(&reference_request(), None);
        let text = String::from_utf8(passport.canonical().to_vec()).unwrap();
        let json = parse(text.as_bytes(), 64).unwrap();
        let members = json.members().unwrap();
        let name = members[member % members.len()].0.to_string();
        let replacement = parse(value.as_bytes(), 64).unwrap();
        let changed = members.iter().map(|(known, old)| {
            (known.clone(), if *known == name { replacement.clone() } else { old.clone() })
        });
        let changed = Json::Object(changed.collect());
        let same = json.get(&name) == Some(&replacement);
        let verdict = verify(&changed, &world.keys, |_| facts_of(&passport), &Ask::now(noon()));
        prop_assert_eq!(verdict.valid, same);
    }

    /// Instants and lifetimes at the edge of the calendar are refused or read, never a panic.
    #[test]
    fn any_instant_is_judged(seconds in any::<i64>()) {
        let mut world = World::new();
        let passport = world.issue(&reference_request(), None);
        let json = parse(passport.canonical(), 64).unwrap();
        let ask = Ask::now(Timestamp::from_micros(seconds));
        let _ = verify(&json, &world.keys, |_| facts_of(&passport), &ask).valid;
    }
}
