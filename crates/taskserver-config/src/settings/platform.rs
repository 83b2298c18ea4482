use std::time::Duration;

use serde::Deserialize;

/// Section `kubernetes`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Kubernetes {
    /// Whether the server runs in a cluster, where the platform's `engine-setting` rows are honoured.
    pub enabled: bool,
    /// The record of the cluster's events.
    pub events: KubernetesEvents,
}

/// Section `kubernetes.events`: the record of the cluster's events.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KubernetesEvents {
    /// Whether there is one, where the server runs in a cluster.
    pub enabled: bool,
    /// Names or patterns of namespaces, separated by commas; all namespaces, when none.
    pub namespaces: Option<String>,
}

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
