//! The database at start: how it is reached, prepared and watched.

use std::time::Duration;

use async_trait::async_trait;
use serde_json::Value;
use taskserver_config::settings::Database;
use taskserver_config::{ENGINE_SETTING_CATEGORIES, EngineSetting, Loader, Settings};
use taskserver_core::{
    Field, FieldType, Filter, Health, HealthReporter, Method, PoolUse, Probe, Query, Record, Schema, Service,
};
use taskserver_store::{Store, StoreError, StoreOptions, TableService};

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
    store.ping().await?;
    if settings.database.create_platform_tables {
        store.create_platform_tables().await?;
    }
    if settings.database.migrate {
        store.migrate().await?;
        if kubernetes::keeps_events(settings) {
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

/// How many rows of settings are read: the platform has a few in each category.
const MAX_ENGINE_SETTINGS: u64 = 1000;

/// In a cluster, the platform's own settings for this server are a layer of the configuration, as they are in the database now.
/// Where they cannot be read, the loader stays as it is.
pub(crate) async fn with_engine_settings(loader: Loader, settings: &Settings) -> Loader {
    if !settings.kubernetes.enabled {
        return loader;
    }
    match engine_settings(&settings.database).await {
        Ok(rows) => loader.engine_settings(rows),
        Err(error) => {
            tracing::warn!(%error, "the platform's settings (engine-setting) cannot be read; what was in effect stays so");
            loader
        }
    }
}

/// The platform's settings for this server, out of its table `engine-setting`.
async fn engine_settings(settings: &Database) -> anyhow::Result<Vec<EngineSetting>> {
    let store = Store::new(options(settings)?)?;
    let text = FieldType::String { max: 4095 };
    let schema = Schema::new(["id", "category", "key", "value"].map(|name| Field::nullable(name, text)));
    let table = TableService::new(store.clone(), "engine-setting", schema, &Method::READS);
    let values = ENGINE_SETTING_CATEGORIES.map(Value::from).to_vec();
    let of_ours = Filter::OneOf { field: "category".into(), values, negated: false };
    let page = table.find(&Query::new().and(of_ours).limit(MAX_ENGINE_SETTINGS).into()).await;
    store.close();
    let text = |row: &Record, name: &str| row.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
    let row = |row: &Record| EngineSetting {
        category: text(row, "category"),
        key: text(row, "key"),
        value: text(row, "value"),
    };
    Ok(page?.data.iter().map(row).collect())
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
