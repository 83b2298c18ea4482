//! What a collector reads, scene by scene. Those about waiting run with paused time.

mod common;

use std::collections::BTreeSet;
use std::convert::Infallible;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use futures_util::{FutureExt as _, StreamExt as _};
use serde_json::json;
use task_k8s_events::{
    Batch, BoxError, ChangeKind, Checkpoint, Collector, CollectorOptions, Cursor, Error, GapReason, Mode, Namespaces,
};
use taskserver_tests::kubernetes::{ApiServer, Fault};
use tokio::time::{Instant, sleep};

use common::{
    Batches, EVENTS, Store, collector, count, follow, in_namespaces, next_batch, next_error, options, piped_client,
    store_until, write, write_many,
};

#[tokio::test]
async fn an_event_is_stored_once_with_its_latest_count_and_stays_when_it_is_deleted() {
    let server = ApiServer::start().await;
    let (mut store, mut batches) = follow(&server, options()).await;
    let uid = write(&server, "default", "back-off")["metadata"]["uid"].as_str().expect("a uid").to_owned();
    for count in 2..=25 {
        server.patch(EVENTS, "default", "back-off", &json!({ "count": count }));
    }
    store_until(&mut store, &mut batches, |store| store.rows.get(&uid).is_some_and(|row| row.event.count == Some(25)))
        .await;
    server.delete(EVENTS, "default", "back-off");
    store_until(&mut store, &mut batches, |store| store.rows[&uid].deleted).await;
    assert_eq!(store.rows[&uid].event.count, Some(25));
    assert_eq!(store.rows.len(), 3);
}

#[tokio::test]
async fn a_restart_continues_where_the_stored_cursor_says() {
    let server = ApiServer::start().await;
    let (mut store, batches) = follow(&server, options()).await;
    drop(batches);
    write(&server, "default", "while-it-was-away");
    server.delete(EVENTS, "default", "while-it-was-away");
    let lists = count(&server, "list");
    let mut batches = collector(&server, options()).stream(store.cursor.clone());
    store_until(&mut store, &mut batches, |store| store.rows.len() == 3).await;
    assert!(store.rows.values().any(|row| row.event.name == "while-it-was-away"));
    assert!(store.gaps.is_empty());
    let listed = server.requests().into_iter().filter(|request| request.verb == "list").skip(lists);
    assert!(listed.into_iter().all(|request| request.query.contains("limit=1")), "nothing is listed anew");
}

#[tokio::test]
async fn a_restart_in_the_middle_of_a_list_continues_with_the_next_page() {
    let server = ApiServer::start().await;
    write_many(&server, 25);
    let options = CollectorOptions { page_size: 10, ..options() };
    let mut store = Store::default();
    store.apply(next_batch(&mut collector(&server, options.clone()).stream(None)).await);
    assert_eq!(store.rows.len(), 10);
    let mut batches = collector(&server, options).stream(store.cursor.clone());
    store_until(&mut store, &mut batches, |store| store.rows.len() == 25).await;
    assert_eq!(count(&server, "list"), 3);
}

#[tokio::test]
async fn a_large_backlog_is_read_page_by_page_and_no_faster_than_it_is_taken() {
    let server = ApiServer::start().await;
    write_many(&server, 3000);
    let mut batches = collector(&server, options()).stream(None);
    assert_eq!(count(&server, "list"), 0, "nothing is read before it is asked for");
    let first = next_batch(&mut batches).await;
    assert_eq!(first.changes.len(), 500);
    sleep(Duration::from_millis(50)).await;
    assert_eq!(count(&server, "list"), 1, "one page is enough to begin, and the next one waits");
    for page in 2..=6 {
        assert_eq!(next_batch(&mut batches).await.changes.len(), 500, "page {page}");
    }
    assert_eq!(count(&server, "list"), 6);
}

#[tokio::test]
async fn a_storm_comes_in_batches_of_bounded_size() {
    let server = ApiServer::start().await;
    let (mut store, mut batches) = follow(&server, options()).await;
    write_many(&server, 5000);
    while store.rows.len() < 5002 {
        let batch = next_batch(&mut batches).await;
        assert!(batch.changes.len() <= 500, "{}", batch.changes.len());
        store.apply(batch);
    }
}

#[tokio::test]
async fn named_namespaces_are_read_one_by_one_and_the_cursor_knows_each() {
    let server = ApiServer::start().await;
    let options = in_namespaces(Namespaces::all().including("a").including("b"));
    for namespace in ["a", "b", "c"] {
        write(&server, namespace, &format!("in-{namespace}"));
    }
    let mut store = Store::default();
    let mut batches = collector(&server, options.clone()).stream(None);
    store_until(&mut store, &mut batches, |store| store.names() == ["in-a", "in-b"]).await;
    let asked: BTreeSet<String> = server.requests().into_iter().map(|request| request.namespace).collect();
    assert_eq!(asked, BTreeSet::from(["a".to_owned(), "b".to_owned()]));

    drop(batches);
    write(&server, "a", "later-in-a");
    write(&server, "b", "later-in-b");
    let mut batches = collector(&server, options).stream(store.cursor.clone());
    store_until(&mut store, &mut batches, |store| store.rows.len() == 4).await;
    assert!(store.gaps.is_empty());
}

#[tokio::test]
async fn patterns_choose_from_the_whole_cluster() {
    let server = ApiServer::start().await;
    let options = in_namespaces(Namespaces::all().including("ir-*").excluding("ir-engine-builder"));
    for namespace in ["ir-engine", "ir-engine-builder", "kube-system"] {
        write(&server, namespace, &format!("in-{namespace}"));
    }
    let mut store = Store::default();
    let mut batches = collector(&server, options).stream(None);
    store.apply(next_batch(&mut batches).await);
    write(&server, "kube-system", "later-elsewhere");
    write(&server, "ir-engine", "later");
    store_until(&mut store, &mut batches, |store| store.named("later").is_some()).await;
    assert_eq!(store.names(), ["in-ir-engine", "later"]);
}

#[tokio::test]
async fn selectors_are_the_servers_work() {
    let server = ApiServer::start().await;
    let warning = |name: &str| {
        let metadata = json!({ "name": name, "labels": { "team": "a" } });
        server.create(EVENTS, "default", json!({ "metadata": metadata, "type": "Warning" }))
    };
    write(&server, "default", "normal");
    warning("listed");
    let options = CollectorOptions {
        field_selector: Some("type=Warning".to_owned()),
        label_selector: Some("team=a".to_owned()),
        ..options()
    };
    let mut store = Store::default();
    let mut batches = collector(&server, options).stream(None);
    store.apply(next_batch(&mut batches).await);
    write(&server, "default", "normal-later");
    warning("watched");
    store_until(&mut store, &mut batches, |store| store.rows.len() == 2).await;
    assert_eq!(store.names(), ["listed", "watched"]);
    let selected =
        |query: &str| query.contains("fieldSelector=type%3DWarning") && query.contains("labelSelector=team%3Da");
    assert!(server.requests().iter().all(|request| selected(&request.query)));
}

#[tokio::test(start_paused = true)]
async fn namespaces_and_selectors_choose_together_whichever_way_events_come() {
    for mode in [Mode::Watch, Mode::Poll { interval: Duration::from_secs(1) }] {
        let server = Arc::new(ApiServer::start().await);
        let create = |namespace: &str, name: &str, kind: &str, team: &str| {
            let metadata = json!({ "name": name, "labels": { "team": team } });
            server.create(EVENTS, namespace, json!({ "metadata": metadata, "involvedObject": { "kind": kind } }));
        };
        let write = |time: &str| {
            create("ir-engine", &format!("chosen-{time}"), "Pod", "a");
            create("ir-engine", &format!("another-team-{time}"), "Pod", "c");
            create("ir-engine", &format!("another-kind-{time}"), "Node", "a");
            create("ir-builder", &format!("excluded-{time}"), "Pod", "a");
            create("kube-system", &format!("not-included-{time}"), "Pod", "a");
        };
        let options = CollectorOptions {
            mode,
            namespaces: Namespaces::all().including("ir-*").excluding("*-builder"),
            field_selector: Some("involvedObject.kind=Pod".to_owned()),
            label_selector: Some("team in (a, b)".to_owned()),
            ..options()
        };
        write("before");
        let mut store = Store::default();
        let mut batches = Collector::new(piped_client(&server), options).expect("good options").stream(None);
        store.apply(next_batch(&mut batches).await);
        write("later");
        store_until(&mut store, &mut batches, |store| store.rows.len() == 2).await;
        assert_eq!(store.names(), ["chosen-before", "chosen-later"], "{mode:?}");
    }
}

#[tokio::test]
async fn a_cursor_is_not_continued_for_another_cluster_or_another_choice() {
    let server = ApiServer::start().await;
    let (store, batches) = follow(&server, options()).await;
    drop(batches);
    for other in [
        CollectorOptions { cluster: "other".to_owned(), ..options() },
        CollectorOptions { field_selector: Some("type=Normal".to_owned()), ..options() },
        in_namespaces(Namespaces::all().including("default")),
        in_namespaces(Namespaces::all().excluding("kube-system")),
    ] {
        let batch = next_batch(&mut collector(&server, other).stream(store.cursor.clone())).await;
        assert_eq!(batch.changes.len(), 2, "all is listed anew");
    }
}

#[tokio::test(start_paused = true)]
async fn polling_lists_at_each_interval_delivers_only_what_is_new_and_never_watches() {
    let server = Arc::new(ApiServer::start().await);
    let interval = Duration::from_secs(10);
    let options = CollectorOptions { mode: Mode::Poll { interval }, page_size: 2, ..options() };
    for name in ["a", "b", "c"] {
        write(&server, "default", name);
    }
    let mut batches = Collector::new(piped_client(&server), options).expect("good options").stream(None);
    let sizes = async |batches: &mut Batches| {
        let (first, second) = (next_batch(batches).await, next_batch(batches).await);
        assert!(first.gap.is_none() && second.gap.is_none());
        (first.changes.len(), second.changes.len())
    };
    assert_eq!(sizes(&mut batches).await, (2, 1));
    let second_poll = Instant::now();
    assert_eq!(sizes(&mut batches).await, (0, 0));
    server.patch(EVENTS, "default", "b", &json!({ "count": 2 }));
    write(&server, "default", "d");
    assert_eq!(sizes(&mut batches).await, (1, 1));
    assert!(second_poll.elapsed() >= interval, "{:?}", second_poll.elapsed());
    assert_eq!(count(&server, "watch"), 0);
}

#[tokio::test]
async fn lists_further_apart_than_events_are_kept_leave_a_gap() {
    let server = ApiServer::start().await;
    let event_ttl = Duration::from_millis(200);
    let options = CollectorOptions { mode: Mode::Poll { interval: event_ttl / 20 }, event_ttl, ..options() };
    write(&server, "default", "a");
    let mut batches = collector(&server, options.clone()).stream(None);
    let first = next_batch(&mut batches).await;
    assert!(first.gap.is_none());
    let apart = async || sleep(event_ttl).await;

    // The polls were due in time, and failed until it was too late.
    server.fail("list", EVENTS, 1, Fault::status(503));
    next_error(&mut batches).await;
    write(&server, "default", "b");
    apart().await;
    let second = next_batch(&mut batches).await;
    assert_eq!(second.gap.map(|gap| gap.why), Some(GapReason::LatePoll));
    assert_eq!(second.changes.len(), 2, "what was delivered so long ago is delivered again");

    // And nothing ran for too long.
    let cursor = second.cursor;
    write(&server, "default", "c");
    apart().await;
    let third = next_batch(&mut collector(&server, options).stream(Some(cursor))).await;
    assert_eq!(third.gap.map(|gap| gap.why), Some(GapReason::LatePoll));
}

#[tokio::test]
async fn all_that_is_asked_for_is_to_list_and_watch_events() {
    let server = ApiServer::start().await;
    let (_, batches) = follow(&server, options()).await;
    drop(batches);
    let needed: BTreeSet<_> = server.requests().into_iter().map(|it| (it.verb, it.resource)).collect();
    let expected = ["list", "watch"].map(|verb| (verb.to_owned(), Some(EVENTS)));
    assert_eq!(needed, BTreeSet::from(expected));
}

#[tokio::test(start_paused = true)]
async fn requests_are_spaced_to_the_rate_that_is_allowed() {
    let server = Arc::new(ApiServer::start().await);
    write_many(&server, 20);
    let options = CollectorOptions { page_size: 1, max_requests_per_second: 2, ..options() };
    let mut batches = Collector::new(piped_client(&server), options).expect("good options").stream(None);
    let start = Instant::now();
    let mut store = Store::default();
    store_until(&mut store, &mut batches, |store| store.rows.len() == 20).await;
    assert!(start.elapsed() >= Duration::from_millis(9500), "{:?}", start.elapsed());
}

#[tokio::test]
async fn a_stream_that_is_not_polled_keeps_what_the_server_sends_in_the_connection() {
    let server = ApiServer::start().await;
    let (mut store, mut batches) = follow(&server, options()).await;
    assert!(batches.next().now_or_never().is_none(), "nothing happens");
    write(&server, "default", "meanwhile");
    sleep(Duration::from_millis(100)).await;
    store_until(&mut store, &mut batches, |store| store.named("meanwhile").is_some()).await;
}

/// A checkpoint in memory.
#[derive(Default)]
struct Memory {
    cursor: Mutex<Option<Cursor>>,
    broken: bool,
}

#[async_trait]
impl Checkpoint for Memory {
    async fn load(&self) -> Result<Option<Cursor>, BoxError> {
        Ok(self.cursor.lock().expect("no panic").clone())
    }

    async fn save(&self, cursor: &Cursor) -> Result<(), BoxError> {
        if self.broken {
            return Err("disk full".into());
        }
        *self.cursor.lock().expect("no panic") = Some(cursor.clone());
        Ok(())
    }
}

#[tokio::test]
async fn run_saves_the_cursor_after_each_batch_and_continues_from_it() {
    let server = ApiServer::start().await;
    write_many(&server, 3);
    let checkpoint = Memory::default();
    let collector = collector(&server, options());
    let mut seen = Vec::new();
    let mut runs = async |stop_at: usize| -> Result<Infallible, Error> {
        collector
            .run(&checkpoint, async |batch: &Batch| {
                seen.extend(batch.changes.iter().map(|change| change.event.name.clone()));
                if seen.len() > stop_at { Err("enough".into()) } else { Ok(()) }
            })
            .await
    };
    server.fail("list", EVENTS, 1, Fault::status(503));
    let write_later = async {
        sleep(Duration::from_millis(100)).await;
        write(&server, "default", "later");
    };
    let (ended, ()) = tokio::join!(runs(3), write_later);
    let error = ended.expect_err("the handler has ended it");
    assert_eq!((error.to_string().as_str(), error.metric_label()), ("the batch could not be handled", "handler"));
    // The batch that was not handled comes again, and nothing else does.
    runs(4).await.expect_err("the handler has ended it");
    assert_eq!(seen, ["event-00000", "event-00001", "event-00002", "later", "later"]);

    let broken = Memory { broken: true, ..Memory::default() };
    let error = collector.run(&broken, async |_: &Batch| Ok(())).await.expect_err("a checkpoint that fails ends it");
    assert_eq!((error.to_string().as_str(), error.metric_label()), ("cannot save the checkpoint", "checkpoint"));
}

#[tokio::test]
async fn a_deletion_is_told_with_the_last_state_and_a_version_that_replaces_it() {
    let server = ApiServer::start().await;
    let (_, mut batches) = follow(&server, options()).await;
    write(&server, "default", "brief");
    server.delete(EVENTS, "default", "brief");
    let mut changes = Vec::new();
    while changes.len() < 2 {
        changes.extend(next_batch(&mut batches).await.changes);
    }
    assert_eq!(
        changes.iter().map(|change| change.kind).collect::<Vec<_>>(),
        [ChangeKind::Applied, ChangeKind::Deleted]
    );
    assert!(changes[1].event.resource_version.replaces(&changes[0].event.resource_version));
    assert_eq!(changes[1].event.reason, "Test");
}
