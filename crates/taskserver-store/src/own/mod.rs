//! This server's own tables, which its [migrations](crate::Store::migrate) make and change, and the services over them.

use taskserver_core::{MONITORING, Method, monitoring_schema};

use crate::migrate::Migration;
use crate::{Store, TableService};

/// The steps that make them, in their order. A step that was published never changes.
pub(crate) const MIGRATIONS: &[Migration] = &[Migration {
    name: "0001_monitoring",
    sqlite: include_str!("0001_monitoring_sqlite.sql"),
    postgres: include_str!("0001_monitoring_postgres.sql"),
    mysql: include_str!("0001_monitoring_mysql.sql"),
}];

/// The services over this server's own tables, by their paths.
#[must_use]
pub fn own_services(store: &Store) -> Vec<(&'static str, TableService)> {
    let methods = &[Method::Find, Method::Get, Method::Create, Method::Remove];
    vec![(MONITORING, TableService::new(store.clone(), MONITORING, monitoring_schema(), methods))]
}
