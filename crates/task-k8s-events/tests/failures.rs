//! What a collector makes of failures, scene by scene. Those about waiting run with paused time.

mod common;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use serde_json::json;
use task_k8s_events::{Collector, CollectorOptions, Error, GapReason, Mode, Namespaces};
use taskserver_tests::kubernetes::{ApiServer, Fault};
use tokio::time::{Instant, sleep};

use common::{
    EVENTS, Store, collector, follow, in_namespaces, next_batch, next_error, options, piped_client, store_until, write,
    write_many,
};

#[tokio::test(start_paused = true)]
async fn throttling_delays_and_discards_nothing() {
    let server = Arc::new(ApiServer::start().await);
    write_many(&server, 25);
    server.fail("list", EVENTS, 1, Fault::Status { code: 429, retry_after: Some(7) });
    let options = CollectorOptions { page_size: 10, ..options() };
    let mut batches = Collector::new(piped_client(&server), options).expect("good options").stream(None);
    let start = Instant::now();
    let error = next_error(&mut batches).await;
    assert_eq!(error.to_string(), "the server throttles us (to list events) and asks to wait 7s");
    let mut store = Store::default();
    store.apply(next_batch(&mut batches).await);
    assert!(start.elapsed() >= Duration::from_secs(7), "{:?}", start.elapsed());
    server.fail("list", EVENTS, 2, Fault::Status { code: 429, retry_after: Some(1) });
    store_until(&mut store, &mut batches, |store| store.rows.len() == 25).await;
    assert!(store.gaps.is_empty());
}

#[tokio::test]
async fn an_expired_watch_is_followed_by_a_list_and_a_gap_whichever_way_it_is_told() {
    for as_status in [false, true] {
        let server = ApiServer::start().await;
        let (mut store, batches) = follow(&server, options()).await;
        drop(batches);
        let from = server.revision();
        write(&server, "default", "lost");
        server.delete(EVENTS, "default", "lost");
        write(&server, "default", "kept");
        server.compact(server.revision());
        if as_status {
            server.fail("watch", EVENTS, 1, Fault::status(410));
        }
        let mut batches = collector(&server, options()).stream(store.cursor.clone());
        let error = next_error(&mut batches).await;
        assert_eq!(
            error.to_string(),
            "the server has compacted the history that the watch needs: listing everything anew (The resourceVersion for \
             the provided watch is too old.)"
        );
        store_until(&mut store, &mut batches, |store| !store.gaps.is_empty()).await;
        assert!(store.named("kept").is_some() && store.named("lost").is_none());
        let gap = &store.gaps[0];
        let versions = [&gap.from, &gap.to].map(|point| point.resource_version.number());
        assert_eq!((versions, gap.why), ([Some(from), Some(server.revision())], GapReason::Expired));
        assert!(gap.namespace.is_none() && gap.from.at < gap.to.at);
        // And then the watch goes on.
        write(&server, "default", "later");
        store_until(&mut store, &mut batches, |store| store.named("later").is_some()).await;
        assert_eq!(store.gaps.len(), 1);
    }
}

#[tokio::test]
async fn lists_that_fail_after_an_expired_watch_end_nothing() {
    let server = ApiServer::start().await;
    let (mut store, mut batches) = follow(&server, options()).await;
    server.fail("watch", EVENTS, 1, Fault::WatchError(410));
    server.cut_connections();
    while !matches!(next_error(&mut batches).await, Error::Expired { .. }) {}
    for fault in [Fault::status(500), Fault::status(503), Fault::Reset, Fault::ResetAfter(100), Fault::status(404)] {
        server.fail("list", EVENTS, 1, fault);
    }
    write(&server, "default", "after-all");
    store_until(&mut store, &mut batches, |store| store.named("after-all").is_some()).await;
    assert_eq!(store.gaps.len(), 1);
}

#[tokio::test]
async fn a_list_that_expires_midway_begins_anew_and_leaves_a_gap() {
    let server = ApiServer::start().await;
    write_many(&server, 25);
    let mut store = Store::default();
    let mut batches = collector(&server, CollectorOptions { page_size: 10, ..options() }).stream(None);
    store.apply(next_batch(&mut batches).await);
    let from = server.revision();
    server.delete(EVENTS, "default", "event-00020");
    server.compact(server.revision());
    let error = next_error(&mut batches).await;
    assert!(error.to_string().starts_with("the server has compacted the history that this list needs"), "{error}");
    store_until(&mut store, &mut batches, |store| !store.gaps.is_empty()).await;
    assert_eq!(store.rows.len(), 24);
    let gap = &store.gaps[0];
    assert_eq!((gap.from.resource_version.number(), gap.why), (Some(from), GapReason::ListExpired));
}

#[tokio::test]
async fn an_empty_watch_from_a_version_that_is_gone_is_taken_for_what_it_is() {
    let server = ApiServer::start().await;
    let (mut store, batches) = follow(&server, options()).await;
    drop(batches);
    write(&server, "default", "kept");
    server.compact(server.revision());
    server.fail("watch", EVENTS, usize::MAX, Fault::Empty);
    let mut batches = collector(&server, options()).stream(store.cursor.clone());
    let error = next_error(&mut batches).await;
    assert_eq!(
        error.to_string(),
        "a watch from resourceVersion 3 ended at once without an event: listing everything anew"
    );
    store_until(&mut store, &mut batches, |store| store.named("kept").is_some()).await;
    assert_eq!(store.gaps[0].why, GapReason::EmptyWatch);
}

#[tokio::test]
async fn an_empty_watch_from_a_version_that_is_still_there_is_tried_again_and_given_up_at_last() {
    let server = ApiServer::start().await;
    let (mut store, batches) = follow(&server, options()).await;
    drop(batches);
    server.fail("watch", EVENTS, 2, Fault::Empty);
    let mut batches = collector(&server, options()).stream(store.cursor.clone());
    write(&server, "default", "kept");
    store_until(&mut store, &mut batches, |store| store.named("kept").is_some()).await;
    assert!(store.gaps.is_empty(), "a server that shuts down ends its watches, too");

    drop(batches);
    write(&server, "default", "kept-too");
    server.fail("watch", EVENTS, 3, Fault::Empty);
    let mut batches = collector(&server, options()).stream(store.cursor.clone());
    store_until(&mut store, &mut batches, |store| store.named("kept-too").is_some()).await;
    assert_eq!(store.gaps[0].why, GapReason::EmptyWatch);
}

#[tokio::test(start_paused = true)]
async fn a_silent_watch_is_given_up_and_opened_anew() {
    let server = Arc::new(ApiServer::start().await);
    write(&server, "default", "first");
    server.fail("watch", EVENTS, 1, Fault::SilenceAfter(0));
    server.fail("watch", EVENTS, 1, Fault::Silence);
    let mut batches = Collector::new(piped_client(&server), options()).expect("good options").stream(None);
    let mut store = Store::default();
    store.apply(next_batch(&mut batches).await);
    write(&server, "default", "second");
    assert_eq!(
        next_error(&mut batches).await.to_string(),
        "the server was silent for too long (to watch events): gave up after 31s"
    );
    assert_eq!(
        next_error(&mut batches).await.to_string(),
        "the server was silent for too long (to watch events): gave up after 30s"
    );
    store_until(&mut store, &mut batches, |store| store.names() == ["first", "second"]).await;
    assert!(store.gaps.is_empty());
}

#[tokio::test]
async fn a_watch_that_is_cut_anywhere_loses_and_repeats_nothing() {
    let server = ApiServer::start().await;
    let (mut store, batches) = follow(&server, options()).await;
    drop(batches);
    write_many(&server, 5);
    for bytes in [0, 1, 100, 333, 500, 777, 1000] {
        server.fail("watch", EVENTS, 1, Fault::EndAfter(bytes));
        server.fail("watch", EVENTS, 1, Fault::ResetAfter(bytes));
    }
    let mut batches = collector(&server, options()).stream(store.cursor.clone());
    let mut versions = Vec::new();
    while store.rows.len() < 7 {
        let batch = next_batch(&mut batches).await;
        versions.extend(batch.changes.iter().map(|change| change.event.resource_version.clone()));
        store.apply(batch);
    }
    let distinct: BTreeSet<&str> = versions.iter().map(|version| version.as_str()).collect();
    assert_eq!((versions.len(), distinct.len()), (5, 5));
    assert!(store.gaps.is_empty());
}

#[tokio::test(start_paused = true)]
async fn the_cursor_moves_on_while_nothing_happens_so_that_it_is_not_compacted() {
    let server = Arc::new(ApiServer::start().await);
    let mut batches = Collector::new(piped_client(&server), options()).expect("good options").stream(None);
    let mut store = Store::default();
    write(&server, "default", "only");
    store.apply(next_batch(&mut batches).await);
    for _ in 0..20 {
        server.skip_to_revision(server.revision() + 100);
        // The watch that is open now was opened before this revision: the one after it shows that nothing happened.
        for _ in 0..2 {
            let batch = next_batch(&mut batches).await;
            assert!(batch.changes.is_empty());
            store.apply(batch);
        }
        server.compact(server.revision());
    }
    write(&server, "default", "at-last");
    store_until(&mut store, &mut batches, |store| store.named("at-last").is_some()).await;
    assert!(store.gaps.is_empty());
}

#[tokio::test]
async fn a_server_whose_history_was_reset_is_listed_anew() {
    let server = ApiServer::start().await;
    let (mut store, mut batches) = follow(&server, options()).await;
    server.lose_everything();
    write(&server, "default", "new-world");
    loop {
        if let error @ Error::HistoryReset { .. } = next_error(&mut batches).await {
            assert_eq!(
                error.to_string(),
                "the server's history ends before resourceVersion 3, which it gave us earlier; it was restored or set up \
                 anew: listing everything anew"
            );
            break;
        }
    }
    store_until(&mut store, &mut batches, |store| !store.gaps.is_empty()).await;
    assert_eq!(store.gaps[0].why, GapReason::HistoryReset);
}

#[tokio::test]
async fn missing_rights_are_one_error_that_names_the_rule_to_add() {
    let server = ApiServer::start().await;
    server.deny("list", EVENTS);
    let mut batches = collector(&server, options()).stream(None);
    let error = next_error(&mut batches).await;
    assert_eq!(
        error.to_string(),
        "not allowed to list events in all namespaces: add the rule {apiGroups: [\"\"], resources: [\"events\"], verbs: \
         [\"list\", \"watch\"]} to the ClusterRole of this account (the server says: events is forbidden: User \"nobody\" \
         cannot list resource \"events\" in API group \"\" at the cluster scope)"
    );
    assert!(error.needs_attention());
    assert_eq!(error.metric_label(), "forbidden");
    server.allow_everything();
    write(&server, "default", "allowed");
    let mut store = Store::default();
    store_until(&mut store, &mut batches, |store| store.named("allowed").is_some()).await;

    server.deny("watch", EVENTS);
    let mut batches = collector(&server, in_namespaces(Namespaces::all().including("shop"))).stream(None);
    let error = next_error(&mut batches).await;
    assert_eq!(
        error.to_string(),
        "not allowed to watch events in the namespace \"shop\": add the rule {apiGroups: [\"\"], resources: [\"events\"], \
         verbs: [\"list\", \"watch\"]} to the Role in the namespace \"shop\", or the ClusterRole, of this account (the \
         server says: events is forbidden: User \"nobody\" cannot watch resource \"events\" in API group \"\" in the \
         namespace \"shop\")"
    );
}

#[tokio::test]
async fn polling_asks_for_no_right_to_watch() {
    let server = ApiServer::start().await;
    server.deny("list", EVENTS);
    let polling = CollectorOptions { mode: Mode::Poll { interval: Duration::from_secs(1) }, ..options() };
    let error = next_error(&mut collector(&server, polling).stream(None)).await.to_string();
    assert!(
        error.contains("resources: [\"events\"], verbs: [\"list\"]} to the ClusterRole of this account"),
        "{error}"
    );
}

#[tokio::test]
async fn other_refusals_say_what_is_wrong_and_whether_to_look_after_them() {
    let server = ApiServer::start().await;
    let mut batches = collector(&server, options()).stream(None);
    for (code, message, label, needs_attention) in [
        (
            401,
            "the server does not accept our credentials (to list events): check the token or certificate of the client",
            "unauthorized",
            true,
        ),
        (404, "the server answered 404 NotFound (to list events): events \"\" not found", "request", true),
        (
            500,
            "the server answered 500 InternalError (to list events): Internal error occurred: etcdserver: request timed out",
            "server",
            false,
        ),
    ] {
        server.fail("list", EVENTS, 1, Fault::status(code));
        let error = next_error(&mut batches).await;
        assert_eq!(
            (error.to_string().as_str(), error.metric_label(), error.needs_attention()),
            (message, label, needs_attention)
        );
    }
    server.fail("list", EVENTS, 1, Fault::Reset);
    let error = next_error(&mut batches).await;
    assert_eq!(error.to_string(), "the connection to the server failed (to list events)");
    let bad = CollectorOptions { field_selector: Some("colour=red".to_owned()), ..options() };
    let error = next_error(&mut collector(&server, bad).stream(None)).await;
    assert_eq!(
        error.to_string(),
        "the server answered 400 BadRequest (to list events): field label not supported: colour"
    );
}

#[tokio::test]
async fn an_item_that_is_no_event_is_rejected_and_the_others_are_stored() {
    let server = ApiServer::start().await;
    write(&server, "default", "good");
    server.create(EVENTS, "default", json!({ "metadata": { "name": "bad" }, "count": "many" }));
    let mut batches = collector(&server, options()).stream(None);
    let mut store = Store::default();
    store.apply(next_batch(&mut batches).await);
    assert_eq!((store.names(), store.rejected.len()), (vec!["good"], 1));
    assert!(store.rejected[0].reason.starts_with("invalid type: string \"many\", expected i64"));
    assert!(store.rejected[0].sample.contains("\"name\":\"bad\""));

    let write_later = async {
        sleep(Duration::from_millis(50)).await;
        server.create(EVENTS, "default", json!({ "metadata": { "name": "bad-later" }, "eventTime": "soon" }));
        write(&server, "default", "good-later");
    };
    let read = store_until(&mut store, &mut batches, |store| store.rows.len() == 2 && store.rejected.len() == 2);
    tokio::join!(read, write_later);
}

#[tokio::test]
async fn pages_too_large_to_hold_are_read_in_smaller_ones_and_lines_too_long_are_skipped() {
    let server = ApiServer::start().await;
    for number in 0..8 {
        let event = json!({ "metadata": { "name": format!("long-{number}") }, "message": "m".repeat(9000) });
        server.create(EVENTS, "default", event);
    }
    let options = CollectorOptions { max_response_bytes: 30_000, ..options() };
    let mut batches = collector(&server, options).stream(None);
    assert_eq!(
        next_error(&mut batches).await.to_string(),
        "a page of 500 events is larger than 30000 bytes (max_response_bytes): asking for fewer"
    );
    let mut store = Store::default();
    store_until(&mut store, &mut batches, |store| store.rows.len() == 8).await;
    let message = &store.named("long-7").expect("stored").message;
    assert!(message.len() <= 8192 && message.ends_with("m… [9000 bytes]"), "{}", &message[8100..]);

    let write_later = async {
        sleep(Duration::from_millis(50)).await;
        server.create(EVENTS, "default", json!({ "metadata": { "name": "endless" }, "message": "m".repeat(100_000) }));
        write(&server, "default", "short");
    };
    let read = store_until(&mut store, &mut batches, |store| store.named("short").is_some());
    tokio::join!(read, write_later);
    assert_eq!(store.rejected.len(), 1);
    assert!(store.rejected[0].reason.ends_with("is more than max_response_bytes"), "{:?}", store.rejected);
}
