use std::time::Duration;

use serde::Deserialize;

/// Section `leadership`: which of several replicas runs the tasks.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Leadership {
    /// How the leader is found.
    pub mode: LeadershipMode,
    /// The name of this process among its replicas; unless set, the host's, and with the port outside a cluster.
    pub instance: Option<String>,
    /// The name of the `Lease`, where Kubernetes keeps it.
    pub lease_name: String,
    /// The namespace of the `Lease`; the server's own, when none.
    pub namespace: Option<String>,
    /// How long a lease lasts that is not renewed.
    pub lease_duration: Duration,
    /// How long the leader tries to renew its lease before it gives up leading; less than `lease_duration`.
    pub renew_deadline: Duration,
    /// How often a follower looks whether the lease is free; less than `renew_deadline`.
    pub retry_period: Duration,
}

/// How the leader is found.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
pub enum LeadershipMode {
    /// Where several replicas can share the database: in a cluster by a `Lease` of Kubernetes, if the account may hold one, and
    /// else by a lease in the database. Where they cannot, there is one process, which leads.
    Auto,
    /// There is one process, which leads.
    Always,
    /// By a lease in the database.
    Database,
    /// By a `Lease` of Kubernetes.
    Kubernetes,
}
