//! The platform's own tables, and rows in them with every edge that a count can trip over.

use crate::Backend;

/// The statements that create the platform's tables: on MariaDB exactly as deployments have them, elsewhere their equivalent.
pub fn schema(backend: Backend) -> &'static str {
    match backend {
        Backend::Sqlite => include_str!("../data/platform/sqlite.sql"),
        Backend::Postgres => include_str!("../data/platform/postgres.sql"),
        Backend::MariaDb => include_str!("../data/platform/mysql.sql"),
    }
}

/// The statements that fill the platform's tables with edges; [`figures`] follow from them. For [`crate::TestDatabase::execute`].
pub fn edges(backend: Backend) -> String {
    // Some rows refer to rows that do not exist, which no database takes otherwise.
    let unchecked = match backend {
        Backend::Sqlite => "PRAGMA foreign_keys = OFF;",
        Backend::Postgres => "SET session_replication_role = replica;",
        Backend::MariaDb => "SET SESSION foreign_key_checks = 0;",
    };
    format!("{unchecked}\n{}", include_str!("../data/platform/edges.sql"))
}

/// What the rows of [`edges`] add up to, counted by hand.
pub mod figures {
    /// 110 parties, and three more.
    pub const ACTIVE_CHANNELS: i64 = 113;
    /// 120 of Fay, 2 of Ada, 2 of Di.
    pub const INSTANCE_USERS: i64 = 124;
    /// Bo and Ed.
    pub const CHANNEL_USERS: i64 = 2;
    /// 120 of location 1, and seven more: of the nine others, one has ended and of one `ended` is NULL.
    pub const ACTIVE_INSTANCES: i64 = 127;
    /// Locations 1, 2, 3 and 6. That of instance 9 does not exist.
    pub const ACTIVE_LOCATIONS: i64 = 4;
    /// `scene-a` of locations 1 and 2, `SCENE-A` of location 6. Location 3 has none.
    pub const ACTIVE_SCENES: i64 = 2;

    /// The time, in UTC, for which the daily figures are meant: the last second of a day, so that days of the calendar and spans of
    /// 24 hours that end at this time give the same figures.
    pub const NOW: &str = "2026-03-10 23:59:59";
    /// Users with an attendance created on the last six days, newest first: Ada (twice), Bo, Cy and Di; Di and Ed; none; Fay (120
    /// times); none; Gus, Hal and Ivy.
    pub const DAILY_USERS: [i64; 6] = [4, 2, 0, 1, 0, 3];
    /// Users created on the last six days, newest first: Ada, Bo and Cy; Di and Ed; none; Fay; none; none.
    pub const DAILY_NEW_USERS: [i64; 6] = [3, 2, 0, 1, 0, 0];
}
