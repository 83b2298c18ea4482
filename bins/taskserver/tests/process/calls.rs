//! What the server asks of the Kubernetes API, recorded: the rights that the chart gives are held against it
//! (`tests/deploy/test_rbac.py`).
//!
//! The recording is `tests/data/kubernetes/calls.json`. After a change of the calls, write it anew and review it:
//! `UPDATE_RECORDING=1 cargo test -p taskserver --test process calls`.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use taskserver_tests::kubernetes::{ApiServer, RecordedRequest};
use tempfile::tempdir;

use crate::support::{PATIENCE, Server};

/// All namespaces at once, as the chart's `rbac.namespaces` has it.
const EVERYWHERE: &str = "*";

/// Different calls, as `VERB RESOURCE[.GROUP]`, by namespace.
type Calls = BTreeMap<String, BTreeSet<String>>;

fn calls_for_objects(requests: &[RecordedRequest]) -> Calls {
    let mut calls = Calls::new();
    for request in requests {
        let Some(resource) = request.resource else { continue };
        let namespace = if request.namespace.is_empty() { EVERYWHERE } else { &request.namespace };
        let group = if resource.group().is_empty() { String::new() } else { format!(".{}", resource.group()) };
        let call = format!("{} {}{group}", request.verb, resource.plural());
        calls.entry(namespace.to_owned()).or_default().insert(call);
    }
    calls
}

fn other_calls(requests: &[RecordedRequest]) -> BTreeSet<String> {
    let others = requests.iter().filter(|request| request.resource.is_none());
    others.map(|request| format!("{} {}", request.verb, request.path)).collect()
}

/// Records a server with these settings until it has made so many different calls.
async fn record(feature: &str, namespaces: &[&str], settings: &[&str], calls: usize) -> Value {
    let (folder, cluster) = (tempdir().unwrap(), ApiServer::start().await);
    cluster.install_agones();
    let kubeconfig = folder.path().join("kubeconfig.json");
    std::fs::write(&kubeconfig, cluster.kubeconfig().to_string()).unwrap();
    let arguments: Vec<&str> = settings.iter().flat_map(|setting| ["--set", setting]).collect();
    let mut server = Server::start_with(folder.path(), &arguments, |command| {
        command.env("KUBERNETES", "true").env("KUBECONFIG", &kubeconfig);
    });
    server.wait_for("Task server listening");
    let deadline = Instant::now() + PATIENCE;
    while calls_for_objects(&cluster.requests()).values().map(BTreeSet::len).sum::<usize>() < calls {
        assert!(Instant::now() < deadline, "{calls} calls are not made: {:?}", cluster.requests());
        std::thread::sleep(Duration::from_millis(20));
    }
    server.signal("TERM");
    assert_eq!(server.end().code(), Some(0));
    let requests = cluster.requests();
    json!({
        "feature": feature,
        "namespaces": namespaces,
        "calls": calls_for_objects(&requests),
        "other": other_calls(&requests),
    })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_recorded_calls_are_those_that_the_server_makes() {
    let (events, agones) = ("kubernetes.agones.enabled=false", "kubernetes.events.enabled=false");
    let lease = [events, agones, "leadership.mode=kubernetes", "leadership.namespace=ir"];
    let recordings = json!([
        record("events", &["games", "ir"], &[events, "kubernetes.events.namespaces=games,ir"], 4).await,
        record("events", &[EVERYWHERE], &[events], 2).await,
        record("agones", &["games"], &[agones, "kubernetes.agones.namespace=games"], 2).await,
        record("agones", &[EVERYWHERE], &[agones], 2).await,
        record("leases", &["ir"], &lease, 3).await,
    ]);
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/data/kubernetes/calls.json");
    if std::env::var_os("UPDATE_RECORDING").is_some() {
        let mut text = serde_json::to_string_pretty(&recordings).unwrap();
        text.push('\n');
        std::fs::write(&path, text).unwrap();
    }
    let committed: Value = serde_json::from_str(&std::fs::read_to_string(&path).unwrap()).unwrap();
    assert_eq!(committed, recordings);
}
