//! Rows of the platform's table `engine-setting`, which operators edit in its admin panel.

use super::{
    Layer,
    platform::{Writing, path},
};

/// One row of the table `engine-setting`. There is no `Debug`: the value may be a secret.
#[derive(Clone, PartialEq, Eq)]
pub struct EngineSetting {
    /// Column `category`.
    pub category: String,
    /// Column `key`.
    pub key: String,
    /// Column `value`; empty, where it is null.
    pub value: String,
}

/// The rows that are honoured: category, key, our key, and how the value is written. There is none for the database: the
/// rows are read from it.
const ROWS: &[(&str, &str, &str, Writing)] = &[
    ("task-server", "port", "http.port", Writing::Plain),
    ("task-server", "processInterval", "tasks.analytics.every", Writing::Plain),
    ("redis", "address", "redis.address", Writing::Plain),
    ("redis", "port", "redis.port", Writing::Plain),
    ("redis", "password", "redis.password", Writing::Password),
    ("redis", "enabled", "redis.enabled", Writing::Flag),
    ("authentication", "secret", "authentication.secret", Writing::Key),
    ("authentication", "jwtPublicKey", "authentication.jwt_public_key", Writing::Key),
    ("authentication", "jwtAlgorithm", "authentication.jwt_algorithm", Writing::Plain),
];

/// The categories of the rows that are honoured: others need not be read.
pub const ENGINE_SETTING_CATEGORIES: [&str; 3] = ["task-server", "redis", "authentication"];

/// The layer of the rows. Rows that mean nothing to us are left out: the table belongs to the platform.
pub(crate) fn layer(rows: &[EngineSetting], warnings: &mut Vec<String>) -> Layer {
    let mut layer = Layer::new("engine-setting");
    for row in rows {
        let known = ROWS.iter().find(|(category, key, ..)| *category == row.category && *key == row.key);
        let Some((category, name, key, writing)) = known else { continue };
        if row.value.is_empty() && !writing.may_be_empty() {
            continue;
        }
        let source = format!("engine-setting row {category}/{name}");
        let value = writing.read(&row.value, &source, warnings);
        layer.set(&path(key), value, source);
    }
    layer
}
