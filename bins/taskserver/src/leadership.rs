//! Who leads among the replicas, and where runs are remembered.

use anyhow::Context as _;
use taskserver_config::Settings;
use taskserver_config::settings::LeadershipMode;
use taskserver_core::{AppBuilder, Election, ElectionOptions};
use taskserver_store::{Backend, LEADERSHIP, SqlHistory, SqlLease, Store};

use crate::compose::instance;

/// Has runs remembered in the database and, where several replicas may share it, only the leader's tasks run.
pub(crate) fn lead(builder: AppBuilder, settings: &Settings, store: &Store) -> anyhow::Result<AppBuilder> {
    let instance = instance(settings);
    let history = SqlHistory::new(store, &instance);
    if !is_elected(settings.leadership.mode, store.backend()) {
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

fn is_elected(mode: LeadershipMode, backend: Backend) -> bool {
    match mode {
        LeadershipMode::Auto => backend != Backend::Sqlite,
        LeadershipMode::Always => false,
        LeadershipMode::Database => true,
    }
}
