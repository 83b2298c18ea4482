//! The same story against the stand-in and, when `TASKSERVER_TEST_KUBECONFIG` names a kubeconfig, against the server behind
//! it. The account needs to create, patch and delete events in the namespace `default`. Both are reached through a kubeconfig.

mod common;

use std::path::Path;

use kube::api::{Api, DeleteParams, Patch, PatchParams, PostParams};
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::{Client, Config};
use serde_json::json;
use task_k8s_events::{Collector, CollectorOptions, Namespaces, connect};
use taskserver_tests::kubernetes::ApiServer;

use common::{Store, in_namespaces, store_until};

type Event = k8s_openapi::api::core::v1::Event;

#[tokio::test]
async fn an_event_is_followed_through_its_life_and_a_restart_on_the_stand_in() {
    let server = ApiServer::start().await;
    let kubeconfig = tempfile::NamedTempFile::new().expect("a temporary file");
    std::fs::write(&kubeconfig, server.kubeconfig().to_string()).expect("the file can be written");
    follow_an_event(client(kubeconfig.path()).await).await;
}

#[tokio::test]
async fn an_event_is_followed_through_its_life_and_a_restart_on_a_real_server() {
    let Some(kubeconfig) = std::env::var_os("TASKSERVER_TEST_KUBECONFIG") else {
        eprintln!("skipped: TASKSERVER_TEST_KUBECONFIG names no kubeconfig");
        return;
    };
    follow_an_event(client(kubeconfig.as_ref()).await).await;
}

async fn client(kubeconfig: &Path) -> Client {
    let kubeconfig = Kubeconfig::read_from(kubeconfig).expect("a kubeconfig");
    let config = Config::from_custom_kubeconfig(kubeconfig, &KubeConfigOptions::default()).await.expect("a context");
    connect(config).expect("a client")
}

async fn follow_an_event(client: Client) {
    let events: Api<Event> = Api::namespaced(client.clone(), "default");
    let name = format!("taskserver-test-{:08x}", fastrand::u32(..));
    let event = json!({
        "metadata": { "name": name, "namespace": "default" },
        "involvedObject": { "kind": "Namespace", "name": "default", "apiVersion": "v1" },
        "reason": "Tested", "message": "A test of the collector", "type": "Normal", "count": 1,
        "firstTimestamp": "2026-11-24T01:00:00Z", "lastTimestamp": "2026-11-24T01:00:00Z",
        "source": { "component": "taskserver-test" },
    });
    let event: Event = serde_json::from_value(event).expect("an event");
    let created = events.create(&PostParams::default(), &event).await.expect("allowed to create");
    let uid = created.metadata.uid.expect("a uid");

    let options = CollectorOptions { page_size: 20, ..in_namespaces(Namespaces::all().including("default")) };
    let collector = Collector::new(client, options).expect("good options");
    let mut store = Store::default();
    let mut batches = collector.stream(None);
    store_until(&mut store, &mut batches, |store| store.rows.contains_key(&uid)).await;

    let patch = |count: i32| Patch::Merge(json!({ "count": count }));
    events.patch(&name, &PatchParams::default(), &patch(2)).await.expect("allowed to patch");
    store_until(&mut store, &mut batches, |store| store.rows[&uid].event.count == Some(2)).await;

    drop(batches);
    events.patch(&name, &PatchParams::default(), &patch(3)).await.expect("allowed to patch");
    events.delete(&name, &DeleteParams::default()).await.expect("allowed to delete");
    let mut batches = collector.stream(store.cursor.clone());
    store_until(&mut store, &mut batches, |store| store.rows[&uid].deleted).await;
    assert_eq!(store.rows[&uid].event.count, Some(3));
    assert!(store.gaps.is_empty());
}
