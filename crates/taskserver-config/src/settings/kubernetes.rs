use std::time::Duration;

use serde::Deserialize;

/// Section `kubernetes`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Kubernetes {
    /// Whether the server runs in a cluster, where the platform's `engine-setting` rows are honoured.
    pub enabled: bool,
    /// The kubeconfig file, or several as `KUBECONFIG` names them.
    pub kubeconfig: Option<String>,
    /// The context of the kubeconfig; its current one, when none.
    pub context: Option<String>,
    /// The cluster's name, by which its events and alerts are known.
    pub cluster: String,
    /// The record of the cluster's events.
    pub events: KubernetesEvents,
    /// The figures of Agones.
    pub agones: Agones,
}

/// Section `kubernetes.agones`: game servers and fleets among the figures of the analytics.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Agones {
    /// Whether they are, where the server runs in a cluster that has Agones.
    pub enabled: bool,
    /// Their namespace; all namespaces, when none.
    pub namespace: Option<String>,
    /// How many fleets have figures.
    pub max_fleets: usize,
    /// How long reading them may take in one cycle.
    pub timeout: Duration,
}

/// Section `kubernetes.events`: the record of the cluster's events.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KubernetesEvents {
    /// Whether there is one, where there is a cluster.
    pub enabled: bool,
    /// Names or patterns of namespaces, separated by commas; all namespaces, when none.
    pub namespaces: Option<String>,
    /// Names or patterns of namespaces that are left out, separated by commas.
    pub exclude_namespaces: Option<String>,
    /// A field selector that the API server applies.
    pub field_selector: Option<String>,
    /// A label selector that the API server applies.
    pub label_selector: Option<String>,
    /// The rule, in CEL, for which events are stored; for all, when none.
    pub include: Option<String>,
    /// The rule, in CEL, for which events are not stored.
    pub exclude: Option<String>,
    /// How new events are learnt of.
    pub mode: EventsMode,
    /// The time between two lists in the mode `poll`.
    pub poll_every: Duration,
    /// How many events a page of a list has.
    pub page_size: u32,
    /// How many events of a watch are stored at once.
    pub max_batch: usize,
    /// How long the first event of a batch waits for others.
    pub max_batch_delay: Duration,
    /// The most requests a second.
    pub max_requests_per_second: u32,
    /// How many events are logged at most in `log_window`.
    pub log_lines: u32,
    /// See `log_lines`.
    pub log_window: Duration,
    /// How long counts by reason are kept; for ever, when none.
    pub count_retention: Option<Duration>,
    /// What is kept of the normal events.
    #[serde(default)]
    pub normal: Keep,
    /// What is kept of the warnings.
    #[serde(default)]
    pub warning: Keep,
}

/// How new events are learnt of.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
pub enum EventsMode {
    /// By a watch.
    Watch,
    /// By a list every so often.
    Poll,
}

/// Sections `kubernetes.events.normal` and `kubernetes.events.warning`: what is kept of events of a type.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Keep {
    /// How old an event may become; any age, when none.
    pub retention: Option<Duration>,
    /// How many are kept; all, when none.
    pub limit: Option<u64>,
}
