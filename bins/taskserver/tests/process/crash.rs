//! A process that is killed, and started again.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;
use task_analytics::{PLATFORM_METRICS, row_id};
use taskserver_tests::Backend;
use tempfile::tempdir;

use crate::support::{CYCLE, Server};

/// Kills the server in the middle of its cycles, again and again, and looks at what is stored.
fn no_figure_is_stored_twice_and_no_cycle_by_half(backend: Backend) {
    let Some(database) = backend.database() else { return };
    database.create_platform_tables();
    let (folder, began) = (tempdir().unwrap(), Timestamp::now());
    let url = format!("database.url={}", database.url());
    let arguments = ["--set", &url, "--set", "tasks.analytics.every=1s"];
    for round in 0..12 {
        let mut server = Server::start(folder.path(), &arguments);
        server.wait_for("Task server listening");
        // The first cycle begins now: the kills fall everywhere in it.
        std::thread::sleep(Duration::from_millis(round));
        server.kill();
    }
    let mut server = Server::start(folder.path(), &arguments);
    server.wait_for(CYCLE);
    server.signal("TERM");
    server.end();

    let mut cycles: BTreeMap<i64, Vec<&str>> = BTreeMap::new();
    for id in database.query(r#"SELECT "id" FROM "analytics""#) {
        let (cycle, metric) = whose(id[0].trim(), began).unwrap_or_else(|| panic!("the id {} is of no cycle", id[0]));
        cycles.entry(cycle).or_default().push(metric);
    }
    assert!(!cycles.is_empty());
    for metrics in cycles.values_mut() {
        metrics.sort_unstable();
        let mut expected = PLATFORM_METRICS;
        expected.sort_unstable();
        assert_eq!(*metrics, expected);
    }
}

/// The cycle, by its scheduled second, and the metric of a row.
fn whose(id: &str, began: Timestamp) -> Option<(i64, &'static str)> {
    let cycles = began.as_second() - 1..=Timestamp::now().as_second();
    let mut rows = cycles.flat_map(|cycle| PLATFORM_METRICS.map(|metric| (cycle, metric)));
    rows.find(|(cycle, metric)| row_id(metric, Timestamp::from_second(*cycle).unwrap()).to_string() == id)
}

#[test]
fn sqlite() {
    no_figure_is_stored_twice_and_no_cycle_by_half(Backend::Sqlite);
}

#[test]
fn postgres() {
    no_figure_is_stored_twice_and_no_cycle_by_half(Backend::Postgres);
}

#[test]
fn mariadb() {
    no_figure_is_stored_twice_and_no_cycle_by_half(Backend::MariaDb);
}
