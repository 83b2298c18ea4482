//! Receivers over HTTP: what they are sent, and what is said of those which do not take it.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails; clippy.toml excepts only the test functions")]

mod common;

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use taskserver_alerts::{
    Alert, AlertDelivery, AlertRecord, Alertmanager, Content, Delivery, DeliveryError, DeliveryOptions, Endpoint,
    Level, Receiver, ReportRecord, Route, SigningSecret, Webhook,
};
use taskserver_core::App;
use taskserver_tests::http::Sink;
use taskserver_tests::{TestDatabase, servers};

use common::{Producer, key, noon, store, until};

const TIMEOUT: Duration = Duration::from_secs(10);

fn endpoint(url: &str) -> Endpoint {
    Endpoint::new(&url.to_owned().into(), None, TIMEOUT).unwrap()
}

fn alert(state: &str) -> Delivery {
    let alert = AlertRecord {
        id: "id".into(),
        source: "kubernetes-events".into(),
        rule: "oom".into(),
        group: "Node//a".into(),
        cluster: Some("default".into()),
        namespace: None,
        level: Level::Critical,
        title: "Out of memory on Node a".into(),
        message: "Killed process 31".into(),
        state: state.into(),
        first_seen: noon(),
        last_seen: noon() + SignedDuration::from_secs(90),
        events: 7,
        resolved_at: (state == "resolved").then(|| noon() + SignedDuration::from_hours(1)),
    };
    Delivery { id: "delivery-1".into(), content: Content::Alert(alert) }
}

#[tokio::test]
async fn a_webhook_gets_json_that_chats_can_show_with_headers_and_a_signature() {
    let sink = Sink::start();
    let endpoint = endpoint(&sink.url().replace("http://", "http://us%65r:pass@"));
    let endpoint = endpoint.header("x-team", &"infra".to_owned().into()).unwrap();
    let secret = SigningSecret::new(&"whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw".to_owned().into()).unwrap();
    let webhook = Webhook::new(endpoint).signed(secret);
    webhook.deliver(&alert("firing"), noon()).await.unwrap();
    let report = ReportRecord {
        id: "report".into(),
        source: "daily-report".into(),
        name: "2026-11-24".into(),
        title: "The day".into(),
        markdown: "**All** is well.".into(),
        data: json!({"users": 3}),
        created_at: noon(),
    };
    webhook.deliver(&Delivery { id: "delivery-2".into(), content: Content::Report(report) }, noon()).await.unwrap();
    let requests = sink.wait_for(2);
    assert_eq!(requests[0].line, "POST /");
    let headers = ["content-type", "x-team", "authorization", "webhook-id", "webhook-timestamp", "user-agent"];
    assert_eq!(
        headers.map(|name| requests[0].header(name).unwrap()),
        [
            "application/json",
            "infra",
            "Basic dXNlcjpwYXNz",
            "delivery-1",
            "1795521600",
            concat!("taskserver/", env!("CARGO_PKG_VERSION"))
        ]
    );
    assert!(requests[0].header("webhook-signature").unwrap().starts_with("v1,"));
    assert_eq!(
        serde_json::from_str::<Value>(&requests[0].body).unwrap(),
        json!({
            "text": "[firing] critical: Out of memory on Node a\nKilled process 31",
            "type": "alert.firing",
            "alert": {
                "id": "id", "source": "kubernetes-events", "rule": "oom", "group": "Node//a", "cluster": "default",
                "namespace": null, "level": "critical", "title": "Out of memory on Node a", "message": "Killed process 31",
                "state": "firing", "firstSeen": "2026-11-24T12:00:00.000Z", "lastSeen": "2026-11-24T12:01:30.000Z",
                "events": 7, "resolvedAt": null
            }
        })
    );
    assert_eq!(
        serde_json::from_str::<Value>(&requests[1].body).unwrap(),
        json!({
            "text": "The day\n**All** is well.",
            "type": "report",
            "report": {
                "id": "report", "source": "daily-report", "name": "2026-11-24", "title": "The day",
                "markdown": "**All** is well.", "data": {"users": 3}, "createdAt": "2026-11-24T12:00:00.000Z"
            }
        })
    );
}

#[tokio::test]
async fn what_a_receiver_answers_is_told_without_its_secrets() {
    let sink = Sink::start();
    let url = sink.url();
    let webhook = Webhook::new(endpoint(&format!("{url}/hunter2?token=hunter2")));
    let unavailable = |reason: String, seconds: Option<u64>| DeliveryError::Unavailable {
        reason: format!("cannot deliver to {url}: {reason}"),
        retry_after: seconds.map(Duration::from_secs),
    };
    for (status, headers, body, expected) in [
        (
            "503 Service Unavailable",
            "retry-after: 120\r\n",
            "come\n back later",
            unavailable("it answers 503 Service Unavailable: come back later".into(), Some(120)),
        ),
        ("404 Not Found", "", "", unavailable("it answers 404 Not Found".into(), None)),
        (
            "302 Found",
            "location: http://127.0.0.1:1/hunter2\r\n",
            "",
            unavailable("it answers 302 Found, and redirects are not followed: set the URL that it names".into(), None),
        ),
        (
            "400 Bad Request",
            "",
            "invalid_payload",
            DeliveryError::Rejected(format!("cannot deliver to {url}: it answers 400 Bad Request: invalid_payload")),
        ),
    ] {
        sink.answer(status, headers, body);
        assert_eq!(webhook.deliver(&alert("firing"), noon()).await, Err(expected));
    }
    // Far more than anybody reads.
    sink.answer("500 Internal Server Error", "", &"x".repeat(10_000_000));
    assert_eq!(
        webhook.deliver(&alert("firing"), noon()).await,
        Err(unavailable("it answers 500 Internal Server Error".into(), None))
    );
}

#[tokio::test]
async fn a_receiver_that_is_not_there_or_says_nothing_is_told_as_such() {
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", silent.local_addr().unwrap());
    let endpoint = Endpoint::new(&url.clone().into(), None, Duration::from_millis(50)).unwrap();
    let error = Webhook::new(endpoint).deliver(&alert("firing"), noon()).await.unwrap_err();
    assert_eq!(error.to_string(), format!("cannot deliver to {url}: no answer within 50ms"));
    drop(silent);
    let error = Webhook::new(self::endpoint(&url)).deliver(&alert("firing"), noon()).await.unwrap_err().to_string();
    assert!(error.starts_with(&format!("cannot deliver to {url}: ")) && error.contains("onnection refused"), "{error}");
}

#[test]
fn what_makes_no_endpoint_is_told_without_its_secrets() {
    let message = |url: &str| Endpoint::new(&url.to_owned().into(), None, TIMEOUT).err().unwrap().to_string();
    assert_eq!(message("ftp://hunter2@host"), "the URL is wrong: expected http://… or https://…");
    assert_eq!(message("https://"), "the URL is wrong: empty host");
    let header = |name: &str, value: &str| {
        endpoint("http://host").header(name, &value.to_owned().into()).err().unwrap().to_string()
    };
    assert_eq!(
        header("authorization", "hunter2\n"),
        "the header `authorization` is wrong: its value has a character that no header can have, such as a line break"
    );
    assert_eq!(header("a b", "hunter2"), "the header `a b` is wrong: invalid HTTP header name");
}

/// What an Alertmanager has: the rule, the level, the group and the summary of each alert.
fn alerts_of(url: &str) -> Vec<Value> {
    let (status, body) = taskserver_tests::http::get(&format!("{url}/api/v2/alerts?active=true")).unwrap();
    assert_eq!(status, 200, "{body}");
    serde_json::from_str(&body).unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_alertmanager_has_what_is_firing_until_it_is_resolved_also_after_it_was_down() {
    let Some(mut alertmanager) = servers::alertmanager::start() else { return };
    let url = alertmanager.url().to_owned();
    let database = TestDatabase::sqlite();
    let store = store(&database).await;
    let options = DeliveryOptions {
        min_backoff: Duration::from_millis(20),
        max_backoff: Duration::from_millis(100),
        poll_every: Duration::from_millis(10),
        ..DeliveryOptions::default()
    };
    let mut delivery = AlertDelivery::new(&store, options);
    delivery.add(Route::all("alertmanager"), Alertmanager::new(endpoint(&url), Duration::from_secs(1)));
    let producer = Producer { store: store.clone(), alerts: delivery.alerts() };
    let app = App::builder().build().unwrap();
    delivery.start(&app);

    let now = Timestamp::now();
    let of = |group: &str| Alert { namespace: Some("ir".into()), ..Alert::new(key(group), "It fails", now) };
    producer.raise(&[of("a").message("why"), of("b")], now).await;
    until("it has both", async || alerts_of(&url).len() == 2).await;
    let alert = alerts_of(&url).into_iter().find(|alert| alert["labels"]["group"] == "a").unwrap();
    assert_eq!(
        (&alert["labels"], &alert["annotations"], alert["startsAt"].as_str().unwrap().parse::<Timestamp>().unwrap()),
        (
            &json!({"alertname": "rule", "severity": "warning", "source": "test", "group": "a", "namespace": "ir"}),
            &json!({"summary": "It fails", "description": "why"}),
            // To the millisecond, as Alertmanager shows it.
            Timestamp::from_millisecond(now.as_millisecond()).unwrap(),
        )
    );
    producer.resolve(&key("a"), Timestamp::now()).await;
    until("it has one", async || alerts_of(&url).len() == 1).await;

    // One that has forgotten everything is reminded; and is told what came about while it was down.
    alertmanager.kill();
    producer.raise(&[of("c")], Timestamp::now()).await;
    alertmanager.start_again();
    until("it has what is firing", async || {
        let mut groups: Vec<String> =
            alerts_of(&url).iter().map(|alert| alert["labels"]["group"].to_string()).collect();
        groups.sort();
        groups == ["\"b\"", "\"c\""]
    })
    .await;
    // Longer than it would take them for firing without being reminded.
    tokio::time::sleep(Duration::from_secs(5)).await;
    assert_eq!(alerts_of(&url).len(), 2);
    for group in ["b", "c"] {
        producer.resolve(&key(group), Timestamp::now()).await;
    }
    until("it has none", async || alerts_of(&url).is_empty()).await;
    app.stop(TIMEOUT).await;
}
