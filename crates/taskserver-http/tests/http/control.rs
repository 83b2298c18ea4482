//! Control of the tasks over HTTP: for whom, and what comes of it.

use hyper::StatusCode;
use serde_json::{Value, json};
use taskserver_core::{App, Recurrence};
use taskserver_http::{BearerAuthenticator, Client, ControlRequest, HttpOptions, OperatorToken};

use crate::support::{PATIENCE, Running, options, request, start_app};

/// `printf %s TOKEN | sha256sum`, of `admin`, `operator` and `reader`.
const TOKENS: [(&str, &str, &str); 3] = [
    ("admin", "8c6976e5b5410415bde908bd4dee15dfb167a9c873fc4bb8a81f6f2ab448a918", "admin:admin"),
    ("operator", "06e55b633481f7bb072957eabcf110c972e86691c3cfedabe088024bffe42f23", "task:write"),
    ("reader", "3d0941964aa3ebdcb00ccef58b1bb399f9f898465e9886d5aec7f31090a0fb30", "location:read"),
];

async fn start(options: HttpOptions) -> Running {
    let tokens = TOKENS.map(|(name, hash, scope)| OperatorToken::new(name, hash, [scope.to_owned()]).unwrap());
    let authenticator = tokens.into_iter().fold(BearerAuthenticator::new(), BearerAuthenticator::operator);
    let server = start_app(options, App::builder(), authenticator).await;
    server.app.start();
    server
}

fn client(server: &Running, token: &str) -> Client {
    Client::new(server.address, PATIENCE).with_token(token)
}

async fn post(client: &Client, path: &str, body: &Value) -> (StatusCode, Value) {
    let answer = client.post(path, body).await.unwrap();
    (answer.status, serde_json::from_str(&answer.body).unwrap())
}

fn message(answer: &(StatusCode, Value)) -> (u16, &str) {
    (answer.0.as_u16(), answer.1["message"].as_str().unwrap())
}

#[tokio::test]
async fn a_task_is_triggered_paused_resumed_and_rescheduled_by_those_who_may() {
    let server = start(HttpOptions { control: true, ..options() }).await;
    for (token, scope) in [("admin", "admin:admin"), ("operator", "task:write")] {
        let client = client(&server, token);
        let (status, act) = post(&client, "/api/tasks/greeting/trigger", &json!({"reason": scope})).await;
        assert_eq!(
            (status, &act["outcome"], &act["by"], &act["reason"]),
            (StatusCode::OK, &json!("done"), &json!(token), &json!(scope))
        );
        assert!(act["detail"].as_str().unwrap().starts_with("run "), "{act}");
    }
    let client = client(&server, "operator");
    assert_eq!(post(&client, "/api/tasks/greeting/pause", &json!({})).await.0, StatusCode::OK);
    assert_eq!(server.app.tasks().status("greeting").unwrap().paused_by.unwrap().by, "operator");
    assert_eq!(post(&client, "/api/tasks/greeting/resume", &json!({})).await.0, StatusCode::OK);
    assert!(!server.app.tasks().status("greeting").unwrap().paused);
    let asked = serde_json::to_value(ControlRequest {
        cron: Some("0 3 * * *".into()),
        time_zone: Some("Europe/Berlin".into()),
        ..ControlRequest::default()
    });
    assert_eq!(post(&client, "/api/tasks/greeting/schedule", &asked.unwrap()).await.0, StatusCode::OK);
    let Recurrence::Cron(cron) = server.app.tasks().status("greeting").unwrap().schedule.recurrence else { panic!() };
    assert_eq!((cron.expression(), cron.time_zone()), ("0 3 * * *", "Europe/Berlin"));
    let every = json!({"every": "5m"});
    assert_eq!(post(&client, "/api/tasks/greeting/schedule", &every).await.0, StatusCode::OK);
    assert_eq!(post(&client, "/api/tasks/greeting/schedule", &json!({"configured": true})).await.0, StatusCode::OK);
    let cancelled = post(&client, "/api/tasks/greeting/cancel", &json!({})).await;
    assert_eq!((cancelled.0, &cancelled.1["outcome"]), (StatusCode::CONFLICT, &json!("refused")));
}

#[tokio::test]
async fn whoever_may_not_is_refused_and_nothing_is_done() {
    let server = start(HttpOptions { control: true, ..options() }).await;
    let refused = post(&client(&server, "reader"), "/api/tasks/greeting/pause", &json!({})).await;
    assert_eq!(message(&refused), (403, "The scope `task:write` is missing"));
    let refused = post(&client(&server, "nobody"), "/api/tasks/greeting/pause", &json!({})).await;
    assert_eq!(message(&refused), (401, "Not authenticated"));
    let refused = post(&server.client(), "/api/tasks/greeting/pause", &json!({})).await;
    assert_eq!(message(&refused), (401, "Not authenticated"));
    assert!(!server.app.tasks().status("greeting").unwrap().paused);
    let reply = server.http1(request("GET", "/api/tasks/greeting/pause")).await;
    assert_eq!((reply.status, reply.header("allow")), (StatusCode::METHOD_NOT_ALLOWED, Some("POST")));
}

#[tokio::test]
async fn it_is_off_unless_it_is_turned_on() {
    let server = start(options()).await;
    let refused = post(&client(&server, "admin"), "/api/tasks/greeting/trigger", &json!({})).await;
    let expected = "The tasks cannot be controlled from outside: no credential is configured (`authentication.tokens`)";
    assert_eq!(message(&refused), (405, expected));
}

#[tokio::test]
async fn what_is_wrong_with_a_request_is_said() {
    let server = start(HttpOptions { control: true, ..options() }).await;
    let client = client(&server, "admin");
    for (path, body, status, expected) in [
        ("nope/pause", json!({}), 404, "there is no task `nope`; the tasks are greeting"),
        ("greeting/pause", json!({"every": "5m"}), 400, "To pause takes a reason and nothing else"),
        (
            "greeting/schedule",
            json!({}),
            400,
            "A schedule is `every`, or `cron` and perhaps its `timeZone`, or `configured: true`",
        ),
        (
            "greeting/schedule",
            json!({"cron": "* *"}),
            400,
            "the cron expression `* *` is invalid: it must have 5 fields, or 6 with seconds first",
        ),
        (
            "greeting/schedule",
            json!({"every": "0s"}),
            400,
            "the task `greeting` keeps its configuration: an interval of 0ns is too short; the shortest is 1ms",
        ),
        ("greeting/pause", json!({"reason": "x".repeat(1001)}), 400, "The reason is longer than 1000 bytes"),
    ] {
        let answer = post(&client, &format!("/api/tasks/{path}"), &body).await;
        assert_eq!(message(&answer), (status, expected), "{path}");
    }
    let answer = post(&client, "/api/tasks/greeting/pause", &json!({"why": "not"})).await;
    assert!(message(&answer).1.starts_with("The body is not as expected: unknown field `why`"), "{answer:?}");
}
