use serde::Deserialize;

/// Section `kubernetes`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Kubernetes {
    /// Whether the server runs in a cluster, where the platform's `engine-setting` rows are honoured.
    pub enabled: bool,
}

/// Section `platform`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Platform {
    /// The name of the Helm release that this server belongs to.
    pub release_name: String,
    /// The role that the platform's chart gives this process.
    pub server_mode: String,
}
