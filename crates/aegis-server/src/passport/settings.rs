//! What the configuration says about passports.

use aegis_passport::risk::Risk;
use aegis_passport::scope::Scopes;

/// The issuer's own choices.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Issuances an operator key may make in an hour, unless its operator has a limit of its own.
    pub issue_per_hour: u32,
    /// Scopes of a passport whose request names none.
    pub scopes_default: Scopes,
    /// From this risk on an agent must bind a key.
    pub agent_key_required_from: Option<Risk>,
    /// Days after which a passport key is rotated.
    pub key_rotation_days: u32,
    /// Seconds for which a signed revocation list is good.
    pub status_lifetime_seconds: u32,
}

impl Default for Settings {
    /// The defaults of `config/aegis.toml`.
    fn default() -> Settings {
        Settings {
            issue_per_hour: 10,
            scopes_default: Scopes::everything(),
            agent_key_required_from: None,
            key_rotation_days: 90,
            status_lifetime_seconds: 30,
        }
    }
}
