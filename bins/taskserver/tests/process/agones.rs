//! Game servers and fleets of Agones among the figures.

use std::path::Path;
use std::time::{Duration, Instant};

use serde_json::json;
use taskserver_tests::TestDatabase;
use taskserver_tests::kubernetes::{ApiServer, Resource};
use tempfile::tempdir;

use crate::support::{PATIENCE, Server};

fn server(folder: &Path, cluster: &ApiServer, database: &TestDatabase) -> Server {
    let kubeconfig = folder.join("kubeconfig.json");
    std::fs::write(&kubeconfig, cluster.kubeconfig().to_string()).unwrap();
    let url = format!("database.url={}", database.url());
    let arguments = ["--set", &url, "--set", "database.create_platform_tables=true"];
    let arguments = [&arguments[..], &["--set", "kubernetes.agones.namespace=ir-engine"]].concat();
    Server::start_with(folder, &arguments, |command| {
        command.env("KUBERNETES", "true").env("KUBECONFIG", &kubeconfig);
    })
}

fn wait_for_figure(database: &TestDatabase, metric: &str, count: &str) {
    let figure = || database.query(&format!(r#"SELECT "count" FROM "analytics" WHERE "type" = '{metric}'"#));
    let deadline = Instant::now() + PATIENCE;
    while figure() != [[count]] {
        assert!(Instant::now() < deadline, "{metric}: {:?}", figure());
        std::thread::sleep(Duration::from_millis(50));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn game_servers_and_fleets_are_figures_of_the_analytics() {
    let (folder, cluster, database) = (tempdir().unwrap(), ApiServer::start().await, TestDatabase::sqlite());
    cluster.install_agones();
    let fleet = json!({
        "metadata": {"name": "lobby"}, "spec": {"replicas": 2}, "status": {"replicas": 2, "readyReplicas": 1},
    });
    cluster.create(Resource::Fleets, "ir-engine", fleet);
    let labels = json!({"agones.dev/fleet": "lobby"});
    let game_server = json!({"metadata": {"name": "one", "labels": labels}, "spec": {}, "status": {"state": "Ready"}});
    cluster.create(Resource::GameServers, "ir-engine", game_server);
    let mut server = server(folder.path(), &cluster, &database);
    server.wait_for("Task server listening");
    wait_for_figure(&database, "gameServers/ir-engine/lobby/Ready", "1");
    wait_for_figure(&database, "fleetReplicas/ir-engine/lobby/desired", "2");
    wait_for_figure(&database, "activeChannels", "0");
    let (_, metrics) = server.get("/metrics");
    let gauge = r#"taskserver_agones_game_servers{namespace="ir-engine",fleet="lobby",state="Ready"} 1"#;
    assert!(metrics.contains(gauge), "{metrics}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn missing_rights_are_one_warning_and_the_other_figures_are_stored() {
    let (folder, cluster, database) = (tempdir().unwrap(), ApiServer::start().await, TestDatabase::sqlite());
    cluster.install_agones();
    cluster.deny("list", Resource::Fleets);
    let mut server = server(folder.path(), &cluster, &database);
    let line = server.wait_for("not allowed to list fleets in the namespace");
    assert!(line.contains("the metric is off"), "{line}");
    wait_for_figure(&database, "activeChannels", "0");
}
