//! The Kubernetes API stand-in, held against recordings of a real server (`data/kubernetes`).
//!
//! Where a recording exists, the stand-in is given the same objects at the same revisions and must answer the same. The
//! rest follows Kubernetes' sources, which the stand-in's code cites.

use std::fs;
use std::path::Path;
use std::time::Duration;

use http_body_util::{BodyExt as _, Full};
use hyper::body::{Bytes, Incoming};
use hyper::client::conn::http1;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use taskserver_tests::kubernetes::{ApiServer, ChangeKind, Fault, Resource};
use tokio::net::TcpStream;
use tokio::time::timeout;

fn recording(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("data/kubernetes").join(name);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn recorded_json(name: &str) -> Value {
    serde_json::from_str(&recording(name)).expect("a recording is JSON")
}

fn recorded_lines(name: &str) -> Vec<Value> {
    recording(name).lines().map(|line| serde_json::from_str(line).expect("a line is JSON")).collect()
}

fn revision(object: &Value) -> u64 {
    object["metadata"]["resourceVersion"].as_str().expect("a version").parse().expect("a number")
}

/// Writes an event so that it gets the revision that it has in the recording.
fn write(server: &ApiServer, event: &Value) {
    let text = |field: &str| event["metadata"][field].as_str().expect("a text");
    server.skip_to_revision(revision(event) - 1);
    let known = server.changes().into_iter().any(|change| change.object["metadata"]["uid"] == event["metadata"]["uid"]);
    if known {
        let mut patch = event.clone();
        patch["metadata"].as_object_mut().expect("an object").remove("resourceVersion");
        server.patch(Resource::Events, text("namespace"), text("name"), &patch);
    } else {
        server.create(Resource::Events, text("namespace"), event.clone());
    }
}

fn write_all<'a>(server: &ApiServer, events: impl IntoIterator<Item = &'a Value>) {
    let mut events: Vec<&Value> = events.into_iter().collect();
    events.sort_by_key(|event| revision(event));
    events.into_iter().for_each(|event| write(server, event));
}

/// A server as it was when the pages were recorded.
async fn server_of_the_pages() -> (ApiServer, [Value; 3]) {
    let server = ApiServer::start().await;
    let pages = [1, 2, 3].map(|page| recorded_json(&format!("k8s-events-page{page}.json")));
    write_all(&server, pages.iter().flat_map(|page| page["items"].as_array().expect("items")));
    server.skip_to_revision(662);
    (server, pages)
}

async fn send(server: &ApiServer, method: &str, path: &str, body: &Value) -> hyper::Result<Response<Incoming>> {
    let stream = TcpStream::connect(server.url().trim_start_matches("http://")).await.expect("the server listens");
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
    tokio::spawn(connection);
    let body = if body.is_null() { String::new() } else { body.to_string() };
    let request = Request::builder().method(method).uri(path).header("host", "kubernetes");
    sender.send_request(request.body(Full::new(Bytes::from(body))).expect("a request")).await
}

async fn call(server: &ApiServer, method: &str, path: &str, body: &Value) -> (u16, Value) {
    let response = send(server, method, path, body).await.expect("an answer");
    let code = response.status().as_u16();
    let text = response.into_body().collect().await.expect("a whole body").to_bytes();
    (code, serde_json::from_slice(&text).unwrap_or_else(|_| json!(String::from_utf8_lossy(&text))))
}

async fn get(server: &ApiServer, path: &str) -> (u16, Value) {
    call(server, "GET", path, &Value::Null).await
}

/// A watch, read line by line.
struct Lines {
    body: Incoming,
    buffer: Vec<u8>,
}

impl Lines {
    async fn open(server: &ApiServer, path: &str) -> Self {
        let response = send(server, "GET", path, &Value::Null).await.expect("an answer");
        assert_eq!(response.status(), 200);
        Self { body: response.into_body(), buffer: Vec::new() }
    }

    /// The next line; nothing at the end.
    async fn next(&mut self) -> Option<Value> {
        loop {
            if let Some(end) = self.buffer.iter().position(|byte| *byte == b'\n') {
                let line: Vec<u8> = self.buffer.drain(..=end).collect();
                return Some(serde_json::from_slice(&line).expect("a line is JSON"));
            }
            let frame = timeout(Duration::from_secs(10), self.body.frame()).await.expect("the watch goes on")?;
            self.buffer.extend(frame.expect("the watch does not break").into_data().expect("data"));
        }
    }

    async fn take(&mut self, count: usize) -> Vec<Value> {
        let mut lines = Vec::new();
        while lines.len() < count {
            lines.push(self.next().await.expect("another line"));
        }
        lines
    }
}

const EVENTS: &str = "/api/v1/events";

#[tokio::test]
async fn the_pages_of_a_list_are_those_of_the_recording() {
    let (server, pages) = server_of_the_pages().await;
    let mut token = String::new();
    for page in pages {
        // What is written meanwhile does not show on a page of an older list.
        server.create(Resource::Events, "default", json!({ "metadata": { "generateName": "later-" } }));
        server.skip_to_revision(662);
        let version = if token.is_empty() { "&resourceVersion=662&resourceVersionMatch=Exact" } else { "" };
        let (code, answer) = get(&server, &format!("{EVENTS}?limit=50&continue={token}{version}")).await;
        assert_eq!((code, &answer), (200, &page));
        token = page["metadata"]["continue"].as_str().unwrap_or_default().to_owned();
    }
    assert_eq!(token, "");
}

#[tokio::test]
async fn a_watch_from_nowhere_sends_the_lines_of_the_recording() {
    let server = ApiServer::start().await;
    let recorded = recorded_lines("k8s-events-watch.ndjson");
    let (initial, later) = recorded.split_at(3);
    write_all(&server, initial[..2].iter().map(|line| &line["object"]));
    server.skip_to_revision(267);
    let mut watch = Lines::open(&server, &format!("{EVENTS}?watch=true&allowWatchBookmarks=true")).await;
    assert_eq!(watch.take(3).await, initial);
    for line in later {
        write(&server, &line["object"]);
    }
    assert_eq!(watch.take(later.len()).await, later);
}

#[tokio::test]
async fn a_watch_from_a_revision_sends_what_was_written_after_it() {
    let server = ApiServer::start().await;
    let recorded = recorded_lines("k8s-events-watch.ndjson");
    write_all(&server, recorded.iter().filter(|line| line["type"] != "BOOKMARK").map(|line| &line["object"]));
    let mut watch = Lines::open(&server, &format!("{EVENTS}?watch=true&resourceVersion=600&timeoutSeconds=1")).await;
    let expected: Vec<&Value> =
        recorded.iter().filter(|line| line["type"] != "BOOKMARK" && revision(&line["object"]) > 600).collect();
    let sent = watch.take(expected.len()).await;
    assert_eq!(sent.iter().collect::<Vec<_>>(), expected);
    assert_eq!(watch.next().await, None, "the watch ends at its timeout");
}

#[tokio::test]
async fn a_streaming_list_sends_the_lines_of_the_recording() {
    let server = ApiServer::start().await;
    let recorded = recorded_lines("k8s-events-watchlist-warnings.ndjson");
    let events = recorded.iter().filter(|line| line["type"] == "ADDED").map(|line| &line["object"]);
    write_all(&server, events);
    server.create(Resource::Events, "default", json!({ "metadata": { "name": "a-normal-one" }, "type": "Normal" }));
    server.skip_to_revision(1226);
    let query = "watch=true&sendInitialEvents=true&resourceVersionMatch=NotOlderThan&allowWatchBookmarks=true\
                 &fieldSelector=type%3DWarning";
    let mut watch = Lines::open(&server, &format!("{EVENTS}?{query}")).await;
    assert_eq!(watch.take(recorded.len()).await, recorded);
}

#[tokio::test]
async fn a_deletion_is_sent_with_the_last_object_and_its_own_revision() {
    let server = ApiServer::start().await;
    let recorded = recorded_lines("k8s-watch-deleted.ndjson").remove(0);
    let mut event = recorded["object"].clone();
    event["metadata"]["resourceVersion"] = json!("700");
    write(&server, &event);
    server.skip_to_revision(1227);
    let mut watch = Lines::open(&server, &format!("{EVENTS}?watch=1&resourceVersion=1227")).await;
    server.delete(Resource::Events, "ir-engine", "batch-invalidator-29924733-4fphd.18ead72ac2cedfa8");
    assert_eq!(watch.next().await, Some(recorded));
}

#[tokio::test]
async fn a_watch_from_a_compacted_revision_gets_an_error_in_a_good_answer() {
    let (server, _) = server_of_the_pages().await;
    server.compact(650);
    let mut watch = Lines::open(&server, &format!("{EVENTS}?watch=true&resourceVersion=600")).await;
    assert_eq!(watch.next().await, Some(recorded_lines("k8s-watch-error-410.ndjson").remove(0)));
    assert_eq!(watch.next().await, None);
    // etcd compares the revision that follows with the compacted one.
    let mut watch = Lines::open(&server, &format!("{EVENTS}?watch=true&resourceVersion=649&timeoutSeconds=1")).await;
    assert!(revision(&watch.next().await.expect("a line")["object"]) > 649);
}

#[tokio::test]
async fn an_expired_continuation_is_answered_with_a_fresh_one_for_an_inconsistent_rest() {
    let (server, pages) = server_of_the_pages().await;
    server.create(Resource::Events, "zz", json!({ "metadata": { "name": "written-after-the-first-page" } }));
    server.skip_to_revision(700);
    server.compact(690);
    let token = pages[0]["metadata"]["continue"].as_str().expect("a token");
    let (code, answer) = get(&server, &format!("{EVENTS}?limit=50&continue={token}")).await;
    assert_eq!((code, &answer), (410, &recorded_json("k8s-error-410-expired-continue.json")));

    let fresh = answer["metadata"]["continue"].as_str().expect("a fresh token");
    let (code, rest) = get(&server, &format!("{EVENTS}?limit=500&continue={fresh}")).await;
    assert_eq!((code, &rest["metadata"]), (200, &json!({ "resourceVersion": "700" })));
    assert_eq!(rest["items"].as_array().expect("items").len(), 70);
}

#[tokio::test]
async fn errors_are_worded_as_recorded() {
    let server = ApiServer::start().await;
    server.skip_to_revision(681);
    let path = "/api/v1/namespaces/ir-engine/events";
    server.fail("list", Resource::Events, 1, Fault::status(401));
    assert_eq!(get(&server, path).await, (401, recorded_json("k8s-error-401.json")));
    server.deny("list", Resource::Events);
    assert_eq!(get(&server, path).await, (403, recorded_json("k8s-error-403.json")));
    server.allow_everything();
    let future = format!("{EVENTS}?resourceVersion=99999999&resourceVersionMatch=NotOlderThan");
    assert_eq!(get(&server, &future).await, (504, recorded_json("k8s-error-504-future-rv.json")));
}

/// The recording's sections: a title, an object, and the code.
fn recorded_lease_answers() -> Vec<(String, u16, Value)> {
    let text = recording("k8s-lease.txt");
    let sections = text.split("## ").filter(|section| !section.trim().is_empty());
    sections
        .map(|section| {
            let (title, rest) = section.split_once('\n').expect("a title");
            let (object, code) = rest.trim_end().rsplit_once("\nHTTP ").expect("a code");
            (title.to_owned(), code.parse().expect("a number"), serde_json::from_str(object).expect("an object"))
        })
        .collect()
}

/// What cannot be the same in two runs.
fn without_volatile(mut object: Value) -> Value {
    if let Some(metadata) = object["metadata"].as_object_mut() {
        for field in ["uid", "resourceVersion", "creationTimestamp", "managedFields"] {
            metadata.remove(field);
        }
    }
    object
}

#[tokio::test]
async fn a_lease_is_created_replaced_and_refused_as_recorded() {
    let server = ApiServer::start().await;
    let recorded = recorded_lease_answers();
    let leases = "/apis/coordination.k8s.io/v1/namespaces/ir-engine/leases";
    let taskserver = format!("{leases}/taskserver");
    let mut lease = recorded[0].2.clone();
    lease["metadata"] = json!({ "name": "taskserver", "namespace": "ir-engine" });

    let mut answers = Vec::new();
    answers.push(call(&server, "POST", leases, &lease).await);
    answers.push(call(&server, "POST", leases, &lease).await);
    let stale = answers[0].1.clone();
    let mut second = stale.clone();
    second["spec"]["holderIdentity"] = json!("b");
    answers.push(call(&server, "PUT", &taskserver, &second).await);
    answers.push(call(&server, "PUT", &taskserver, &stale).await);
    answers.push(get(&server, &format!("{leases}/nothing")).await);

    assert_eq!(answers.len(), recorded.len());
    for ((code, object), (title, recorded_code, recorded_object)) in answers.into_iter().zip(recorded) {
        assert_eq!(code, recorded_code, "{title}");
        assert_eq!(without_volatile(object), without_volatile(recorded_object), "{title}");
    }
    second["metadata"]["resourceVersion"] = Value::Null;
    assert_eq!(call(&server, "PUT", &taskserver, &second).await.0, 422, "a lease is not replaced unconditionally");
}

#[tokio::test]
async fn a_list_at_an_exact_revision_shows_the_past_until_it_is_compacted() {
    let server = ApiServer::start().await;
    server.create(Resource::Events, "default", json!({ "metadata": { "name": "a" }, "count": 1 }));
    server.patch(Resource::Events, "default", "a", &json!({ "count": 2 }));
    server.delete(Resource::Events, "default", "a");
    let counts = async |query: &str| {
        let (code, list) = get(&server, &format!("{EVENTS}?{query}")).await;
        let items = list["items"].as_array().cloned().unwrap_or_default();
        (
            code,
            list["metadata"]["resourceVersion"].clone(),
            items.iter().map(|it| it["count"].clone()).collect::<Vec<_>>(),
        )
    };
    assert_eq!(counts("resourceVersion=2&resourceVersionMatch=Exact").await, (200, json!("2"), vec![json!(1)]));
    assert_eq!(counts("resourceVersion=3&limit=5").await, (200, json!("3"), vec![json!(2)]), "a limit makes it exact");
    assert_eq!(counts("resourceVersion=2").await, (200, json!("4"), vec![]), "not older than");
    assert_eq!(counts("resourceVersion=0").await, (200, json!("4"), vec![]), "any");
    assert_eq!(counts("").await, (200, json!("4"), vec![]), "the most recent");
    server.compact(3);
    let (code, status) = get(&server, &format!("{EVENTS}?resourceVersion=2&resourceVersionMatch=Exact")).await;
    assert_eq!((code, &status["reason"]), (410, &json!("Expired")));
    assert_eq!(status["message"], "The resourceVersion for the provided list is too old.");
    assert_eq!(counts("resourceVersion=3&resourceVersionMatch=Exact").await.0, 200);
}

#[tokio::test]
async fn selectors_choose_and_an_object_that_begins_or_ends_to_match_is_added_or_deleted() {
    let server = ApiServer::start().await;
    let event = |name: &str, kind: &str| json!({ "metadata": { "name": name, "labels": { "app": name } }, "type": kind, "reportingComponent": "kubelet" });
    server.create(Resource::Events, "a", event("one", "Warning"));
    server.create(Resource::Events, "b", event("two", "Normal"));
    let names = async |path: &str| {
        let (code, list) = get(&server, path).await;
        let items = list["items"].as_array().cloned().unwrap_or_default();
        (code, items.iter().map(|it| it["metadata"]["name"].clone()).collect::<Vec<_>>())
    };
    assert_eq!(names("/api/v1/events?fieldSelector=type%3DWarning").await, (200, vec![json!("one")]));
    assert_eq!(names("/api/v1/events?fieldSelector=metadata.namespace!%3Da,source%3D%3Dkubelet").await.1, ["two"]);
    assert_eq!(names("/api/v1/events?labelSelector=app%3Dtwo").await.1, ["two"]);
    assert_eq!(names("/api/v1/events?labelSelector=!app").await.1, [Value::Null; 0]);
    assert_eq!(names("/api/v1/namespaces/a/events").await.1, ["one"]);
    let (code, status) = get(&server, "/api/v1/events?fieldSelector=colour%3Dred").await;
    assert_eq!((code, &status["message"]), (400, &json!("field label not supported: colour")));

    let mut watch = Lines::open(&server, "/api/v1/events?watch=1&resourceVersion=3&fieldSelector=type%3DWarning").await;
    server.patch(Resource::Events, "a", "one", &json!({ "type": "Normal" }));
    server.patch(Resource::Events, "b", "two", &json!({ "type": "Warning" }));
    let seen: Vec<Value> = watch.take(2).await;
    let seen: Vec<_> = seen.iter().map(|it| (&it["type"], &it["object"]["type"], revision(&it["object"]))).collect();
    assert_eq!(seen, [(&json!("DELETED"), &json!("Warning"), 4), (&json!("ADDED"), &json!("Warning"), 5)]);
}

/// The fields are those of ToSelectableFields in pkg/registry/core/event/strategy.go.
#[tokio::test]
async fn events_are_selected_by_each_field_and_by_labels_as_the_api_machinery_does_it() {
    let server = ApiServer::start().await;
    let event = |name: &str, label: &str, component: &str| {
        json!({
            "metadata": { "name": name, "labels": { "team": label } }, "type": "Warning", "reason": name,
            "involvedObject": {
                "kind": "Pod", "namespace": "a", "name": format!("pod-{name}"), "uid": format!("uid-{name}"),
                "apiVersion": "v1", "resourceVersion": "7", "fieldPath": format!("spec.containers{{{name}}}"),
            },
            "source": { "component": component }, "reportingComponent": format!("reporting-{name}"),
        })
    };
    server.create(Resource::Events, "a", event("one", "x", "kubelet"));
    server.create(Resource::Events, "a", event("two", "y", ""));
    server.create(Resource::Events, "b", json!({ "metadata": { "name": "three,=\\" }, "type": "Normal" }));
    let all = ["one", "two", "three,=\\"];
    for (selector, expected) in [
        ("fieldSelector=", &all[..]),
        ("fieldSelector=metadata.name=one", &["one"]),
        ("fieldSelector=metadata.namespace=b", &["three,=\\"]),
        ("fieldSelector=involvedObject.kind=Pod,involvedObject.namespace=a", &["one", "two"]),
        ("fieldSelector=involvedObject.name=pod-two", &["two"]),
        ("fieldSelector=involvedObject.uid=uid-one", &["one"]),
        ("fieldSelector=involvedObject.apiVersion=v1,involvedObject.resourceVersion=7", &["one", "two"]),
        ("fieldSelector=involvedObject.fieldPath!=spec.containers{one}", &["two", "three,=\\"]),
        ("fieldSelector=reason==two", &["two"]),
        ("fieldSelector=type!=Warning", &["three,=\\"]),
        // The component of a source, or else the reporting one.
        ("fieldSelector=source=kubelet", &["one"]),
        ("fieldSelector=source=reporting-two", &["two"]),
        ("fieldSelector=reportingComponent=reporting-one", &["one"]),
        // What an event does not have is empty.
        ("fieldSelector=involvedObject.kind=", &["three,=\\"]),
        ("fieldSelector=metadata.name=three\\,\\=\\\\,type=Normal", &["three,=\\"]),
        ("labelSelector=team", &["one", "two"]),
        ("labelSelector=!team", &["three,=\\"]),
        ("labelSelector=team in (x, z)", &["one"]),
        ("labelSelector=team notin (x,z),team!=z", &["two", "three,=\\"]),
        ("labelSelector=team=y&fieldSelector=reason=two", &["two"]),
    ] {
        let encoded = selector.replace(' ', "%20").replace('\\', "%5C").replace('{', "%7B").replace('}', "%7D");
        let (code, list) = get(&server, &format!("/api/v1/events?{encoded}")).await;
        assert_eq!(code, 200, "{selector}: {list}");
        let names: Vec<_> = list["items"].as_array().expect("items").iter().map(|it| &it["metadata"]["name"]).collect();
        assert_eq!(names, expected.iter().collect::<Vec<_>>(), "{selector}");
    }
    let (code, status) = get(&server, "/api/v1/events?fieldSelector=type").await;
    assert_eq!((code, &status["message"]), (400, &json!("invalid selector: 'type'; can't understand 'type'")));
}

#[tokio::test(start_paused = true)]
async fn events_expire_after_their_time_to_live_which_an_update_renews() {
    let server = ApiServer::start().await;
    server.expire_events_after(Duration::from_secs(3600));
    server.create(Resource::Events, "default", json!({ "metadata": { "name": "a" } }));
    tokio::time::sleep(Duration::from_secs(3000)).await;
    server.patch(Resource::Events, "default", "a", &json!({ "count": 2 }));
    tokio::time::sleep(Duration::from_secs(3500)).await;
    assert_eq!(server.revision(), 3);
    tokio::time::sleep(Duration::from_secs(200)).await;
    let changes: Vec<_> = server.changes().iter().map(|change| (change.kind, change.revision)).collect();
    assert_eq!(changes, [(ChangeKind::Added, 2), (ChangeKind::Modified, 3), (ChangeKind::Deleted, 4)]);
}

#[tokio::test]
async fn bookmarks_come_at_their_interval_and_at_the_end_only_where_they_are_sent_at_all() {
    let server = ApiServer::start().await;
    server.skip_to_revision(9);
    let path = format!("{EVENTS}?watch=1&resourceVersion=9&allowWatchBookmarks=true&timeoutSeconds=1");
    assert_eq!(Lines::open(&server, &path).await.next().await, None, "events are not in the watch cache");
    server.send_bookmarks(Duration::from_millis(600));
    let mut watch = Lines::open(&server, &path).await;
    let bookmark = recorded_lines("k8s-events-watch.ndjson").remove(2);
    for _ in 0..2 {
        let mut expected = bookmark.clone();
        expected["object"]["metadata"] = json!({ "resourceVersion": "9" });
        assert_eq!(watch.next().await, Some(expected));
    }
    assert_eq!(watch.next().await, None);
}

#[tokio::test]
async fn an_event_is_written_over_http_as_through_the_handle() {
    let server = ApiServer::start().await;
    let events = "/api/v1/namespaces/default/events";
    let event = json!({ "kind": "Event", "apiVersion": "v1", "metadata": { "name": "a" }, "reason": "Started" });
    let (code, created) = call(&server, "POST", events, &event).await;
    assert_eq!((code, &created["metadata"]["resourceVersion"]), (201, &json!("2")));
    assert_eq!(created["eventTime"], Value::Null);
    assert_eq!(call(&server, "PATCH", &format!("{events}/a"), &json!({ "count": 2 })).await.1["count"], 2);
    let (_, unchanged) = call(&server, "PATCH", &format!("{events}/a"), &json!({ "count": 2 })).await;
    assert_eq!(unchanged["metadata"]["resourceVersion"], "3", "a write that changes nothing is not written");
    let (code, status) = call(&server, "DELETE", &format!("{events}/a"), &Value::Null).await;
    assert_eq!((code, &status["status"]), (200, &json!("Success")));
    assert_eq!(get(&server, &format!("{events}/a")).await.0, 404);
}

#[tokio::test]
async fn requests_are_recorded_by_what_they_need_a_right_for() {
    let server = ApiServer::start().await;
    get(&server, "/version").await;
    get(&server, "/api/v1/namespaces/a/events?limit=1").await;
    get(&server, "/api/v1/events?watch=true&resourceVersion=1&timeoutSeconds=1").await;
    let review = json!({ "spec": { "resourceAttributes": { "verb": "watch", "group": "", "resource": "events" } } });
    let reviews = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews";
    assert_eq!(call(&server, "POST", reviews, &review).await.1["status"], json!({ "allowed": true }));
    server.deny("watch", Resource::Events);
    assert_eq!(call(&server, "POST", reviews, &review).await.1["status"], json!({ "allowed": false }));
    let seen: Vec<_> = server.requests().into_iter().map(|it| (it.verb, it.resource, it.namespace)).collect();
    let entry = |verb: &str, resource, namespace: &str| (verb.to_owned(), resource, namespace.to_owned());
    let expected = [
        entry("get", None, ""),
        entry("list", Some(Resource::Events), "a"),
        entry("watch", Some(Resource::Events), ""),
        entry("post", None, ""),
        entry("post", None, ""),
    ];
    assert_eq!(seen, expected);
}

#[tokio::test]
async fn agones_is_there_only_when_it_is_installed() {
    let server = ApiServer::start().await;
    let fleets = "/apis/agones.dev/v1/fleets";
    assert_eq!(get(&server, fleets).await, (404, json!("404 page not found\n")));
    assert_eq!(get(&server, "/apis/agones.dev/v1").await.0, 404);
    server.install_agones();
    server.create(Resource::Fleets, "default", json!({ "metadata": { "name": "f" }, "status": { "replicas": 3 } }));
    let (code, list) = get(&server, fleets).await;
    assert_eq!((code, &list["kind"], &list["items"][0]["status"]["replicas"]), (200, &json!("FleetList"), &json!(3)));
    let (_, groups) = get(&server, "/apis").await;
    let names: Vec<&Value> = groups["groups"].as_array().expect("groups").iter().map(|it| &it["name"]).collect();
    assert_eq!(names, ["coordination.k8s.io", "agones.dev"]);
}

#[tokio::test]
async fn scripted_faults_are_met_in_order_and_then_no_more() {
    let server = ApiServer::start().await;
    server.fail("list", Resource::Events, 2, Fault::Status { code: 429, retry_after: Some(7) });
    server.fail("list", Resource::Events, 1, Fault::Reset);
    server.fail("list", Resource::Events, 1, Fault::ResetAfter(10));
    server.fail("list", Resource::Events, 1, Fault::SilenceAfter(10));
    server.fail("list", Resource::Events, 1, Fault::Silence);
    for _ in 0..2 {
        let response = send(&server, "GET", EVENTS, &Value::Null).await.expect("an answer");
        assert_eq!(
            (response.status().as_u16(), &response.headers()["retry-after"]),
            (429, &"7".parse().expect("a value"))
        );
    }
    send(&server, "GET", EVENTS, &Value::Null).await.expect_err("the connection closes before the answer");
    let cut = send(&server, "GET", EVENTS, &Value::Null).await.expect("the answer begins");
    cut.into_body().collect().await.expect_err("the connection closes within the body");

    let brief = Duration::from_millis(100);
    let mut silent = send(&server, "GET", EVENTS, &Value::Null).await.expect("the answer begins").into_body();
    let start = silent.frame().await.expect("a frame").expect("data").into_data().expect("data");
    assert_eq!(start, "{\"kind\":\"E");
    timeout(brief, silent.frame()).await.expect_err("nothing more comes");
    timeout(brief, send(&server, "GET", EVENTS, &Value::Null)).await.expect_err("nothing comes");
    assert_eq!(get(&server, EVENTS).await.0, 200);
}

#[tokio::test]
async fn watches_can_be_empty_cut_within_a_line_or_ended_with_an_error() {
    let server = ApiServer::start().await;
    server.create(Resource::Events, "default", json!({ "metadata": { "name": "a" } }));
    let path = format!("{EVENTS}?watch=1&resourceVersion=0");
    let read = async |fault| {
        server.fail("watch", Resource::Events, 1, fault);
        let response = send(&server, "GET", &path, &Value::Null).await.expect("an answer");
        let code = response.status().as_u16();
        (code, response.into_body().collect().await.expect("a whole body").to_bytes())
    };
    assert_eq!(read(Fault::Empty).await, (200, Bytes::new()));
    assert_eq!(read(Fault::EndAfter(20)).await, (200, Bytes::from_static(br#"{"type":"ADDED","obj"#)));
    let (code, line) = read(Fault::WatchError(410)).await;
    let line: Value = serde_json::from_slice(&line).expect("a line");
    assert_eq!((code, line), (200, recorded_lines("k8s-watch-error-410.ndjson").remove(0)));
}

#[tokio::test]
async fn random_faults_follow_from_their_seed() {
    let codes = async |seed| {
        let server = ApiServer::start().await;
        server.fail_randomly(seed, 0.5);
        let mut codes = Vec::new();
        for _ in 0..30 {
            let answer = timeout(Duration::from_millis(50), send(&server, "GET", EVENTS, &Value::Null)).await;
            codes.push(answer.ok().and_then(|answer| Some(answer.ok()?.status().as_u16())));
        }
        codes
    };
    let first = codes(7).await;
    assert_eq!(first, codes(7).await);
    assert!(first.contains(&Some(200)) && first.iter().any(|code| *code != Some(200)), "{first:?}");
}
