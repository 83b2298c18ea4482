//! The platform's own metrics, as statements.
//!
//! The tables may not get an index, so that each is read once, whole, for all its metrics. What decides the time is how the open
//! attendances meet their users (`just bench-analytics`):
//!
//! - MySQL and MariaDB would start with all users and look each one's attendances up, which takes ten times as long. Here the
//!   open attendances are sorted by user first, then each user is looked up in the order in which the table lies on disk, so
//!   that no page is read twice, however small the buffer pool. `STRAIGHT_JOIN` keeps that order; a `LIMIT` that is no limit
//!   keeps the sort.
//! - PostgreSQL does the obvious join well: parallel scans and a parallel hash join.
//! - SQLite looks each open attendance's user up in its primary key. `CROSS JOIN` keeps that order there.
//!
//! A null `ended` or `isChannel` is neither true nor false, as on the platform.

use std::time::Duration;

use taskserver_store::{Backend, Reading, StoreError};

use crate::{Figure, FigureError};

/// The names of the platform's own metrics.
pub const PLATFORM_METRICS: [&str; 6] =
    ["activeChannels", "instanceUsers", "channelUsers", "activeInstances", "activeLocations", "activeScenes"];

/// One pass over a table, and the metrics that it counts.
pub(super) struct Part {
    backend: Backend,
    /// The metrics and their aggregates.
    metrics: &'static [(&'static str, &'static str)],
    /// What is read: all after `FROM`, names in double quotes.
    from: &'static str,
}

const CHANNELS: (&[(&str, &str)], &str) = (&[("activeChannels", "COUNT(*)")], r#""channel""#);

const USERS: &[(&str, &str)] = &[
    ("instanceUsers", r#"COUNT(CASE WHEN "open"."isChannel" = FALSE THEN 1 END)"#),
    ("channelUsers", r#"COUNT(CASE WHEN "open"."isChannel" = TRUE THEN 1 END)"#),
];

const USERS_IN_MYSQL: &str = r#"(
    SELECT "userId", "isChannel" FROM "instance-attendance" WHERE "ended" = FALSE ORDER BY "userId" LIMIT 9223372036854775807
) AS "open" STRAIGHT_JOIN "user" ON "user"."id" = "open"."userId""#;

const USERS_IN_POSTGRES: &str = r#""instance-attendance" AS "open" JOIN "user" ON "user"."id" = "open"."userId"
WHERE "open"."ended" = FALSE"#;

const USERS_IN_SQLITE: &str = r#""instance-attendance" AS "open" CROSS JOIN "user" ON "user"."id" = "open"."userId"
WHERE "open"."ended" = FALSE"#;

const INSTANCES: &[(&str, &str)] = &[
    ("activeInstances", "COUNT(*)"),
    ("activeLocations", r#"COUNT(DISTINCT "location"."id")"#),
    ("activeScenes", r#"COUNT(DISTINCT "location"."sceneId")"#),
];

const OPEN_INSTANCES: &str = r#""instance" LEFT JOIN "location" ON "location"."id" = "instance"."locationId"
WHERE "instance"."ended" = FALSE"#;

/// What counts instances where there is no table of locations.
const OPEN_INSTANCES_ALONE: &str = r#""instance" WHERE "instance"."ended" = FALSE"#;

/// All passes of a cycle.
pub(super) fn parts(backend: Backend) -> [Part; 3] {
    let users = match backend {
        Backend::Mysql => USERS_IN_MYSQL,
        Backend::Postgres => USERS_IN_POSTGRES,
        Backend::Sqlite => USERS_IN_SQLITE,
    };
    [(CHANNELS.0, CHANNELS.1), (USERS, users), (INSTANCES, OPEN_INSTANCES)].map(|(metrics, from)| Part {
        backend,
        metrics,
        from,
    })
}

impl Part {
    pub(super) fn reading(&self, timeout: Duration) -> Reading {
        let columns: Vec<String> =
            self.metrics.iter().map(|(metric, aggregate)| format!(r#"{aggregate} AS "{metric}""#)).collect();
        let sql = self.quoted(&format!("SELECT {} FROM {}", columns.join(", "), self.from));
        Reading::row(sql, self.metrics.iter().map(|(metric, _)| *metric), timeout)
    }

    /// A statement for each metric alone.
    pub(super) fn one_by_one(&self) -> impl Iterator<Item = (&'static str, String)> + '_ {
        self.metrics.iter().map(|(metric, aggregate)| {
            let from =
                if *aggregate == "COUNT(*)" && self.from == OPEN_INSTANCES { OPEN_INSTANCES_ALONE } else { self.from };
            (*metric, self.quoted(&format!("SELECT {aggregate} FROM {from}")))
        })
    }

    pub(super) fn figures(&self, numbers: &[Option<i64>]) -> Vec<Figure> {
        let counted =
            |((metric, _), number): (&(&str, &str), &Option<i64>)| Figure::counted(metric, number.unwrap_or_default());
        self.metrics.iter().zip(numbers).map(counted).collect()
    }

    pub(super) fn failed(&self, error: &StoreError) -> Vec<Figure> {
        let failed = |(metric, _): &(&str, &str)| Figure {
            metric: (*metric).to_owned(),
            outcome: Err(FigureError::Failed(error.to_string())),
        };
        self.metrics.iter().map(failed).collect()
    }

    /// The names, which are written here as the SQL standard has them, as this database quotes them.
    fn quoted(&self, sql: &str) -> String {
        match self.backend {
            Backend::Mysql => sql.replace('"', "`"),
            Backend::Postgres | Backend::Sqlite => sql.to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_passes_count_the_platforms_metrics() {
        let counted: Vec<_> =
            parts(Backend::Sqlite).iter().flat_map(|part| part.metrics).map(|(metric, _)| *metric).collect();
        assert_eq!(counted, PLATFORM_METRICS);
    }
}
