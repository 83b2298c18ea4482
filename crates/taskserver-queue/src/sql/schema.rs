//! The table of the jobs.

use taskserver_core::{Field, FieldType, Schema};
use taskserver_store::Migration;

use crate::new_job::{MAX_KEY, MAX_NAME, MAX_PAYLOAD};

/// The path of the service of the jobs, and their table.
pub const JOB: &str = "job";

/// The longest error that is kept, in characters.
pub(super) const MAX_ERROR: usize = 4000;

/// The steps that make the table, for [`Store::migrate_with`](taskserver_store::Store::migrate_with).
pub const MIGRATIONS: &[Migration] = &[Migration {
    name: "queue-0001",
    sqlite: include_str!("migrations/0001_job_sqlite.sql"),
    postgres: include_str!("migrations/0001_job_postgres.sql"),
    mysql: include_str!("migrations/0001_job_mysql.sql"),
}];

/// The fields of the service `job`. `payload` is JSON, as text.
///
/// - `runAt` is when it may run, or could have run first; `startedAt` is when its last attempt began.
/// - `attempt` is the number of the last attempt, `worker` the process that made it, `leaseUntil` until when it belongs to it.
/// - `error` is what went wrong in the last attempt that failed.
#[must_use]
pub fn job_schema() -> Schema {
    let text = |max: usize| FieldType::String { max: u32::try_from(max).unwrap_or(u32::MAX) };
    Schema::new([
        Field::required("id", FieldType::ID),
        Field::required("name", text(MAX_NAME)),
        Field::required("payload", text(MAX_PAYLOAD)),
        Field::required("queue", text(MAX_NAME)),
        Field::required("priority", FieldType::Integer { min: i16::MIN.into(), max: i16::MAX.into() }),
        Field::required("state", text(16)),
        Field::required("runAt", FieldType::DateTime),
        Field::required("attempt", FieldType::INT),
        Field::required("maxAttempts", FieldType::INT),
        Field::nullable("worker", FieldType::TEXT),
        Field::nullable("leaseUntil", FieldType::DateTime),
        Field::nullable("uniqueKey", text(MAX_KEY)),
        Field::nullable("uniqueUntil", FieldType::DateTime),
        Field::nullable("batch", text(MAX_KEY)),
        Field::nullable("afterBatch", text(MAX_KEY)),
        Field::nullable("error", text(MAX_ERROR)),
        Field::required("createdAt", FieldType::DateTime),
        Field::nullable("startedAt", FieldType::DateTime),
        Field::nullable("finishedAt", FieldType::DateTime),
    ])
}
