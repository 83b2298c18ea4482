//! The lease of a deployment in a cluster: which one it is, is found out when it is first asked for.
//!
//! In mode `auto`, replicas that may not hold a lease of Kubernetes, as in the platform's own chart, agree by one in the database.
//! All replicas of a deployment have the same account, so that they decide alike. Where they do not for a while, as when the
//! rights were just given, the terms in the database still see to it that one of them leads (see [`FencedLease`]).

use anyhow::Context as _;
use async_trait::async_trait;
use taskserver_config::settings::{Leadership, LeadershipMode};
use taskserver_core::{LeaseError, LeaseRecord, LeaseStore};
use taskserver_kubernetes::KubernetesLease;
use taskserver_store::{FencedLease, LEADERSHIP, SqlLease, Store};
use tokio::sync::OnceCell;

use crate::kubernetes::Cluster;

pub(crate) struct ClusterLease {
    settings: Leadership,
    store: Store,
    cluster: Cluster,
    lease: OnceCell<Box<dyn LeaseStore>>,
}

impl ClusterLease {
    pub(crate) fn new(settings: &Leadership, store: &Store, cluster: &Cluster) -> Self {
        Self { settings: settings.clone(), store: store.clone(), cluster: cluster.clone(), lease: OnceCell::new() }
    }

    async fn lease(&self) -> Result<&dyn LeaseStore, LeaseError> {
        Ok(&**self.lease.get_or_try_init(|| self.choose()).await?)
    }

    async fn choose(&self) -> anyhow::Result<Box<dyn LeaseStore>> {
        let auto = self.settings.mode == LeadershipMode::Auto;
        let client = match self.cluster.client().await {
            Err(error) if auto => return self.in_database(&format!("there is no cluster: {error:#}")),
            client => client.context("there is no cluster")?,
        };
        let namespace = self.settings.namespace.as_deref().unwrap_or(client.default_namespace()).to_owned();
        let name = &self.settings.lease_name;
        let lease = KubernetesLease::new(client, &namespace, name);
        if auto {
            let missing = lease.missing_rights().await?;
            if !missing.is_empty() {
                let missing = missing.join(", ");
                let reason =
                    format!("this account may not {missing} the lease `{name}` in the namespace `{namespace}`");
                return self.in_database(&reason);
            }
        }
        Ok(Box::new(FencedLease::new(lease, &self.store, LEADERSHIP)?))
    }

    fn in_database(&self, reason: &str) -> anyhow::Result<Box<dyn LeaseStore>> {
        tracing::info!(reason, "the replicas elect their leader by a lease in the database, not by one of Kubernetes");
        Ok(Box::new(SqlLease::new(&self.store, LEADERSHIP)?))
    }
}

#[async_trait]
impl LeaseStore for ClusterLease {
    async fn read(&self) -> Result<Option<LeaseRecord>, LeaseError> {
        self.lease().await?.read().await
    }

    async fn write(&self, seen: Option<&LeaseRecord>, lease: &LeaseRecord) -> Result<Option<LeaseRecord>, LeaseError> {
        self.lease().await?.write(seen, lease).await
    }
}
