//! Several replicas of the server on one database.

use taskserver_tests::kubernetes::{ApiServer, Resource};
use taskserver_tests::{Backend, TestDatabase};
use tempfile::tempdir;

use crate::support::{CYCLE, Server};

/// The runs of the analytics that succeeded, and the instances that ran them.
fn runs(database: &TestDatabase) -> Vec<Vec<String>> {
    database.query(
        r#"SELECT "scheduled", COUNT(*), MIN("instance") FROM "task-run"
        WHERE "task" = 'analytics' AND "outcome" = 'succeeded' GROUP BY "scheduled" ORDER BY "scheduled""#,
    )
}

/// One replica runs the tasks; when it is killed another one does, and every run is there once.
fn one_leads_and_another_takes_over(backend: Backend) {
    let Some(database) = backend.database() else { return };
    let folder = tempdir().unwrap();
    let url = format!("database.url={}", database.url());
    let arguments = [
        ["--set", &url],
        ["--set", "database.create_platform_tables=true"],
        ["--set", "tasks.analytics.every=500ms"],
        ["--set", "leadership.lease_duration=2s"],
        ["--set", "leadership.renew_deadline=1s"],
        ["--set", "leadership.retry_period=100ms"],
    ]
    .concat();
    let mut leader = Server::start(folder.path(), &arguments);
    leader.wait_for(CYCLE);
    let mut follower = Server::start(folder.path(), &arguments);
    follower.wait_for("Task server listening");
    assert_eq!(follower.get("/readyz").0, 200);
    assert!(leader.get("/api/tasks").1.contains("\"leadership\":{\"state\":\"leading\""));
    assert!(follower.get("/api/tasks").1.contains("\"leadership\":{\"state\":\"following\""));
    leader.wait_for(CYCLE);
    leader.kill();
    follower.wait_for(CYCLE);
    follower.signal("TERM");
    assert_eq!(follower.end().code(), Some(0));

    let runs = runs(&database);
    assert!(runs.iter().all(|run| run[1] == "1"), "{runs:?}");
    let instances: std::collections::BTreeSet<_> = runs.iter().map(|run| &run[2]).collect();
    assert_eq!(instances.len(), 2, "{runs:?}");
}

/// In a cluster, the lead is a Lease of Kubernetes where the server may hold one, and else a row.
fn in_a_cluster(may_hold_leases: bool, expected: &str) {
    let Some(database) = Backend::Postgres.database() else { return };
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let cluster = runtime.block_on(ApiServer::start());
    if !may_hold_leases {
        cluster.deny("create", Resource::Leases);
    }
    let folder = tempdir().unwrap();
    let kubeconfig = folder.path().join("kubeconfig.json");
    let config = serde_json::json!({
        "apiVersion": "v1", "kind": "Config", "current-context": "it",
        "clusters": [{"name": "it", "cluster": {"server": cluster.url()}}],
        "users": [{"name": "it", "user": {}}],
        "contexts": [{"name": "it", "context": {"cluster": "it", "user": "it", "namespace": "ir-engine"}}],
    });
    std::fs::write(&kubeconfig, config.to_string()).unwrap();
    let url = format!("database.url={}", database.url());
    let arguments = ["--set", &url, "--set", "database.create_platform_tables=true"];
    let mut server = Server::start_with(folder.path(), &arguments, |command| {
        command.env("KUBERNETES", "true").env("KUBECONFIG", &kubeconfig);
    });
    server.wait_for(expected);
    server.wait_for(CYCLE);
    let leases =
        || cluster.changes().into_iter().filter(|change| change.resource == Resource::Leases).collect::<Vec<_>>();
    assert_eq!(!leases().is_empty(), may_hold_leases);
    assert_eq!(database.query("SELECT term FROM leadership"), [["1"]], "the term is in the database either way");
    server.signal("TERM");
    assert_eq!(server.end().code(), Some(0));
    if may_hold_leases {
        let last = leases().pop().unwrap().object;
        assert_eq!(
            (&last["metadata"]["namespace"], &last["metadata"]["name"], &last["spec"]["holderIdentity"]),
            (&"ir-engine".into(), &"taskserver".into(), &"".into())
        );
    }
}

#[test]
fn in_a_cluster_that_allows_it_the_lead_is_a_lease_of_kubernetes() {
    in_a_cluster(true, "this server leads");
}

#[test]
fn in_a_cluster_that_does_not_allow_it_the_lead_is_a_row_of_the_database() {
    in_a_cluster(false, "this account may not create the lease `taskserver` in the namespace `ir-engine`");
}

#[test]
fn postgres() {
    one_leads_and_another_takes_over(Backend::Postgres);
}

#[test]
fn mariadb() {
    one_leads_and_another_takes_over(Backend::MariaDb);
}
