//! Which of the replicas this one is, who leads among them, and where runs are remembered.

use anyhow::Context as _;
use taskserver_config::Settings;
use taskserver_config::settings::LeadershipMode;
use taskserver_core::{AppBuilder, ControlOptions, Election, ElectionOptions};
use taskserver_store::{Backend, LEADERSHIP, SqlControl, SqlHistory, SqlLease, Store};

use crate::kubernetes::Cluster;
use crate::lease::ClusterLease;

/// This process among the replicas: in a cluster the pod's name; elsewhere several may share a host, but not its port.
pub(crate) fn instance(settings: &Settings) -> String {
    if let Some(instance) = &settings.leadership.instance {
        return instance.clone();
    }
    let host = sysinfo::System::host_name().unwrap_or_else(|_| "localhost".into());
    if settings.kubernetes.enabled { host } else { format!("{host}:{}", settings.http.port) }
}

/// Has runs, and what people do to the tasks, remembered in the database and, where several replicas may share it, only the
/// leader's tasks run.
pub(crate) fn lead(
    builder: AppBuilder,
    settings: &Settings,
    store: &Store,
    cluster: &Cluster,
) -> anyhow::Result<AppBuilder> {
    let instance = instance(settings);
    let (history, control) = (SqlHistory::new(store, &instance), SqlControl::new(store, &instance));
    let looks = ControlOptions {
        poll_period: settings.control.poll_period,
        expiry: settings.control.expiry,
        ..ControlOptions::default()
    };
    if !is_elected(settings, store) {
        return Ok(builder.history(history).control(control, looks));
    }
    let options = ElectionOptions {
        lease_duration: settings.leadership.lease_duration,
        renew_deadline: settings.leadership.renew_deadline,
        retry_period: settings.leadership.retry_period,
    };
    let in_cluster = match settings.leadership.mode {
        LeadershipMode::Kubernetes => true,
        LeadershipMode::Auto => settings.kubernetes.enabled,
        LeadershipMode::Always | LeadershipMode::Database => false,
    };
    let election = match in_cluster {
        true => Election::new(ClusterLease::new(&settings.leadership, store, cluster), &instance, options),
        false => Election::new(SqlLease::new(store, LEADERSHIP)?, &instance, options),
    };
    let election = election.context("`leadership` is wrong")?;
    let builder = builder.history(history.fenced(LEADERSHIP)).control(control.fenced(LEADERSHIP), looks);
    Ok(builder.election(election))
}

/// Whether the replicas elect their leader.
pub(crate) fn is_elected(settings: &Settings, store: &Store) -> bool {
    match settings.leadership.mode {
        LeadershipMode::Auto => store.backend() != Backend::Sqlite,
        LeadershipMode::Always => false,
        LeadershipMode::Database | LeadershipMode::Kubernetes => true,
    }
}
