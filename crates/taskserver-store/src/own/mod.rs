//! This server's own tables, which its [migrations](crate::Store::migrate) make and change, and the services over them.

use taskserver_core::{MONITORING, Method, monitoring_schema};

use crate::control::{TASK_ACT, task_act_schema};
use crate::history::{TASK_RUN, task_run_schema};
use crate::migrate::Migration;
use crate::{Store, TableService};

/// The steps that make them, in their order.
pub(crate) const MIGRATIONS: &[Migration] = &[
    Migration {
        name: "0001_monitoring",
        sqlite: include_str!("0001_monitoring_sqlite.sql"),
        postgres: include_str!("0001_monitoring_postgres.sql"),
        mysql: include_str!("0001_monitoring_mysql.sql"),
    },
    Migration {
        name: "0002_task_run",
        sqlite: include_str!("0002_task_run_sqlite.sql"),
        postgres: include_str!("0002_task_run_postgres.sql"),
        mysql: include_str!("0002_task_run_mysql.sql"),
    },
    Migration {
        name: "0003_leadership",
        sqlite: include_str!("0003_leadership_sqlite.sql"),
        postgres: include_str!("0003_leadership_postgres.sql"),
        mysql: include_str!("0003_leadership_mysql.sql"),
    },
    Migration {
        name: "0004_task_control",
        sqlite: include_str!("0004_task_control_sqlite.sql"),
        postgres: include_str!("0004_task_control_postgres.sql"),
        mysql: include_str!("0004_task_control_mysql.sql"),
    },
];

/// The services over this server's own tables, by their paths: `monitoring`, and to be read `task-run` and `task-act`.
#[must_use]
pub fn own_services(store: &Store) -> Vec<(&'static str, TableService)> {
    let samples = &[Method::Find, Method::Get, Method::Create, Method::Remove];
    vec![
        (MONITORING, TableService::new(store.clone(), MONITORING, monitoring_schema(), samples)),
        (TASK_RUN, TableService::new(store.clone(), TASK_RUN, task_run_schema(), &Method::READS)),
        (TASK_ACT, TableService::new(store.clone(), TASK_ACT, task_act_schema(), &Method::READS)),
    ]
}
