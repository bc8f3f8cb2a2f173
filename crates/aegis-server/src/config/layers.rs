//! Which layers there are, and that none of them names a key nobody knows.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use figment::providers::{Format as _, Toml};
use figment::value::{Dict, Map, Value};
use figment::{Figment, Metadata, Profile, Provider};

use super::rules::{ConfigFault, Fault};
use crate::http::nearest;

/// The prefix of environment variables that are settings.
const PREFIX: &str = "AEGIS__";
/// The operator's file when none is named.
const FILE: &str = "aegis.toml";

/// What the command line says; it wins over everything.
#[derive(Debug, Clone, Default)]
pub struct Overrides {
    /// `--listen ADDR`
    pub listen: Option<SocketAddr>,
    /// `--data DIR`
    pub data: Option<PathBuf>,
    /// `--production`
    pub production: bool,
}

/// Everything a configuration is made from.
#[derive(Debug, Clone, Default)]
pub struct Sources {
    /// The operator's file; it must exist.
    pub file: Option<PathBuf>,
    /// Environment variables; those without our prefix are ignored.
    pub environment: Vec<(String, String)>,
    /// The command line.
    pub overrides: Overrides,
}

impl Sources {
    /// What this process was started with. Without a named file, `aegis.toml` in the working directory is
    /// taken if it exists.
    pub fn of_process(file: Option<PathBuf>, overrides: Overrides) -> Sources {
        let variables = std::env::vars_os().filter_map(|(name, value)| {
            let name = name.into_string().ok().filter(|name| name.starts_with(PREFIX))?;
            // A value that is no UTF-8 cannot be right; shown replaced, it is refused by its key.
            Some((name, value.to_string_lossy().into_owned()))
        });
        let found = || Some(PathBuf::from(FILE)).filter(|path| path.is_file());
        Sources { file: file.or_else(found), environment: variables.collect(), overrides }
    }
}

/// The layers in order, after making sure that each key in them is one of the defaults'.
pub(super) fn stack(sources: &Sources) -> Result<Figment, ConfigFault> {
    let mut figment = Figment::from(Layer::new("defaults", toml(super::DEFAULTS, Path::new("defaults"))?));
    let known = keys(&figment);
    if let Some(path) = &sources.file {
        let text = std::fs::read_to_string(path)
            .map_err(|error| ConfigFault::one("", format!("{} cannot be read: {error}", path.display())))?;
        figment = figment.merge(Layer::new(path.display().to_string(), toml(&text, path)?));
    }
    figment = figment.merge(Layer::new("environment", environment(&sources.environment)));
    figment = figment.merge(Layer::new("command line", command_line(&sources.overrides)));
    let unknown: Vec<Fault> = keys(&figment)
        .into_iter()
        .filter(|key| !known.contains(key))
        .map(|key| {
            let source = source_of(&figment, &key);
            Fault { message: unknown_key(&key, &known), key: named(&key, &source), source }
        })
        .collect();
    if unknown.is_empty() { Ok(figment) } else { Err(ConfigFault(unknown)) }
}

fn unknown_key(key: &str, known: &[String]) -> String {
    let known: Vec<&str> = known.iter().map(String::as_str).collect();
    let last = |key: &str| key.rsplit('.').next().unwrap_or_default().to_owned();
    // A key in the wrong section is nearer to its namesake than to anything that is merely spelled alike.
    let namesake = known.iter().find(|known| last(known) == last(key)).copied();
    match namesake.or_else(|| nearest(key, &known)) {
        Some(near) => format!("there is no such key; did you mean `{near}`?"),
        None => "there is no such key".to_owned(),
    }
}

/// How the operator wrote the key.
pub(super) fn named(key: &str, source: &str) -> String {
    if source == "environment" {
        format!("{PREFIX}{}", key.to_uppercase().replace('.', "__"))
    } else {
        key.to_owned()
    }
}

/// Which layer a key's value comes from.
pub(super) fn source_of(figment: &Figment, key: &str) -> String {
    figment.find_metadata(key).map_or_else(|| "defaults".to_owned(), |metadata| metadata.name.to_string())
}

/// Every key of all layers, dotted, tables opened up.
pub(super) fn keys(figment: &Figment) -> Vec<String> {
    let mut found = Vec::new();
    if let Ok(dict) = figment.extract::<Dict>() {
        collect("", &dict, &mut found);
    }
    found
}

fn collect(prefix: &str, dict: &Dict, found: &mut Vec<String>) {
    for (name, value) in dict {
        let key = if prefix.is_empty() { name.clone() } else { format!("{prefix}.{name}") };
        match value.as_dict() {
            Some(inner) if !inner.is_empty() => collect(&key, inner, found),
            Some(_) | None => found.push(key),
        }
    }
}

fn toml(text: &str, path: &Path) -> Result<Dict, ConfigFault> {
    Toml::from_str(text).map_err(|error| {
        let reason = error.to_string();
        ConfigFault::one("", format!("{} is not valid TOML: {}", path.display(), reason.trim()))
    })
}

fn environment(variables: &[(String, String)]) -> Dict {
    let mut dict = Dict::new();
    for (name, text) in variables {
        let Some(path) = name.strip_prefix(PREFIX) else { continue };
        // Numbers, booleans and lists are read as such; everything else is text.
        let value = text.parse().unwrap_or_else(|never| match never {});
        insert(&mut dict, &path.to_lowercase().replace("__", "."), value);
    }
    dict
}

fn command_line(overrides: &Overrides) -> Dict {
    let mut dict = Dict::new();
    if let Some(listen) = overrides.listen {
        insert(&mut dict, "http.listen", Value::from(listen.to_string()));
    }
    if let Some(data) = &overrides.data {
        insert(&mut dict, "data", Value::from(data.display().to_string()));
    }
    if overrides.production {
        insert(&mut dict, "mode", Value::from("production"));
    }
    dict
}

fn insert(dict: &mut Dict, key: &str, value: Value) {
    match key.split_once('.') {
        None => {
            dict.insert(key.to_owned(), value);
        }
        Some((section, rest)) => {
            let mut inner = dict.get(section).and_then(Value::as_dict).cloned().unwrap_or_default();
            insert(&mut inner, rest, value);
            dict.insert(section.to_owned(), Value::from(inner));
        }
    }
}

/// One layer under the name that is shown for its values.
struct Layer {
    name: String,
    dict: Dict,
}

impl Layer {
    fn new(name: impl Into<String>, dict: Dict) -> Layer {
        Layer { name: name.into(), dict }
    }
}

impl Provider for Layer {
    fn metadata(&self) -> Metadata {
        Metadata::named(self.name.clone())
    }

    fn data(&self) -> Result<Map<Profile, Dict>, figment::Error> {
        Ok(Map::from([(Profile::Default, self.dict.clone())]))
    }
}
