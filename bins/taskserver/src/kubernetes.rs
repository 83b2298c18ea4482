//! The cluster: how its API server is reached and watched, and how its events are collected.

use anyhow::Context as _;
use async_trait::async_trait;
use kube::{Client, Config};
use task_k8s_events::{Collector, CollectorOptions, EventCollector, EventStore, Namespaces};
use taskserver_config::Settings;
use taskserver_config::settings::KubernetesEvents;
use taskserver_core::{App, Probe};
use taskserver_store::{LEADERSHIP, Store};
use tokio::sync::OnceCell;

use crate::leadership;

/// The version of the API that answers, from its `/version`: what every account may ask.
#[derive(Default)]
pub(crate) struct ApiServerProbe(OnceCell<Client>);

#[async_trait]
impl Probe for ApiServerProbe {
    fn component(&self) -> &'static str {
        "kubernetes"
    }

    async fn probe(&self) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
        // Where there is no way to a cluster yet, it is looked for again with the next probe.
        let client = self.0.get_or_try_init(connect).await?;
        client.apiserver_version().await?;
        Ok(())
    }
}

async fn connect() -> anyhow::Result<Client> {
    Ok(task_k8s_events::connect(Config::infer().await?)?)
}

/// Whether the cluster's events are kept.
pub(crate) fn keeps_events(settings: &Settings) -> bool {
    settings.kubernetes.enabled && settings.kubernetes.events.enabled
}

/// Collects the cluster's events until the app stops. Where there is no cluster, that is said once and nothing else suffers.
pub(crate) async fn collect_events(app: &App, store: &Store, settings: &Settings) {
    match event_collector(app, store, settings).await {
        Ok(collector) => collector.run(app).await,
        Err(error) => EventCollector::disabled(app, format!("{error:#}")),
    }
}

async fn event_collector(app: &App, store: &Store, settings: &Settings) -> anyhow::Result<EventCollector> {
    let options =
        CollectorOptions { namespaces: namespaces(&settings.kubernetes.events), ..CollectorOptions::default() };
    let events = EventStore::new(store.clone(), &*options.cluster);
    let client = connect().await.context("there is no cluster")?;
    let collector = EventCollector::new(Collector::new(client, options)?, events, app.metrics());
    Ok(match leadership::is_elected(settings, store) {
        true => collector.fenced(LEADERSHIP),
        false => collector,
    })
}

fn namespaces(settings: &KubernetesEvents) -> Namespaces {
    let patterns = settings.namespaces.iter().flat_map(|patterns| patterns.split(',')).map(str::trim);
    patterns.fold(Namespaces::all(), Namespaces::including)
}
