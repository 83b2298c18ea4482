//! The platform's own packages at the other end: a Feathers app with `feathers-sync`.

use serde_json::{Value, json};
use taskserver_core::EventKind;
use taskserver_redis::FeathersSyncOptions;
use taskserver_tests::servers::redis;

use super::fixture::{PATIENCE, app, connect};
use super::node;

#[tokio::test]
async fn a_feathers_app_receives_every_row_as_if_node_had_sent_it() {
    let Some(server) = redis::start() else { return };
    let Some(mut peer) = node::start("peer.mjs", &[server.url()]) else { return };
    assert_eq!(peer.line().await, Some(json!({"ready": true})));
    let app = app();
    let _sync = connect(&app, server.url(), FeathersSyncOptions::default()).await;

    let mut rows = Vec::new();
    for count in 0..600 {
        let data =
            json!({"type": "activeChannels é 🎉 \u{2028}", "count": count, "createdAt": "2026-11-24T01:34:02.000Z"});
        rows.push(Value::Object(app.service("analytics").create(data).await.unwrap()));
    }
    for row in rows {
        let context = json!({"method": "create", "params": {}, "result": row});
        let expected = json!({"path": "analytics", "event": "created", "data": row, "context": context});
        assert_eq!(peer.line().await, Some(expected));
    }
    app.service("analytics").create(json!({"id": "a", "type": "x"})).await.unwrap();
    let row = app.service("analytics").remove("a").await.unwrap();
    assert_eq!(peer.line().await.unwrap()["event"], "created");
    let context = json!({"method": "remove", "id": "a", "params": {}, "result": row});
    let expected = json!({"path": "analytics", "event": "removed", "data": row, "context": context});
    assert_eq!(peer.line().await, Some(expected));
    assert!(peer.finish().await);
}

#[tokio::test]
async fn the_events_of_a_feathers_app_reach_our_subscribers() {
    let Some(server) = redis::start() else { return };
    let Some(mut peer) = node::start("peer.mjs", &[server.url()]) else { return };
    assert_eq!(peer.line().await, Some(json!({"ready": true})));
    let app = app();
    let _sync = connect(&app, server.url(), FeathersSyncOptions::default()).await;
    let mut users = app.events().subscribe().of_service("user");

    let ada = json!({"id": "u", "name": "Ada", "nested": {"name": "Ada", "tags": ["a", null, 1.5]}});
    for (method, args, kind, record) in [
        ("create", json!([ada, {"query": {"name": "Ada"}}]), EventKind::Created, ada.clone()),
        ("update", json!(["u", {"name": "Ada L."}]), EventKind::Updated, json!({"id": "u", "name": "Ada L."})),
        ("patch", json!(["u", {"name": null}]), EventKind::Patched, json!({"id": "u", "name": null})),
        ("remove", json!(["u"]), EventKind::Removed, json!({"id": "u"})),
    ] {
        peer.send(&json!({"path": "user", "method": method, "args": args})).await;
        let event = tokio::time::timeout(PATIENCE, users.next()).await.expect("an event").unwrap().unwrap();
        assert!(event.from_elsewhere);
        assert_eq!((event.kind, Value::Object((*event.record).clone())), (kind, record));
    }
}
