//! The platform's own settings for this server: rows of its table `engine-setting`, which operators edit in its admin panel.
//!
//! In a cluster they are a layer of the configuration. They are read at start, with every reload, and when they change: the
//! platform tells of that through Redis, and where it does not, they are looked at every so often.

use std::time::Duration;

use serde_json::Value;
use taskserver_config::{ENGINE_SETTING_CATEGORIES, EngineSetting};
use taskserver_core::{
    App, Event, Field, FieldType, Filter, Lagged, Method, Query, Record, Schema, Service, Subscription,
};
use taskserver_store::{Store, TableService};
use tokio::time::Instant;

/// The platform's service, and its table.
pub(crate) const ENGINE_SETTING: &str = "engine-setting";

/// How many rows are read: the platform has a few in each category.
const MAX_ROWS: u64 = 1000;

/// The rows that are in effect, and whatever tells that they have changed.
pub(crate) struct EngineSettings {
    store: Store,
    rows: Vec<EngineSetting>,
    /// Whether they could not be read last time.
    failing: bool,
}

impl EngineSettings {
    /// Reads the rows. Where that fails, there are none.
    pub(crate) async fn read(store: Store) -> Self {
        let mut settings = Self { store, rows: Vec::new(), failing: false };
        settings.read_again().await;
        settings
    }

    /// The rows as they were read last.
    pub(crate) fn rows(&self) -> Vec<EngineSetting> {
        self.rows.clone()
    }

    /// Reads the rows again, and tells whether they differ. Where that fails, they stay as they are.
    pub(crate) async fn read_again(&mut self) -> bool {
        match read(&self.store).await {
            Ok(rows) => {
                self.failing = false;
                let differ = rows != self.rows;
                self.rows = rows;
                differ
            }
            Err(error) => {
                if !std::mem::replace(&mut self.failing, true) {
                    tracing::warn!(
                        %error,
                        "the platform's settings (engine-setting) cannot be read; what was in effect stays so"
                    );
                }
                false
            }
        }
    }

    /// Watches for changes that this app hears of, and looks in its database for others at this interval.
    pub(crate) fn watch(self, app: &App, store: &Store, every: Duration) -> EngineSettingsWatch {
        let settings = Self { store: store.clone(), ..self };
        let events = app.events().subscribe().of_service(ENGINE_SETTING);
        EngineSettingsWatch { settings, events, every, read_at: Instant::now() + every }
    }
}

/// Notices changes of the rows.
pub(crate) struct EngineSettingsWatch {
    pub(crate) settings: EngineSettings,
    events: Subscription,
    every: Duration,
    /// When to read them again.
    read_at: Instant,
}

impl EngineSettingsWatch {
    /// Looks for changes at this interval from now on.
    pub(crate) fn look_every(&mut self, every: Duration) {
        if every != self.every {
            self.every = every;
            self.read_at = Instant::now() + every;
        }
    }

    /// Resolves when the rows have changed. Nothing is lost when the wait is cancelled.
    pub(crate) async fn changed(&mut self) {
        loop {
            tokio::select! {
                () = tokio::time::sleep_until(self.read_at) => {}
                Some(event) = self.events.next() => {
                    if concerns_us(&event) {
                        self.read_at = Instant::now();
                    }
                    continue;
                }
            }
            let differ = self.settings.read_again().await;
            self.read_at = Instant::now() + self.every;
            if differ {
                return;
            }
        }
    }
}

/// Whether an event is, or may be, of a row that is honoured.
fn concerns_us(event: &Result<Event, Lagged>) -> bool {
    let category = event.as_ref().ok().and_then(|event| event.record.get("category")).and_then(Value::as_str);
    category.is_none_or(|category| ENGINE_SETTING_CATEGORIES.contains(&category))
}

/// The rows, in the order of their ids.
async fn read(store: &Store) -> anyhow::Result<Vec<EngineSetting>> {
    let text = FieldType::String { max: 4095 };
    let schema = Schema::new(["id", "category", "key", "value"].map(|name| Field::nullable(name, text)));
    let table = TableService::new(store.clone(), ENGINE_SETTING, schema, &Method::READS);
    let values = ENGINE_SETTING_CATEGORIES.map(Value::from).to_vec();
    let of_ours = Filter::OneOf { field: "category".into(), values, negated: false };
    let page = table.find(&Query::new().and(of_ours).limit(MAX_ROWS).into()).await?;
    let text = |row: &Record, name: &str| row.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
    let row = |row: &Record| EngineSetting {
        category: text(row, "category"),
        key: text(row, "key"),
        value: text(row, "value"),
    };
    Ok(page.data.iter().map(row).collect())
}
