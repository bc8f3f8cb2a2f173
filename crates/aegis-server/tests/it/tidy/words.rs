//! Rules about names: what the kernel may not say, suffixes that mean nothing, and synonyms the glossary refuses.

use super::source::Source;
use super::{File, Finding, report, rust_files};

/// A4: words that belong to one product family.
const PRODUCT_WORDS: [&str; 3] = ["passport", "wallet", "study"];

fn kernel_words(file: &File) -> Vec<Finding> {
    let ours = file.path.starts_with("crates/aegis-kernel/") || file.path.contains("_kernel.");
    if !ours {
        return Vec::new();
    }
    let mut found = Vec::new();
    for (index, line) in file.text.lines().enumerate() {
        let lower = line.to_lowercase();
        found.extend(PRODUCT_WORDS.iter().filter(|word| lower.contains(**word)).map(|word| Finding {
            path: file.path.clone(),
            line: index.saturating_add(1),
            rule: "A4 kernel words",
            what: format!("the kernel says {word:?}"),
            remedy: "say what the kernel needs in its own words, or move the code into the product's slice",
        }));
    }
    found
}

/// Suffixes that promise a thing and name none.
const EMPTY_SUFFIXES: [&str; 12] = [
    "Manager",
    "Service",
    "Helper",
    "Util",
    "Utils",
    "Processor",
    "Handler",
    "Info",
    "Data",
    "Base",
    "Impl",
    "Common",
];

fn empty_suffixes(file: &File) -> Vec<Finding> {
    let source = Source::read(&file.text);
    let types = source.declared().into_iter().filter(|declared| declared.keyword != "fn");
    types
        .filter(|declared| {
            // `type Data` and `type Service` inside an impl are names that foreign traits chose.
            let chosen_elsewhere = declared.keyword == "type" && EMPTY_SUFFIXES.contains(&declared.name);
            !chosen_elsewhere && EMPTY_SUFFIXES.iter().any(|suffix| declared.name.ends_with(suffix))
        })
        .map(|declared| Finding {
            path: file.path.clone(),
            line: declared.line,
            rule: "empty suffix",
            what: format!("type {} ends in a word that says nothing", declared.name),
            remedy: "name the thing with a noun of the glossary or of the field's standard",
        })
        .collect()
}

/// Refused words (already split) and the term to use.
type Synonyms = Vec<(Vec<String>, String)>;

/// The refused words of GLOSSARY.md: those in code font in the column "not".
fn synonyms(glossary: &str) -> Synonyms {
    let mut found = Vec::new();
    for line in glossary.lines().filter(|line| line.starts_with("| **")) {
        let cells: Vec<&str> = line.split('|').map(str::trim).collect();
        let (Some(term), Some(not)) = (cells.get(1), cells.get(3)) else { continue };
        let refused = not.split('`').skip(1).step_by(2);
        found.extend(refused.map(|word| (segments(word), term.replace("**", ""))));
    }
    found
}

/// `open_hold`, `OpenHold`, `openHold` and `open hold` alike: `["open", "hold"]`.
fn segments(name: &str) -> Vec<String> {
    let mut parts = vec![String::new()];
    let mut before_lower = false;
    for character in name.chars() {
        let starts = character.is_uppercase() && before_lower;
        before_lower = character.is_lowercase() || character.is_numeric();
        if starts || !character.is_alphanumeric() {
            parts.push(String::new());
        }
        if character.is_alphanumeric()
            && let Some(part) = parts.last_mut()
        {
            part.extend(character.to_lowercase());
        }
    }
    parts.retain(|part| !part.is_empty());
    parts
}

fn refused_names(file: &File, synonyms: &Synonyms) -> Vec<Finding> {
    let source = Source::read(&file.text);
    let mut found = Vec::new();
    for declared in source.declared() {
        let parts = segments(declared.name);
        let hits = synonyms.iter().filter(|(word, _)| parts.windows(word.len()).any(|window| window == word));
        found.extend(hits.map(|(word, term)| Finding {
            path: file.path.clone(),
            line: declared.line,
            rule: "glossary synonym",
            what: format!("{} says {:?}; the glossary's word is {term:?}", declared.name, word.join(" ")),
            remedy: "use the glossary's term, or change GLOSSARY.md if the word means something else here",
        }));
    }
    found
}

fn glossary() -> std::io::Result<Synonyms> {
    std::fs::read_to_string(super::root().join("GLOSSARY.md")).map(|text| synonyms(&text))
}

/// A4: the kernel and its migrations name no product.
#[test]
fn kernel_never_names_a_product() {
    let found: Vec<Finding> = super::files().unwrap().iter().flat_map(kernel_words).collect();
    report(&found);
}

/// The rule above refuses a word in code, in a comment and inside a longer name, in the kernel only.
#[test]
fn kernel_words_can_fail() {
    let bad = "// about Passports\nfn open() {}\nstruct WalletRow;\n";
    let found = kernel_words(&File::new("crates/aegis-kernel/src/a.rs", bad));
    assert_eq!(found.iter().map(|finding| finding.line).collect::<Vec<_>>(), [1, 3]);
    assert!(kernel_words(&File::new("crates/aegis-server/src/a.rs", bad)).is_empty());
    assert_eq!(kernel_words(&File::new("migrations/0001_kernel.sqlite.sql", "-- study")).len(), 1);
}

/// No type is called a manager, a service, a helper or the like.
#[test]
fn types_have_meaningful_names() {
    let found: Vec<Finding> = rust_files().unwrap().iter().flat_map(empty_suffixes).collect();
    report(&found);
}

/// The rule above refuses each suffix and lets the word stand elsewhere.
#[test]
fn empty_suffixes_can_fail() {
    for suffix in EMPTY_SUFFIXES {
        let bad = format!("\npub struct Key{suffix};");
        assert_eq!(empty_suffixes(&File::new("a.rs", &bad)).first().map(|found| found.line), Some(2));
    }
    let fine = "struct ServiceKey; fn user_data() {} impl Body for B { type Data = Bytes; }";
    assert!(empty_suffixes(&File::new("a.rs", fine)).is_empty());
}

/// Types and functions use the glossary's words.
#[test]
fn names_follow_the_glossary() {
    let synonyms = glossary().unwrap();
    assert!(synonyms.len() > 10, "GLOSSARY.md lists only {} refused words in code font", synonyms.len());
    let found: Vec<Finding> =
        rust_files().unwrap().iter().flat_map(|file| refused_names(file, &synonyms)).collect();
    report(&found);
}

/// The rule above splits names at every border and matches whole words only.
#[test]
fn refused_names_can_fail() {
    let synonyms =
        synonyms("| term | meaning | not |\n| **agent** | software | `bot`, client, `soft revoke` |\n");
    let bad = "struct BotKey;\nfn find_bot() {}\nenum Robot {}\nfn client() {}\nfn do_soft_revoke() {}\n";
    let found = refused_names(&File::new("a.rs", bad), &synonyms);
    assert_eq!(found.iter().map(|finding| finding.line).collect::<Vec<_>>(), [1, 2, 5]);
}
