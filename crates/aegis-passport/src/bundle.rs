//! Policy bundles: which rule packs a passport was issued under, and which exact bytes those were.

use std::fmt;

use aegis_core::crypto::digest::Digest;

use crate::profile::ObjectWriter;

/// Characters of a bundle at most.
pub const BUNDLE_CHARS_MAX: usize = 512;
/// Packs of one bundle at most.
pub const PACKS_MAX: usize = 16;

/// The name of a pack: `[a-z][a-z0-9_]{0,47}`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PackName(Box<str>);

impl PackName {
    /// Takes a name of the right form.
    pub fn parse(text: &str) -> Option<PackName> {
        PackName::fits(text).then(|| PackName(text.into()))
    }

    fn fits(text: &str) -> bool {
        let rest_fits = text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_');
        text.starts_with(|c: char| c.is_ascii_lowercase()) && rest_fits && text.len() <= 48
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for PackName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The version of a pack, `N.N.N`, ordered by its numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PackVersion([u32; 3]);

impl PackVersion {
    /// Parses three decimal numbers without leading zeros, each at most 999,999,999.
    pub fn parse(text: &str) -> Option<PackVersion> {
        let mut parts = text.split('.');
        let mut next = || {
            let part = parts.next()?;
            let plain = part == "0" || !part.starts_with('0');
            let digits = (1..=9).contains(&part.len()) && part.bytes().all(|b| b.is_ascii_digit());
            if plain && digits { part.parse().ok() } else { None }
        };
        let version = PackVersion([next()?, next()?, next()?]);
        parts.next().is_none().then_some(version)
    }
}

impl fmt::Display for PackVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [major, minor, patch] = self.0;
        write!(f, "{major}.{minor}.{patch}")
    }
}

/// `pack *15("+" pack)`, each `name ["@" version]`, no pack twice; kept byte for byte.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Bundle(Box<str>);

impl Bundle {
    /// What [`Bundle::parse`] accepts, for messages.
    pub const FORM: &'static str =
        "1-16 different pack names joined by +, each optionally @N.N.N, at most 512 characters";

    /// Takes a bundle of the right form.
    pub fn parse(text: &str) -> Option<Bundle> {
        if text.len() > BUNDLE_CHARS_MAX {
            return None;
        }
        let mut names: Vec<&str> = Vec::new();
        for pack in text.split('+') {
            let (name, version) = split_pack(pack);
            let version_fits = version.is_none_or(|version| PackVersion::parse(version).is_some());
            if !PackName::fits(name) || !version_fits || names.contains(&name) {
                return None;
            }
            names.push(name);
        }
        (names.len() <= PACKS_MAX).then(|| Bundle(text.into()))
    }

    /// The bundle as it was written.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The packs in the order of the text: name, and version where the text fixes one.
    pub fn packs(&self) -> impl Iterator<Item = (&str, Option<PackVersion>)> {
        self.0.split('+').map(|pack| {
            let (name, version) = split_pack(pack);
            (name, version.and_then(PackVersion::parse))
        })
    }
}

impl fmt::Display for Bundle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

fn split_pack(pack: &str) -> (&str, Option<&str>) {
    match pack.split_once('@') {
        Some((name, version)) => (name, Some(version)),
        None => (pack, None),
    }
}

/// One pack as it stood when a passport was issued.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PinnedPack {
    /// Its name.
    pub name: PackName,
    /// Its version.
    pub version: PackVersion,
    /// Digest of its bytes.
    pub sha256: Digest,
}

/// The `policy_bundle_digest` of these packs, whatever their order.
pub fn bundle_digest(packs: &[PinnedPack]) -> Digest {
    let mut sorted: Vec<&PinnedPack> = packs.iter().collect();
    sorted.sort_unstable_by(|left, right| left.name.cmp(&right.name));
    let mut bytes = Vec::new();
    let mut document = ObjectWriter::open(&mut bytes);
    document.objects("packs", &sorted, |pack, out| {
        out.text("name", pack.name.as_str());
        out.text("sha256", &pack.sha256.to_hex());
        out.shown("version", &pack.version);
    });
    document.close();
    Digest::of(&[&bytes])
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The grammar, by examples on both sides of each rule.
    #[test]
    fn grammar_is_strict() {
        let bundle = Bundle::parse("eu_ai_act+gdpr@1.0.0").unwrap();
        let packs: Vec<_> = bundle.packs().collect();
        assert_eq!(packs, [("eu_ai_act", None), ("gdpr", PackVersion::parse("1.0.0"))]);
        let sixteen: Vec<String> = (0..16).map(|n| format!("p{n}")).collect();
        assert!(Bundle::parse(&sixteen.join("+")).is_some());
        assert!(Bundle::parse(&format!("{}+p16", sixteen.join("+"))).is_none());
        for bad in [
            "",
            "+",
            "a+",
            "+a",
            "a+a",
            "a+a@1.0.0",
            "A",
            "a@",
            "a@1",
            "a@1.0",
            "a@01.0.0",
            "a@1.0.0.0",
            "a b",
            "1a",
            &"a".repeat(49),
        ] {
            assert_eq!(Bundle::parse(bad), None, "{bad}");
        }
    }

    /// Versions compare by number, not by character.
    #[test]
    fn versions_compare_by_number() {
        assert!(PackVersion::parse("1.10.0") > PackVersion::parse("1.9.9"));
        assert_eq!(PackVersion::parse("1.10.0").unwrap().to_string(), "1.10.0");
    }

    /// The digest of the contract's known answer, from packs in either order.
    #[test]
    fn reproduces_the_contract_digest() {
        let pin = |name: &str| PinnedPack {
            name: PackName::parse(name).unwrap(),
            version: PackVersion::parse("1.0.0").unwrap(),
            sha256: Digest::of(&[name.as_bytes(), b"@1.0.0"]),
        };
        let expected = "sha256:2c6cd901f6f0a5dd2f9c229b3128dfc3470edc339e27afe63967bf2c50a39648";
        assert_eq!(bundle_digest(&[pin("eu_ai_act"), pin("gdpr")]).to_string(), expected);
        assert_eq!(bundle_digest(&[pin("gdpr"), pin("eu_ai_act")]).to_string(), expected);
    }
}
