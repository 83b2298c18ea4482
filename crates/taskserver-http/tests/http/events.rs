//! The stream of events.

use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::{Request, StatusCode};
use serde_json::{Value, json};
use taskserver_core::{Access, Event, EventKind, Method, Record};
use taskserver_http::HttpOptions;

use crate::platform::{app, authenticator, call, jwt_verifier, platform_options, start_platform};
use crate::support::{Running, request, soon, start_app};

/// A stream of events that is being read.
struct Stream {
    body: Incoming,
    unread: String,
}

/// One message of a stream.
#[derive(Debug)]
struct Message {
    id: String,
    event: String,
    data: Value,
}

impl Stream {
    async fn open(server: &Running, request: Request<Full<Bytes>>) -> Self {
        let response = server.http1_head(request).await;
        assert_eq!(response.status(), StatusCode::OK);
        assert_eq!(response.headers()["content-type"], "text/event-stream");
        let mut stream = Self { body: response.into_body(), unread: String::new() };
        assert_eq!(stream.block().await.unwrap(), "retry: 3000");
        stream
    }

    /// What comes before the next empty line; `None` at the end.
    async fn block(&mut self) -> Option<String> {
        loop {
            if let Some((block, rest)) = self.unread.split_once("\n\n") {
                let (block, rest) = (block.to_owned(), rest.to_owned());
                self.unread = rest;
                return Some(block);
            }
            let frame = soon(self.body.frame()).await?.ok()?;
            self.unread += std::str::from_utf8(frame.data_ref()?).unwrap();
        }
    }

    async fn next(&mut self) -> Option<Message> {
        let block = self.block().await?;
        let line = |name: &str| {
            let prefix = format!("{name}: ");
            block.lines().find_map(|line| line.strip_prefix(&*prefix)).unwrap_or_else(|| panic!("{block}")).to_owned()
        };
        Some(Message { id: line("id"), event: line("event"), data: serde_json::from_str(&line("data")).unwrap() })
    }

    async fn next_id(&mut self) -> Value {
        self.next().await.unwrap().data["record"]["id"].clone()
    }
}

fn stream(query: &str) -> Request<Full<Bytes>> {
    call("GET", &format!("/api/events{query}"), "admin-key", None)
}

fn resumed(last_id: &str) -> Request<Full<Bytes>> {
    let mut request = stream("");
    request.headers_mut().insert("last-event-id", last_id.parse().unwrap());
    request
}

async fn create(server: &Running, service: &str, id: &str) {
    server.app.service(service).create(json!({"id": id, "count": 1})).await.unwrap();
}

async fn limited(options: HttpOptions) -> Running {
    start_app(options, app(), authenticator(jwt_verifier()).await).await
}

#[tokio::test]
async fn events_arrive_as_they_happen() {
    let server = start_platform().await;
    let mut events = Stream::open(&server, stream("")).await;
    create(&server, "location", "a").await;
    server.app.service("location").remove("a").await.unwrap();
    let created = events.next().await.unwrap();
    assert_eq!(created.event, "created");
    assert_eq!((&created.data["service"], &created.data["event"]), (&json!("location"), &json!("created")));
    assert_eq!((&created.data["record"]["id"], &created.data["record"]["count"]), (&json!("a"), &json!(1)));
    let removed = events.next().await.unwrap();
    assert_eq!(removed.event, "removed");
    assert_ne!(created.id, removed.id);
}

#[tokio::test]
async fn a_stream_can_be_kept_to_some_services_and_events() {
    let server = start_platform().await;
    let mut of_location = Stream::open(&server, stream("?service=location&event=removed&event=patched")).await;
    let mut of_both = Stream::open(&server, stream("?service=location&service=analytics&event=created")).await;
    create(&server, "analytics", "a").await;
    create(&server, "location", "b").await;
    server.app.service("location").patch("b", json!({"count": 2})).await.unwrap();
    assert_eq!(of_location.next().await.unwrap().event, "patched");
    assert_eq!((of_both.next_id().await, of_both.next_id().await), (json!("a"), json!("b")));
}

#[tokio::test]
async fn a_wrong_question_is_refused_with_its_reason() {
    let server = start_platform().await;
    for (query, message) in [
        ("?event=exploded", "`event` must be created, updated, patched or removed"),
        ("?services=a", "Invalid query parameter services"),
    ] {
        let reply = server.http1(stream(query)).await;
        assert_eq!((reply.status, &reply.json()["message"]), (StatusCode::BAD_REQUEST, &json!(message)));
    }
    let reply = server.ask("POST", "/api/events", None).await;
    assert_eq!((reply.status, reply.header("allow")), (StatusCode::METHOD_NOT_ALLOWED, Some("GET")));
}

#[tokio::test]
async fn nobody_gets_events_that_they_may_not_find() {
    let access = Access::new().require("location", [Method::Find], "static_resource:read").offer("analytics", []);
    let server = start_app(platform_options(), app().access(access), authenticator(jwt_verifier()).await).await;
    assert_eq!(server.http1(request("GET", "/api/events")).await.status, StatusCode::UNAUTHORIZED);
    let guest =
        async |query: &str| server.http1_head(call("GET", &format!("/api/events{query}"), "guest-key", None)).await;
    assert_eq!(guest("?service=analytics").await.status(), StatusCode::FORBIDDEN);
    assert_eq!(guest("?service=location&service=user").await.status(), StatusCode::FORBIDDEN);
    assert_eq!(server.http1(stream("?service=analytics")).await.status, StatusCode::METHOD_NOT_ALLOWED);
    assert_eq!(server.http1(stream("?service=location")).await.status, StatusCode::FORBIDDEN);
    assert_eq!(server.http1(stream("")).await.status, StatusCode::FORBIDDEN);

    let mut events = Stream::open(&server, call("GET", "/api/events", "guest-key", None)).await;
    create(&server, "analytics", "hidden").await;
    let elsewhere = Event::from_elsewhere("user".into(), EventKind::Created, Record::new());
    server.app.events().publish(elsewhere);
    create(&server, "location", "seen").await;
    assert_eq!(events.next_id().await, "seen");
}

#[tokio::test]
async fn a_client_that_comes_back_goes_on_where_it_was() {
    let server = start_platform().await;
    let mut events = Stream::open(&server, stream("")).await;
    for id in ["a", "b", "c"] {
        create(&server, "location", id).await;
    }
    let first = events.next().await.unwrap();
    drop(events);
    let mut events = Stream::open(&server, resumed(&first.id)).await;
    create(&server, "location", "d").await;
    for id in ["b", "c", "d"] {
        assert_eq!(events.next_id().await, id);
    }
}

#[tokio::test]
async fn a_client_that_comes_back_too_late_is_told_what_it_has_missed() {
    let server = limited(HttpOptions { event_log_size: 2, ..platform_options() }).await;
    let mut events = Stream::open(&server, stream("")).await;
    create(&server, "location", "a").await;
    let first = events.next().await.unwrap();
    drop(events);
    let mut watching = Stream::open(&server, stream("?event=created")).await;
    for id in ["b", "c", "d", "e"] {
        create(&server, "location", id).await;
        assert_eq!(watching.next_id().await, id);
    }
    let mut events = Stream::open(&server, resumed(&first.id)).await;
    let lagged = events.next().await.unwrap();
    assert_eq!((&*lagged.event, lagged.data), ("lagged", json!({"missed": 2})));
    assert_eq!((events.next_id().await, events.next_id().await), (json!("d"), json!("e")));

    // The id is another replica's, or from before a restart.
    let mut events = Stream::open(&server, resumed("0badcafe-7")).await;
    let lagged = events.next().await.unwrap();
    assert_eq!((&*lagged.event, lagged.data), ("lagged", json!({"missed": null})));
    create(&server, "location", "f").await;
    assert_eq!(events.next_id().await, "f");
}

#[tokio::test]
async fn only_so_many_streams_are_open_at_once() {
    let server = limited(HttpOptions { max_event_streams: 1, ..platform_options() }).await;
    let first = Stream::open(&server, stream("")).await;
    let reply = server.http1(stream("")).await;
    assert_eq!(reply.status, StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(reply.json()["message"], "Too many streams of events are open; try again later");
    drop(first);
    soon(async {
        while server.http1_head(stream("")).await.status() != StatusCode::OK {
            tokio::task::yield_now().await;
        }
    })
    .await;
}

#[tokio::test]
async fn a_stream_is_not_idle_and_ends_after_its_time() {
    let age = Duration::from_millis(900);
    let options = HttpOptions { idle_timeout: age / 3, max_event_stream_age: age, ..platform_options() };
    let server = limited(options).await;
    let begun = std::time::Instant::now();
    let mut events = Stream::open(&server, stream("")).await;
    assert!(events.next().await.is_none());
    assert!(begun.elapsed() >= age);
}

#[tokio::test]
async fn a_stream_ends_with_its_server() {
    let server = start_platform().await;
    let mut events = Stream::open(&server, stream("")).await;
    server.end.cancel();
    assert!(events.next().await.is_none());
    soon(server.serving).await.unwrap();
}
