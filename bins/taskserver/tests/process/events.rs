//! The events of a Kubernetes cluster, kept.

use std::path::{Path, PathBuf};

use serde_json::json;
use taskserver_tests::kubernetes::{ApiServer, RecordedRequest, Resource};
use taskserver_tests::{Backend, Certificates, TestDatabase};
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

/// A kubeconfig whose current context leads nowhere, and whose context `games` leads to this cluster, with the authority's
/// certificate in a file.
fn several_contexts(folder: &Path, cluster: &ApiServer, authority: &str) -> String {
    let (certificate, kubeconfig) = (folder.join("ca.pem"), folder.join("several.json"));
    std::fs::write(&certificate, authority).unwrap();
    let content = json!({
        "apiVersion": "v1", "kind": "Config", "current-context": "nowhere",
        "clusters": [
            {"name": "nowhere", "cluster": {"server": "https://127.0.0.1:1"}},
            {"name": "games", "cluster": {"server": cluster.url(), "certificate-authority": certificate}},
        ],
        "users": [{"name": "nobody", "user": {}}],
        "contexts": [
            {"name": "nowhere", "context": {"cluster": "nowhere", "user": "nobody"}},
            {"name": "games", "context": {"cluster": "games", "user": "nobody"}},
        ],
    });
    std::fs::write(&kubeconfig, content.to_string()).unwrap();
    format!("kubernetes.kubeconfig={}", kubeconfig.display())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cluster_is_reached_by_https_in_the_context_that_is_set() {
    let (folder, cluster, database) = (tempdir().unwrap(), ApiServer::start_with_tls().await, TestDatabase::sqlite());
    write(&cluster, "ir-engine", "encrypted");
    let url = format!("database.url={}", database.url());
    let start = |authority: &str| {
        let kubeconfig = several_contexts(folder.path(), &cluster, authority);
        let settings = [&url, &kubeconfig, "kubernetes.context=games", "log.level=info,task_k8s_events=debug"];
        let settings: Vec<&str> = settings.iter().flat_map(|setting| ["--set", setting]).collect();
        Server::start(folder.path(), &settings)
    };
    let mut distrustful = start(&Certificates::of(&["127.0.0.1"]).authority);
    distrustful.wait_for("invalid peer certificate");
    distrustful.kill();
    assert!(cluster.requests().is_empty(), "{:?}", cluster.requests());
    let mut trusting = start(cluster.authority().unwrap());
    trusting.wait_for("Task server listening");
    wait_for_events(&database, &["encrypted"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn events_are_polled_and_chosen_as_the_settings_say() {
    let (folder, cluster, database) = (tempdir().unwrap(), ApiServer::start().await, TestDatabase::sqlite());
    let write = |namespace: &str, name: &str, r#type: &str, reason: &str, app: &str| {
        let metadata = json!({"name": name, "labels": {"app": app}});
        let event = json!({"metadata": metadata, "type": r#type, "reason": reason, "count": 1});
        cluster.create(Resource::Events, namespace, event);
    };
    write("ir-engine", "a-kept", "Warning", "BackOff", "ir-engine");
    write("ir-engine", "of-another-type", "Normal", "BackOff", "ir-engine");
    write("ir-engine", "of-another-app", "Warning", "BackOff", "other");
    write("ir-engine", "excluded-by-a-rule", "Warning", "Pulled", "ir-engine");
    write("ir-test", "of-an-excluded-namespace", "Warning", "BackOff", "ir-engine");
    let (url, kubeconfig) = (format!("database.url={}", database.url()), kubeconfig(folder.path(), &cluster));
    let kubeconfig = format!("kubernetes.kubeconfig={}", kubeconfig.display());
    let settings = [
        &url,
        &kubeconfig,
        "kubernetes.agones.enabled=false",
        "kubernetes.events.mode=poll",
        "kubernetes.events.poll_every=1s",
        "kubernetes.events.field_selector=type=Warning",
        "kubernetes.events.label_selector=app=ir-engine",
        "kubernetes.events.exclude_namespaces=*-test",
        "kubernetes.events.exclude=event.reason == 'Pulled'",
    ];
    let settings: Vec<&str> = settings.iter().flat_map(|setting| ["--set", setting]).collect();
    let mut server = Server::start(folder.path(), &settings);
    server.wait_for("Task server listening");
    wait_for_events(&database, &["a-kept"]);
    write("ir-engine", "b-kept", "Warning", "Unhealthy", "ir-engine");
    wait_for_events(&database, &["a-kept", "b-kept"]);
    let of_events = |request: &&RecordedRequest| request.resource == Some(Resource::Events);
    for request in cluster.requests().iter().filter(of_events) {
        assert_eq!(request.verb, "list");
        let selectors = ["fieldSelector=type%3DWarning", "labelSelector=app%3Dir-engine"];
        assert!(selectors.iter().all(|selector| request.query.contains(selector)), "{}", request.query);
    }

    cluster.deny("list", Resource::Events);
    let line = server.wait_for("not allowed to list events").replace('\\', "");
    assert!(line.contains(r#"verbs: ["list"]} to the ClusterRole of this account"#), "{line}");
}
