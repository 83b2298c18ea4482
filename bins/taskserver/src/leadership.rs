//! Which of the replicas this one is, who leads among them, and where runs are remembered.

use anyhow::Context as _;
use taskserver_config::Settings;
use taskserver_config::settings::LeadershipMode;
use taskserver_core::{AppBuilder, Election, ElectionOptions};
use taskserver_store::{Backend, LEADERSHIP, SqlHistory, SqlLease, Store};

/// This process among the replicas: in a cluster the pod's name; elsewhere several may share a host, but not its port.
pub(crate) fn instance(settings: &Settings) -> String {
    let host = sysinfo::System::host_name().unwrap_or_else(|_| "localhost".into());
    if settings.kubernetes.enabled { host } else { format!("{host}:{}", settings.http.port) }
}

/// Has runs remembered in the database and, where several replicas may share it, only the leader's tasks run.
pub(crate) fn lead(builder: AppBuilder, settings: &Settings, store: &Store) -> anyhow::Result<AppBuilder> {
    let instance = instance(settings);
    let history = SqlHistory::new(store, &instance);
    if !is_elected(settings, store) {
        return Ok(builder.history(history));
    }
    let options = ElectionOptions {
        lease_duration: settings.leadership.lease_duration,
        renew_deadline: settings.leadership.renew_deadline,
        retry_period: settings.leadership.retry_period,
    };
    let lease = SqlLease::new(store, LEADERSHIP)?;
    let election = Election::new(lease, &instance, options).context("`leadership` is wrong")?;
    Ok(builder.history(history.fenced(LEADERSHIP)).election(election))
}

/// Whether the replicas elect their leader.
pub(crate) fn is_elected(settings: &Settings, store: &Store) -> bool {
    match settings.leadership.mode {
        LeadershipMode::Auto => store.backend() != Backend::Sqlite,
        LeadershipMode::Always => false,
        LeadershipMode::Database => true,
    }
}
