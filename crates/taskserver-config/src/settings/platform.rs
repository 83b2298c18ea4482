use std::time::Duration;

use serde::Deserialize;

/// Section `platform`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Platform {
    /// The name of the Helm release that this server belongs to.
    pub release_name: String,
    /// The role that the platform's chart gives this process.
    pub server_mode: String,
    /// How often the platform's settings are looked at for changes, in a cluster.
    pub engine_setting_interval: Duration,
}
