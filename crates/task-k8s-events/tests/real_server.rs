//! The same stories on the stand-in and on every real API server that is given ([`Cluster::all`]), each reached through its
//! kubeconfig.

mod common;

use std::path::Path;

use futures_util::future::join_all;
use kube::api::{Api, DeleteParams, Patch, PatchParams, PostParams};
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::{Client, Config};
use serde_json::json;
use task_k8s_events::{Collector, CollectorOptions, Mode, Namespaces, connect};
use taskserver_tests::kubernetes::Cluster;

use common::{Store, in_namespaces, next_error, store_until};

type Event = k8s_openapi::api::core::v1::Event;

/// Tells a story of each cluster.
#[allow(clippy::print_stderr, reason = "a story that fails says where")]
async fn on_each_cluster(story: impl AsyncFn(Client)) {
    for cluster in Cluster::all().await {
        eprintln!("on {}", cluster.name());
        story(client(cluster.kubeconfig()).await).await;
    }
}

async fn client(kubeconfig: &Path) -> Client {
    let kubeconfig = Kubeconfig::read_from(kubeconfig).expect("a kubeconfig");
    let config = Config::from_custom_kubeconfig(kubeconfig, &KubeConfigOptions::default()).await.expect("a context");
    connect(config).expect("a client")
}

/// A name that no other test gives.
fn unique() -> String {
    format!("taskserver-test-{:08x}", fastrand::u32(..))
}

fn event(name: &str, app: &str) -> Event {
    let event = json!({
        "metadata": { "name": name, "namespace": "default", "labels": { "app": app } },
        "involvedObject": { "kind": "Namespace", "name": "default", "apiVersion": "v1" },
        "reason": "Tested", "message": "A test of the collector", "type": "Normal", "count": 1,
        "firstTimestamp": "2026-11-24T01:00:00Z", "lastTimestamp": "2026-11-24T01:00:00Z",
        "source": { "component": "taskserver-test" },
    });
    serde_json::from_value(event).expect("an event")
}

#[tokio::test]
async fn an_event_is_followed_through_its_life_and_a_restart() {
    on_each_cluster(async |client| {
        let events: Api<Event> = Api::namespaced(client.clone(), "default");
        let name = unique();
        let created = events.create(&PostParams::default(), &event(&name, "any")).await.expect("allowed to create");
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
    })
    .await;
}

/// All pages of a list, and only what the selectors choose, whether it is watched or polled.
#[tokio::test]
async fn what_the_selectors_choose_is_collected_page_by_page() {
    on_each_cluster(async |client| {
        let events: Api<Event> = Api::namespaced(client.clone(), "default");
        let (app, other) = (unique(), unique());
        let parameters = PostParams::default();
        let made: Vec<Event> = (0..45).map(|index| event(&format!("{app}-{index:02}"), &app)).collect();
        let made = made.iter().chain([&event(&other, &other)]).cloned().collect::<Vec<_>>();
        for created in join_all(made.iter().map(|event| events.create(&parameters, event))).await {
            created.expect("allowed to create");
        }
        for mode in [Mode::Watch, Mode::Poll { interval: std::time::Duration::from_millis(100) }] {
            let options = CollectorOptions {
                mode,
                page_size: 20,
                label_selector: Some(format!("app={app}")),
                field_selector: Some("reason=Tested".to_owned()),
                ..in_namespaces(Namespaces::all().including("default"))
            };
            let mut batches = Collector::new(client.clone(), options).expect("good options").stream(None);
            let mut store = Store::default();
            store_until(&mut store, &mut batches, |store| store.rows.len() >= 45).await;
            let late = format!("{app}-{}", if mode == Mode::Watch { "watched" } else { "polled" });
            events.create(&parameters, &event(&late, &app)).await.expect("allowed to create");
            store_until(&mut store, &mut batches, |store| store.named(&late).is_some()).await;
            assert!(store.names().iter().all(|name| name.starts_with(&app)), "{:?}", store.names());
            assert!(store.gaps.is_empty());
        }
    })
    .await;
}

#[tokio::test]
async fn a_selector_that_the_server_does_not_understand_needs_attention() {
    on_each_cluster(async |client| {
        let options = CollectorOptions {
            field_selector: Some("colour=red".to_owned()),
            ..in_namespaces(Namespaces::all().including("default"))
        };
        let mut batches = Collector::new(client, options).expect("good options").stream(None);
        let error = next_error(&mut batches).await;
        assert!(error.needs_attention(), "{error}");
        assert!(error.to_string().starts_with("the server answered 400 BadRequest (to list events): "), "{error}");
    })
    .await;
}
