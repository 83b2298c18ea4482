use std::{collections::BTreeMap, time::Duration};

use serde::Deserialize;

/// Section `analytics`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Analytics {
    /// How many rows are kept of each type; all, when none.
    pub storage_limit: Option<u64>,
    /// How old a row may become; any age, when none.
    pub retention: Option<Duration>,
    /// How long roll-ups of the figures are kept.
    pub rollup_retention: Duration,
    /// Metrics beyond the built-in ones, by their name, which is the `type` of their rows.
    #[serde(default)]
    pub metrics: BTreeMap<String, Metric>,
}

/// Section `analytics.metrics.<name>`: one metric defined as SQL.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Metric {
    /// One read-only statement (`SELECT` or `WITH`) that gives one number.
    pub sql: String,
    /// How long the statement may take; `database.statement_timeout`, when none.
    pub timeout: Option<Duration>,
}
