//! The database at start: how it is reached, prepared and watched.

use std::time::Duration;

use async_trait::async_trait;
use taskserver_config::Settings;
use taskserver_config::settings::Database;
use taskserver_core::{Health, HealthReporter, PoolUse, Probe};
use taskserver_store::{Store, StoreError, StoreOptions};

use crate::kubernetes;

/// The longest wait before the database is tried again.
const MAX_WAIT: Duration = Duration::from_secs(15);

/// The options of the store.
pub(crate) fn options(settings: &Database) -> Result<StoreOptions, StoreError> {
    let mut options = StoreOptions::new(settings.url.expose())?;
    if let Some(ca) = &settings.tls.ca {
        options = options.with_ca(ca);
    }
    options.max_connections = settings.max_connections;
    options.connect_timeout = settings.connect_timeout;
    options.acquire_timeout = settings.acquire_timeout;
    options.statement_timeout = settings.statement_timeout;
    Ok(options)
}

/// Creates and changes what the settings allow. Safe when several replicas do it at once, and when it was done before.
pub(crate) async fn prepare(store: &Store, settings: &Settings) -> Result<(), StoreError> {
    prepare_and_tell(store, settings, |_| {}).await
}

/// The same, and says what it is about to do.
pub(crate) async fn prepare_and_tell(
    store: &Store,
    settings: &Settings,
    tell: impl Fn(&'static str),
) -> Result<(), StoreError> {
    tell("connecting to the database");
    store.ping().await?;
    if settings.database.create_platform_tables {
        tell("creating the platform's tables");
        store.create_platform_tables().await?;
    }
    if settings.database.migrate {
        tell("migrating the tables of the server");
        store.migrate().await?;
        tell("migrating the roll-ups of the analytics");
        store.migrate_with(task_analytics::rollup::MIGRATIONS).await?;
        tell("migrating the queue");
        store.migrate_with(taskserver_queue::MIGRATIONS).await?;
        tell("migrating the alerts");
        store.migrate_with(taskserver_alerts::MIGRATIONS).await?;
        if kubernetes::keeps_events(settings) {
            tell("migrating the Kubernetes events");
            store.migrate_with(task_k8s_events::MIGRATIONS).await?;
        }
    }
    Ok(())
}

/// Prepares the database, and tries again until that succeeds.
pub(crate) async fn prepare_patiently(store: &Store, settings: &Settings, health: &HealthReporter) {
    let mut wait = Duration::from_millis(250);
    loop {
        match prepare(store, settings).await {
            Ok(()) => return health.report(Health::Ready),
            Err(error) => health.report(Health::Down(error.to_string())),
        }
        tokio::time::sleep(wait).await;
        wait = (wait * 2).min(MAX_WAIT);
    }
}

/// Watches over the database.
pub(crate) struct DatabaseProbe(pub(crate) Store);

#[async_trait]
impl Probe for DatabaseProbe {
    fn component(&self) -> &'static str {
        "database"
    }

    async fn probe(&self) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
        self.0.ping().await?;
        Ok(())
    }

    fn pool(&self) -> Option<PoolUse> {
        let status = self.0.pool_status();
        Some(PoolUse { open: status.size, used: status.size - status.available, max: status.max })
    }
}
