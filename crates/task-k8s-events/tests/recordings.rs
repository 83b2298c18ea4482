//! The recordings of a real server, read by a collector.

mod common;

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;
use task_k8s_events::CollectorOptions;
use taskserver_tests::kubernetes::ApiServer;

use common::{Store, collector, options, recorded_watch, recording, replay, revision, store_until};

fn recorded_list() -> BTreeMap<String, Value> {
    let pages = (1..=3).map(|page| recording(&format!("k8s-events-page{page}.json")));
    let items = pages.flat_map(|page| {
        let page: Value = serde_json::from_str(&page).expect("JSON");
        page["items"].as_array().expect("items").clone()
    });
    items.map(|item| (item["metadata"]["uid"].as_str().expect("a uid").to_owned(), item)).collect()
}

/// Every column of every row against the recording.
fn assert_is_the_recorded_list(store: &Store) {
    let recorded = recorded_list();
    assert_eq!((store.rows.len(), recorded.len()), (119, 119));
    for (uid, item) in &recorded {
        let event = &store.rows[uid].event;
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let optional = |value: &Value| value.as_str().filter(|text| !text.is_empty()).map(str::to_owned);
        let time = |value: &Value| value.as_str().map(|text| text.parse().expect("a time"));
        let object = &item["involvedObject"];
        assert_eq!(event.cluster, "test");
        assert_eq!(event.namespace, text(&item["metadata"]["namespace"]));
        assert_eq!(event.name, text(&item["metadata"]["name"]));
        assert_eq!(event.resource_version.number(), revision(item));
        assert_eq!(event.created, time(&item["metadata"]["creationTimestamp"]));
        assert_eq!(event.involved.kind, text(&object["kind"]));
        assert_eq!(event.involved.namespace, optional(&object["namespace"]));
        assert_eq!(event.involved.name, text(&object["name"]));
        assert_eq!(event.involved.uid, optional(&object["uid"]));
        assert_eq!(event.involved.field_path, optional(&object["fieldPath"]));
        assert_eq!(event.involved.api_version, optional(&object["apiVersion"]));
        assert_eq!(event.type_, text(&item["type"]));
        assert_eq!(event.reason, text(&item["reason"]));
        assert_eq!(event.message, text(&item["message"]));
        assert_eq!(event.action, optional(&item["action"]));
        assert_eq!(event.count, item["count"].as_i64());
        assert_eq!(event.first_seen, time(&item["firstTimestamp"]));
        assert_eq!(event.last_seen, time(&item["lastTimestamp"]));
        assert_eq!(event.event_time, time(&item["eventTime"]));
        assert_eq!(event.source_component, optional(&item["source"]["component"]));
        assert_eq!(event.source_host, optional(&item["source"]["host"]));
        assert_eq!(event.reporting_component, optional(&item["reportingComponent"]));
        assert_eq!(event.reporting_instance, optional(&item["reportingInstance"]));
        assert_eq!(Some(event.time()), event.last_seen.or(event.event_time));
    }
    let timeless = recorded.values().filter(|item| item["lastTimestamp"].is_null() && item["count"].is_null());
    assert_eq!(timeless.count(), 38, "the recording has what is hard about events");
    let back_off: Vec<_> = store.rows.values().filter(|row| row.event.reason == "BackOff").collect();
    assert_eq!(back_off.iter().map(|row| row.event.count).collect::<Vec<_>>(), [Some(25)]);
}

#[tokio::test]
async fn the_recorded_list_makes_119_rows_and_back_off_one_with_the_count_25() {
    let server = ApiServer::start().await;
    let lines = recorded_watch();
    replay(&server, lines.iter().filter(|line| revision(&line["object"]) <= Some(662)));
    let mut store = Store::default();
    let mut batches = collector(&server, CollectorOptions { page_size: 50, ..options() }).stream(None);
    store_until(&mut store, &mut batches, |store| store.rows.len() == 119).await;
    assert_is_the_recorded_list(&store);
    assert_eq!(server.requests().len(), 3);
}

#[tokio::test]
async fn the_recorded_watch_makes_the_same_rows() {
    let server = ApiServer::start().await;
    let lines = recorded_watch();
    let mut store = Store::default();
    let mut batches = collector(&server, options()).stream(None);
    store.apply(common::next_batch(&mut batches).await);
    let (listed, later): (Vec<_>, Vec<_>) = lines.iter().partition(|line| revision(&line["object"]) <= Some(662));
    replay(&server, listed);
    let seen =
        |store: &Store, version| store.rows.values().any(|row| row.event.resource_version.number() == Some(version));
    store_until(&mut store, &mut batches, |store| seen(store, 662)).await;
    assert_is_the_recorded_list(&store);
    replay(&server, later);
    store_until(&mut store, &mut batches, |store| seen(store, 681)).await;
    assert_eq!(store.rows.len(), 122);
    assert!(store.gaps.is_empty() && store.rejected.is_empty());
}

#[tokio::test]
async fn a_series_of_events_k8s_io_has_its_count_and_time() {
    let server = ApiServer::start().await;
    let lines: Vec<Value> = recording("k8s-events-watchlist-warnings.ndjson")
        .lines()
        .map(|line| serde_json::from_str(line).expect("JSON"))
        .collect();
    replay(&server, &lines);
    let mut store = Store::default();
    let mut batches = collector(&server, options()).stream(None);
    store.apply(common::next_batch(&mut batches).await);
    let objects = lines.iter().filter(|line| line["type"] == "ADDED").map(|line| &line["object"]);
    let series: Vec<&Value> = objects.filter(|object| !object["series"].is_null()).collect();
    assert!(!series.is_empty());
    for object in series {
        let event = &store.rows[object["metadata"]["uid"].as_str().expect("a uid")].event;
        assert_eq!(Some(event.occurrences()), object["series"]["count"].as_i64());
        let last = object["series"]["lastObservedTime"].as_str().expect("a time");
        assert_eq!(event.time(), last.parse().expect("a time"));
    }
    let types: BTreeSet<&str> = store.rows.values().map(|row| row.event.type_.as_str()).collect();
    assert_eq!(types, BTreeSet::from(["Warning"]));
}
