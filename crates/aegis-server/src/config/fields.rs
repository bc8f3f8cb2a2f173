//! Shapes of single settings.

use aegis_tlog::note::VerifierKey;
use ipnet::IpNet;
use serde::de::{DeserializeOwned, Error as _, IntoDeserializer};
use serde::{Deserialize, Deserializer};

/// A setting that is not set when it is the empty string.
pub(super) fn optional<'de, D: Deserializer<'de>, T: DeserializeOwned>(
    from: D,
) -> Result<Option<T>, D::Error> {
    let text = String::deserialize(from)?;
    if text.is_empty() {
        return Ok(None);
    }
    let reader: serde::de::value::StringDeserializer<D::Error> = text.into_deserializer();
    T::deserialize(reader).map(Some)
}

/// A switch that is not set when it is the empty string; the environment writes it as a word.
pub(super) fn optional_switch<'de, D: Deserializer<'de>>(from: D) -> Result<Option<bool>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Written {
        Switch(bool),
        Word(String),
    }
    match Written::deserialize(from)? {
        Written::Switch(switch) => Ok(Some(switch)),
        Written::Word(word) => match word.as_str() {
            "" => Ok(None),
            "true" => Ok(Some(true)),
            "false" => Ok(Some(false)),
            other => Err(D::Error::custom(format!("`{other}` is neither true nor false"))),
        },
    }
}

/// Networks in CIDR form; a bare address is a network of one.
pub(super) fn networks<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<IpNet>, D::Error> {
    let texts = Vec::<String>::deserialize(from)?;
    texts
        .iter()
        .map(|text| {
            let address = || text.parse::<std::net::IpAddr>().map(IpNet::from);
            text.parse::<IpNet>().or_else(|_| address()).map_err(|_| {
                D::Error::custom(format!("`{text}` is no address and no network such as 10.0.0.0/8"))
            })
        })
        .collect()
}

/// Keys of logs, as c2sp.org/signed-note writes them.
pub(super) fn verifier_keys<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<VerifierKey>, D::Error> {
    let texts = Vec::<String>::deserialize(from)?;
    let read = |text: &String| {
        VerifierKey::parse(text).map_err(|refused| {
            D::Error::custom(format!("`{text}` is no verifier key NAME+HASH+KEY of a log: {refused}"))
        })
    };
    texts.iter().map(read).collect()
}
