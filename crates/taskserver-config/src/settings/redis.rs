use secrecy::SecretString;
use serde::Deserialize;

/// Section `redis`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Redis {
    /// Whether Redis is used at all.
    pub enabled: bool,
    /// Host name or IP address.
    pub address: String,
    /// TCP port.
    pub port: u16,
    /// Password as it is, not URL-encoded; none when it is empty.
    pub password: Option<SecretString>,
}
