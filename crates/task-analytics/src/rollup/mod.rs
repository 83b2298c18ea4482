//! Roll-ups: what each figure was in each piece of time, so that a chart of a month reads some hundred rows.
//!
//! The table of the figures is the platform's, and has no index by time. Beside it, `analytics-rollup` has a row for each figure and
//! piece of time: its last value there, the least and the greatest one. Pieces are of three lengths, [`PERIODS`], each for a chart of
//! its own range.
//!
//! # Every figure at least once
//! To fold a figure in twice changes nothing: it is compared with the least, the greatest and the latest. (That is why there is no
//! average.) So nobody has to know what is folded in already:
//!
//! - [`follow`] folds in whatever is created, as it hears of it, in this process or another one;
//! - [`RollupTask`] goes through the whole table, at the start and once a day, for what was created before there were roll-ups, or while
//!   nobody heard. It reads the table in sixteen parts, by the first digit of the id: none of its statements takes long.

mod fold;
mod follow;
mod rows;
mod task;

use taskserver_core::{Field, FieldType, Method, Schema};
use taskserver_store::{Migration, Store, TableService};

pub use follow::follow;
pub use task::{Refilled, RollupTask};

/// The path of the service of the roll-ups, and their table.
pub const ROLLUP: &str = "analytics-rollup";

/// The lengths of the pieces of time, in seconds: a quarter of an hour, two hours, six hours. Each is a multiple of the first.
pub const PERIODS: [i64; 3] = [900, 7200, 21_600];

/// The steps that make the table, for [`Store::migrate_with`].
pub const MIGRATIONS: &[Migration] = &[Migration {
    name: "analytics-0001",
    sqlite: include_str!("migrations/0001_rollup_sqlite.sql"),
    postgres: include_str!("migrations/0001_rollup_postgres.sql"),
    mysql: include_str!("migrations/0001_rollup_mysql.sql"),
}];

/// The service of the roll-ups, to be read.
#[must_use]
pub fn rollup_service(store: &Store) -> TableService {
    TableService::new(store.clone(), ROLLUP, rollup_schema(), &Method::READS)
}

/// The fields of a roll-up: the figure's `type`, the `period` in seconds and its `start`; the `last` figure and when it was
/// taken, the least and the greatest.
#[must_use]
pub fn rollup_schema() -> Schema {
    Schema::new([
        Field::required("id", FieldType::ID),
        Field::required("type", FieldType::TEXT),
        Field::required("period", FieldType::INT),
        Field::required("start", FieldType::DateTime),
        Field::required("last", FieldType::INT),
        Field::required("lastAt", FieldType::DateTime),
        Field::required("min", FieldType::INT),
        Field::required("max", FieldType::INT),
    ])
}
