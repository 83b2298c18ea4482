//! The cluster: how its API server is reached and watched, and how its events are collected.

use std::path::Path;
use std::sync::Arc;

use anyhow::Context as _;
use async_trait::async_trait;
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::{Client, Config};
use task_k8s_events::{
    AlertRules, Collector, CollectorOptions, EventCollector, EventExport, EventFilter, EventRetention, EventSink,
    EventStore, Keep, LogLimit, Mode, Namespaces,
};
use taskserver_config::Settings;
use taskserver_config::settings::{self, EventsMode, KubernetesEvents};
use taskserver_core::{App, Probe};
use taskserver_store::{LEADERSHIP, Store};
use tokio::sync::OnceCell;

use crate::leadership;

/// The way to the cluster: one client for the whole process, made when it is first needed.
#[derive(Clone)]
pub(crate) struct Cluster(Arc<Inner>);

struct Inner {
    settings: settings::Kubernetes,
    client: OnceCell<Client>,
}

impl Cluster {
    pub(crate) fn new(settings: &settings::Kubernetes) -> Self {
        Self(Arc::new(Inner { settings: settings.clone(), client: OnceCell::new() }))
    }

    /// The client. Where there is no way to a cluster yet, it is looked for again with the next call.
    pub(crate) async fn client(&self) -> anyhow::Result<Client> {
        let connect = async || Ok(task_k8s_events::connect(config(&self.0.settings).await?)?);
        self.0.client.get_or_try_init(connect).await.cloned()
    }
}

/// The settings' kubeconfig; or else what kubectl would take, or the account of the pod.
async fn config(settings: &settings::Kubernetes) -> anyhow::Result<Config> {
    let options = KubeConfigOptions { context: settings.context.clone(), ..KubeConfigOptions::default() };
    let Some(files) = &settings.kubeconfig else {
        return match settings.context {
            Some(_) => Ok(Config::from_kubeconfig(&options).await?),
            None => Ok(Config::infer().await?),
        };
    };
    let read = |file: &Path| {
        Kubeconfig::read_from(file).with_context(|| format!("`kubernetes.kubeconfig`: cannot read {}", file.display()))
    };
    let files: Vec<_> = std::env::split_paths(files).filter(|file| !file.as_os_str().is_empty()).collect();
    let mut kubeconfig = Kubeconfig::default();
    for file in &files {
        kubeconfig = kubeconfig.merge(read(file)?).context("`kubernetes.kubeconfig`: the files do not go together")?;
    }
    Config::from_custom_kubeconfig(kubeconfig, &options).await.context("`kubernetes.kubeconfig`")
}

/// The version of the API that answers, from its `/version`: what every account may ask.
pub(crate) struct ApiServerProbe(pub(crate) Cluster);

#[async_trait]
impl Probe for ApiServerProbe {
    fn component(&self) -> &'static str {
        "kubernetes"
    }

    async fn probe(&self) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
        self.0.client().await?.apiserver_version().await?;
        Ok(())
    }
}

/// Whether there is a cluster: this server runs in one, or was given a kubeconfig.
pub(crate) fn has_cluster(settings: &Settings) -> bool {
    settings.kubernetes.enabled || settings.kubernetes.kubeconfig.is_some()
}

/// Whether the cluster's events are kept.
pub(crate) fn keeps_events(settings: &Settings) -> bool {
    has_cluster(settings) && settings.kubernetes.events.enabled
}

/// What decides on events, and can change while the server runs.
pub(crate) struct EventRules {
    pub(crate) filter: Arc<EventFilter>,
    pub(crate) alerts: Arc<AlertRules>,
}

/// Collects the cluster's events until the app stops. Where there is no cluster, that is said once and nothing else suffers.
pub(crate) async fn collect_events(
    app: &App,
    store: &Store,
    settings: &Settings,
    cluster: &Cluster,
    rules: &EventRules,
    sink: Option<Arc<dyn EventSink>>,
) {
    let events = EventStore::new(store.clone(), &*settings.kubernetes.cluster).alerting(Arc::clone(&rules.alerts));
    let events = if sink.is_some() { events.exporting() } else { events };
    let export = sink.map(|sink| EventExport::new(events.clone(), sink, app));
    match event_collector(app, store, settings, cluster, rules, events).await {
        Ok(collector) => {
            let exporting = async {
                if let Some(export) = export {
                    export.run(app).await;
                }
            };
            tokio::join!(collector.run(app), exporting);
        }
        Err(error) => EventCollector::disabled(app, format!("{error:#}")),
    }
}

async fn event_collector(
    app: &App,
    store: &Store,
    settings: &Settings,
    cluster: &Cluster,
    rules: &EventRules,
    events: EventStore,
) -> anyhow::Result<EventCollector> {
    let client = cluster.client().await.context("there is no cluster")?;
    let collector = Collector::new(client, collector_options(&settings.kubernetes))?;
    let KubernetesEvents { log_lines, log_window, .. } = settings.kubernetes.events;
    let collector = EventCollector::new(collector, events, app.metrics())
        .filter(Arc::clone(&rules.filter))
        .log_limit(LogLimit { lines: log_lines, window: log_window });
    Ok(match leadership::is_elected(settings, store) {
        true => collector.fenced(LEADERSHIP),
        false => collector,
    })
}

/// Checks what the settings leave open.
pub(crate) fn check(settings: &settings::Kubernetes) -> Result<(), String> {
    collector_options(settings).check().map_err(|error| format!("`kubernetes.events`: {error}"))
}

fn collector_options(settings: &settings::Kubernetes) -> CollectorOptions {
    let events = &settings.events;
    CollectorOptions {
        cluster: settings.cluster.clone(),
        namespaces: namespaces(events),
        field_selector: events.field_selector.clone(),
        label_selector: events.label_selector.clone(),
        mode: match events.mode {
            EventsMode::Watch => Mode::Watch,
            EventsMode::Poll => Mode::Poll { interval: events.poll_every },
        },
        page_size: events.page_size,
        max_batch: events.max_batch,
        max_batch_delay: events.max_batch_delay,
        max_requests_per_second: events.max_requests_per_second,
        ..CollectorOptions::default()
    }
}

fn namespaces(settings: &KubernetesEvents) -> Namespaces {
    fn patterns(list: &Option<String>) -> impl Iterator<Item = &str> {
        list.iter().flat_map(|patterns| patterns.split(',')).map(str::trim)
    }
    let included = patterns(&settings.namespaces).fold(Namespaces::all(), Namespaces::including);
    patterns(&settings.exclude_namespaces).fold(included, Namespaces::excluding)
}

pub(crate) fn retention(settings: &KubernetesEvents) -> EventRetention {
    let keep = |keep: &settings::Keep| Keep { max_age: keep.retention, max_rows: keep.limit };
    EventRetention {
        normal: keep(&settings.normal),
        warning: keep(&settings.warning),
        counts: settings.count_retention,
    }
}
