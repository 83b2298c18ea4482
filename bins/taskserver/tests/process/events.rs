//! The events of a Kubernetes cluster, kept.

use std::path::{Path, PathBuf};

use serde_json::json;
use taskserver_tests::kubernetes::{ApiServer, Resource};
use taskserver_tests::{Backend, TestDatabase};
use tempfile::tempdir;

use crate::support::{CYCLE, Server};

fn write(cluster: &ApiServer, namespace: &str, name: &str) {
    cluster.create(
        Resource::Events,
        namespace,
        json!({"metadata": {"name": name}, "type": "Normal", "reason": "Test", "count": 1}),
    );
}

/// The way to this cluster.
pub(crate) fn kubeconfig(folder: &Path, cluster: &ApiServer) -> PathBuf {
    let kubeconfig = folder.join("kubeconfig.json");
    std::fs::write(&kubeconfig, cluster.kubeconfig().to_string()).unwrap();
    kubeconfig
}

/// Starts a server in this cluster, whose record begins with the namespaces of the platform.
fn server(folder: &Path, cluster: &ApiServer, database: &TestDatabase) -> Server {
    let kubeconfig = kubeconfig(folder, cluster);
    let url = format!("database.url={}", database.url());
    let arguments = [
        ["--set", &url],
        ["--set", "database.create_platform_tables=true"],
        ["--set", "kubernetes.events.namespaces=ir-*"],
    ];
    Server::start_with(folder, &arguments.concat(), |command| {
        command.env("KUBERNETES", "true").env("KUBECONFIG", &kubeconfig);
    })
}

/// Waits until so many events are stored, each once.
fn wait_for_events(database: &TestDatabase, names: &[&str]) {
    let stored = || database.query(r#"SELECT "name" FROM "k8s-event" ORDER BY "name""#);
    let expected: Vec<Vec<String>> = names.iter().map(|name| vec![(*name).to_owned()]).collect();
    let deadline = std::time::Instant::now() + crate::support::PATIENCE;
    while stored() != expected {
        assert!(std::time::Instant::now() < deadline, "{:?} in place of {names:?}", stored());
        std::thread::sleep(std::time::Duration::from_millis(50));
    }
}

async fn events_are_kept_through_a_crash(backend: Backend) {
    let Some(database) = backend.database() else { return };
    let (folder, cluster) = (tempdir().unwrap(), ApiServer::start().await);
    write(&cluster, "ir-engine", "a-before");
    write(&cluster, "kube-system", "elsewhere");
    let mut first = server(folder.path(), &cluster, &database);
    first.wait_for("Task server listening");
    cluster.create(Resource::Events, "ir-engine", json!({"metadata": {"name": "no-event"}, "count": "many"}));
    let line = first.wait_for("an item that is not a valid event was left out");
    assert!(line.contains("no-event") && line.contains("expected i64"), "{line}");
    wait_for_events(&database, &["a-before"]);
    write(&cluster, "ir-engine", "b-while-it-runs");
    wait_for_events(&database, &["a-before", "b-while-it-runs"]);
    let (_, verbose) = first.get("/readyz?verbose");
    assert!(verbose.contains("[+]kubernetes-events ok"), "{verbose}");
    first.kill();

    write(&cluster, "ir-engine", "c-while-it-is-down");
    let mut second = server(folder.path(), &cluster, &database);
    second.wait_for("Task server listening");
    wait_for_events(&database, &["a-before", "b-while-it-runs", "c-while-it-is-down"]);
    assert_eq!(database.query(r#"SELECT COUNT(*) FROM "k8s-event-gap""#), [["0"]]);
    second.signal("TERM");
    assert_eq!(second.end().code(), Some(0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sqlite() {
    events_are_kept_through_a_crash(Backend::Sqlite).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn postgres() {
    events_are_kept_through_a_crash(Backend::Postgres).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn mariadb() {
    events_are_kept_through_a_crash(Backend::MariaDb).await;
}

#[test]
fn without_a_cluster_the_collector_is_switched_off_and_nothing_else() {
    let folder = tempdir().unwrap();
    let mut server = Server::start_with(folder.path(), &[], |command| {
        command.env("KUBERNETES", "true").env("HOME", folder.path());
    });
    server.wait_for("component is disabled");
    server.wait_for(CYCLE);
    let (status, verbose) = server.get("/readyz?verbose");
    assert!(
        status == 200 && verbose.contains("[+]kubernetes-events ok (disabled: there is no cluster"),
        "{status} {verbose}"
    );
}
