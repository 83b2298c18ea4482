//! What is published and what is received.

use std::time::Duration;

use serde_json::{Value, json};
use taskserver_core::{Event, EventKind, Record, Subscription};
use taskserver_redis::FeathersSyncOptions;
use taskserver_tests::servers::redis;

use super::fixture::{PATIENCE, Wire, app, connect, create_analytics, dropped, eventually, metric};

fn record(value: Value) -> Record {
    value.as_object().unwrap().clone()
}

async fn next(subscription: &mut Subscription) -> Event {
    tokio::time::timeout(PATIENCE, subscription.next()).await.expect("an event").unwrap().unwrap()
}

#[tokio::test]
async fn every_write_to_a_published_service_is_told_and_no_other() {
    let Some(server) = redis::start() else { return };
    let (app, mut wire) = (app(), Wire::join(server.url()).await);
    let _sync = connect(&app, server.url(), FeathersSyncOptions::default()).await;

    app.service("user").create(json!({"id": "u"})).await.unwrap();
    let analytics = app.service("analytics");
    let at = "2026-11-24T01:34:02.000Z";
    analytics.create(json!({"id": "a", "type": "x", "count": 1, "createdAt": at})).await.unwrap();
    analytics.update("a", json!({"type": "y", "count": 2, "createdAt": at})).await.unwrap();
    analytics.patch("a", json!({"count": 3})).await.unwrap();
    analytics.remove("a").await.unwrap();

    for (event, method, kind, count) in [
        ("created", "create", "x", 1),
        ("updated", "update", "y", 2),
        ("patched", "patch", "y", 3),
        ("removed", "remove", "y", 3),
    ] {
        let message = wire.next().await;
        assert_eq!((&message["event"], &message["path"]), (&json!(event), &json!("analytics")));
        assert_eq!(message["data"], json!({"id": "a", "type": kind, "count": count, "createdAt": at}));
        assert_eq!(message["context"]["method"], method);
        assert_eq!(message["context"]["result"], message["data"]);
    }
    eventually("counted", || metric(&app, "redis_events_sent_total") == 4).await;
}

#[tokio::test]
async fn the_events_of_others_reach_subscribers_and_change_nothing() {
    let Some(server) = redis::start() else { return };
    let (app, mut wire) = (app(), Wire::join(server.url()).await);
    let _sync = connect(&app, server.url(), FeathersSyncOptions::default()).await;
    let mut users = app.events().subscribe().of_service("user");

    wire.publish_event("patched", "user", json!({"id": "u", "name": "Ada"})).await;
    let expected = Event::from_elsewhere("user".into(), EventKind::Patched, record(json!({"id": "u", "name": "Ada"})));
    assert_eq!(next(&mut users).await, expected);
    assert!(app.service("user").get("u").await.is_err());
    assert_eq!(metric(&app, "redis_events_received_total"), 1);
}

#[tokio::test]
async fn the_events_of_others_are_not_published_again() {
    let Some(server) = redis::start() else { return };
    let (app, mut wire) = (app(), Wire::join(server.url()).await);
    let _sync = connect(&app, server.url(), FeathersSyncOptions::default()).await;
    let mut events = app.events().subscribe();
    wire.publish_event("created", "analytics", json!({"id": "theirs"})).await;
    assert_eq!(next(&mut events).await.record["id"], "theirs");
    app.service("analytics").create(json!({"id": "ours", "type": "x"})).await.unwrap();
    assert_eq!(wire.next().await["data"]["id"], "theirs");
    assert_eq!(wire.next().await["data"]["id"], "ours");
}

#[tokio::test]
async fn an_event_of_our_own_that_comes_back_is_not_delivered_again() {
    let Some(server) = redis::start() else { return };
    let (app, mut wire) = (app(), Wire::join(server.url()).await);
    let _sync = connect(&app, server.url(), FeathersSyncOptions::default()).await;
    let mut events = app.events().subscribe();

    create_analytics(&app, 1).await;
    assert!(!next(&mut events).await.from_elsewhere);
    // Redis has sent it to all subscribers, and so to us, before what comes after it.
    assert_eq!(wire.next().await["event"], "created");
    wire.publish_event("created", "user", json!({"id": "u"})).await;
    assert_eq!(&*next(&mut events).await.service, "user");
}

#[tokio::test]
async fn replicas_hear_each_other() {
    let Some(server) = redis::start() else { return };
    let (one, other) = (app(), app());
    let _syncs = [
        connect(&one, server.url(), FeathersSyncOptions::default()).await,
        connect(&other, server.url(), FeathersSyncOptions::default()).await,
    ];
    let mut heard = other.events().subscribe();
    create_analytics(&one, 7).await;
    let event = next(&mut heard).await;
    assert!(event.from_elsewhere);
    assert_eq!(event.record["count"], 7);
}

#[tokio::test]
async fn malformed_and_foreign_messages_are_counted_and_dropped() {
    let Some(server) = redis::start() else { return };
    let (app, mut wire) = (app(), Wire::join(server.url()).await);
    let options = FeathersSyncOptions { max_message_bytes: 1000, ..FeathersSyncOptions::default() };
    let _sync = connect(&app, server.url(), options).await;
    let mut events = app.events().subscribe();

    for malformed in [&b""[..], b"\xff\x00", b"[]", b"{}", b"[{\"event\":\"1\"}]"] {
        wire.publish(malformed).await;
    }
    wire.publish_event("created", "user", json!("no object")).await;
    wire.publish_event("created", "avatar", json!({})).await;
    wire.publish_event("spoken", "user", json!({})).await;
    wire.publish_event("created", "user", json!({"id": "u", "name": "x".repeat(1000)})).await;
    wire.publish_event("created", "user", json!({"id": "good"})).await;

    assert_eq!(next(&mut events).await.record["id"], "good");
    assert_eq!(dropped(&app, "in", "malformed"), 6);
    assert_eq!(dropped(&app, "in", "foreign"), 2);
    assert_eq!(dropped(&app, "in", "too_large"), 1);
}

#[tokio::test]
async fn a_service_that_only_the_platform_has_can_be_listened_to() {
    let Some(server) = redis::start() else { return };
    let (app, mut wire) = (app(), Wire::join(server.url()).await);
    let options =
        FeathersSyncOptions { receive: ["engine-setting".to_owned()].into(), ..FeathersSyncOptions::default() };
    let _sync = connect(&app, server.url(), options).await;
    let mut settings = app.events().subscribe().of_service("engine-setting").of_kind(EventKind::Patched);
    wire.publish_event("patched", "engine-setting", json!({"key": "port"})).await;
    assert_eq!(next(&mut settings).await.record["key"], "port");
}

#[tokio::test]
async fn an_event_that_is_too_large_is_counted_and_dropped() {
    let Some(server) = redis::start() else { return };
    let (app, mut wire) = (app(), Wire::join(server.url()).await);
    let options = FeathersSyncOptions { max_message_bytes: 500, ..FeathersSyncOptions::default() };
    let _sync = connect(&app, server.url(), options).await;
    app.service("analytics").create(json!({"type": "x".repeat(255)})).await.unwrap();
    create_analytics(&app, 2).await;
    assert_eq!(wire.next().await["data"]["count"], 2);
    assert_eq!(dropped(&app, "out", "too_large"), 1);
}

#[tokio::test]
async fn stopping_sends_what_has_happened() {
    let Some(server) = redis::start() else { return };
    let (app, mut wire) = (app(), Wire::join(server.url()).await);
    let sync = connect(&app, server.url(), FeathersSyncOptions::default()).await;
    for count in 0..500 {
        create_analytics(&app, count).await;
    }
    sync.stop(PATIENCE).await;
    for count in 0..500 {
        assert_eq!(wire.next().await["data"]["count"], count);
    }
    assert_eq!(metric(&app, "redis_events_waiting"), 0);
}

#[tokio::test]
async fn stopping_without_redis_ends_and_counts_what_is_lost() {
    let Some(mut server) = redis::start() else { return };
    let app = app();
    let sync = connect(&app, server.url(), FeathersSyncOptions::default()).await;
    server.stop();
    for count in 0..3 {
        create_analytics(&app, count).await;
    }
    sync.stop(Duration::from_secs(1)).await;
    assert_eq!(dropped(&app, "out", "shutdown"), 3);
}
