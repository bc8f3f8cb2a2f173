//! The configuration as it turned out, with the origin of each value.

use std::fmt::Write as _;

use figment::Figment;
use figment::value::Value;

use super::Config;
use super::layers::{keys, source_of};

/// One setting.
#[derive(Debug, Clone)]
pub(super) struct Line {
    key: String,
    value: String,
    source: String,
}

pub(super) fn list(figment: &Figment, config: &Config) -> Vec<Line> {
    keys(figment)
        .into_iter()
        .map(|key| {
            let value = figment.find_value(&key).map(|value| shown(&value)).unwrap_or_default();
            match derived(&key, config).filter(|_| value == "\"\"") {
                Some(derived) => Line { value: format!("{derived:?}"), source: "derived".to_owned(), key },
                None => Line { value, source: source_of(figment, &key), key },
            }
        })
        .collect()
}

/// What stands in for a setting that is not set.
fn derived(key: &str, config: &Config) -> Option<String> {
    match key {
        "http.public_origin" => Some(config.public_origin()),
        "database.url" => Some(config.database_url()),
        "keys.kek_file" => Some(config.kek_file().display().to_string()),
        "outbound.allow_loopback" => Some(config.outbound_rules().allow_loopback.to_string()),
        "log.origin" => Some(config.log_origin()),
        _ => None,
    }
}

pub(super) fn print(lines: &[Line]) -> String {
    let width =
        lines.iter().map(|line| line.key.len() + line.value.len() + 3).max().unwrap_or_default().min(72);
    let mut text = String::new();
    // Settings without a section come first, as TOML wants them.
    let (bare, sectioned): (Vec<&Line>, Vec<&Line>) = lines.iter().partition(|line| !line.key.contains('.'));
    let mut section = "";
    for line in bare.into_iter().chain(sectioned) {
        let (inside, name) = line.key.rsplit_once('.').unwrap_or(("", &line.key));
        if inside != section {
            let _ = writeln!(text, "\n[{inside}]");
            section = inside;
        }
        let setting = format!("{name} = {}", line.value);
        let _ = writeln!(text, "{setting:width$}  # {}", line.source);
    }
    text
}

/// A value in TOML's spelling.
fn shown(value: &Value) -> String {
    if let Some(text) = value.as_str() {
        return format!("{text:?}");
    }
    if let Some(items) = value.as_array() {
        return format!("[{}]", items.iter().map(shown).collect::<Vec<_>>().join(", "));
    }
    if let Some(flag) = value.to_bool() {
        return flag.to_string();
    }
    let signed = value.to_i128().map(|number| number.to_string());
    signed.or_else(|| value.to_u128().map(|number| number.to_string())).unwrap_or_else(|| "?".to_owned())
}
