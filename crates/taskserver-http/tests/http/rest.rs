use std::sync::Arc;

use async_trait::async_trait;
use hyper::StatusCode;
use serde_json::{Value, json};
use taskserver_core::{
    Access, App, ErrorKind, Hook, HookContext, Hooks, MemoryService, Method, Provider, Schema, ServiceError,
};

use crate::platform::{app, authenticator, call, jwt_verifier, platform_options, start_platform};
use crate::support::{Reply, Running, start_app};

async fn with_records(count: i32) -> Running {
    let server = start_platform().await;
    for number in 0..count {
        let record = json!({"id": format!("{number:03}"), "count": number, "type": if number % 2 == 0 { "even" } else { "odd" }});
        server.app.service("analytics").create(record.clone()).await.unwrap();
        server.app.service("location").create(record).await.unwrap();
    }
    server
}

fn ids(reply: &Reply) -> Vec<String> {
    let json = reply.json();
    let data = json["data"].as_array().unwrap_or_else(|| panic!("{}", reply.body));
    data.iter().map(|record| record["id"].as_str().unwrap().to_owned()).collect()
}

fn check(reply: &Reply, status: StatusCode, body: Value) {
    assert_eq!((reply.status, reply.json()), (status, body));
}

fn error(name: &str, message: &str, code: u16, class: &str) -> Value {
    json!({"name": name, "message": message, "code": code, "className": class})
}

fn bad_request(message: &str) -> Value {
    error("BadRequest", message, 400, "bad-request")
}

#[tokio::test]
async fn a_page_has_ten_records_unless_asked_for_up_to_a_hundred() {
    let server = with_records(120).await;
    let page = server.ask("GET", "/analytics", None).await;
    assert_eq!(page.header("content-type"), Some("application/json; charset=utf-8"));
    let json = page.json();
    assert_eq!((&json["total"], &json["limit"], &json["skip"]), (&json!(120), &json!(10), &json!(0)));
    assert_eq!(ids(&page).len(), 10);

    let page = server.ask("GET", "/analytics?$limit=1000&$skip=110", None).await;
    assert_eq!((&page.json()["limit"], &page.json()["skip"]), (&json!(100), &json!(110)));
    assert_eq!(ids(&page).len(), 10);

    let empty = server.ask("GET", "/analytics?$limit=0", None).await;
    check(&empty, StatusCode::OK, json!({"total": 120, "limit": 0, "skip": 0, "data": []}));
}

#[tokio::test]
async fn records_are_found_by_every_operator() {
    let server = with_records(6).await;
    for (query, expected) in [
        ("type=odd", &["001", "003", "005"][..]),
        ("count=3", &["003"]),
        ("count[$gt]=3", &["004", "005"]),
        ("count[$gte]=2&count[$lt]=4", &["002", "003"]),
        ("count[$lte]=1", &["000", "001"]),
        ("type[$ne]=odd&count[$ne]=0", &["002", "004"]),
        ("count[$in][]=1&count[$in][]=4", &["001", "004"]),
        ("count[$nin][0]=1&count[$nin][1]=4", &["000", "002", "003", "005"]),
        ("$or[0][count]=0&$or[1][count][$gt]=4", &["000", "005"]),
        ("$and[0][type]=odd&$and[1][count][$gt]=1", &["003", "005"]),
        ("$or[0][$and][0][type]=odd&$or[0][$and][1][count]=1&$or[1][count]=2", &["001", "002"]),
        ("$sort[type]=-1&$sort[count]=-1&$limit=4", &["005", "003", "001", "004"]),
        ("%24sort%5Bcount%5D=-1&%24limit=2&%24skip=1", &["004", "003"]),
        ("ended&count[$lt]=2", &["000", "001"]),
    ] {
        assert_eq!(ids(&server.ask("GET", &format!("/analytics?{query}"), None).await), expected, "{query}");
    }
    let selected = server.ask("GET", "/analytics?$select[0]=count&count=2", None).await;
    assert_eq!(selected.json()["data"], json!([{"id": "002", "count": 2}]));
}

#[tokio::test]
async fn a_wrong_query_is_refused_with_its_reason() {
    let server = start_platform().await;
    for (query, message) in [
        ("$foo=1", "Invalid query parameter $foo"),
        ("foo=1", "Invalid query parameter foo"),
        ("count=many", "`count` must be an integer from -2147483648 to 2147483647"),
        ("count[$in][]=many", "`count` must be an integer from -2147483648 to 2147483647"),
        ("count[$gt][$lt]=1", "`count` must be an integer from -2147483648 to 2147483647"),
        ("$limit=all", "$limit must be a whole number, 0 or more"),
        ("type[=1", "Invalid query parameter type["),
    ] {
        let reply = server.ask("GET", &format!("/analytics?{query}"), None).await;
        check(&reply, StatusCode::BAD_REQUEST, bad_request(message));
    }
}

#[tokio::test]
async fn a_record_is_read_and_written_by_its_id() {
    let server = with_records(1).await;
    let whole = |count: i32, kind: Value| json!({"id": "000", "count": count, "type": kind, "ended": null, "createdAt": null, "updatedAt": null});
    let ok = |reply: &Reply, body: Value| check(reply, StatusCode::OK, body);
    ok(&server.ask("GET", "/location/000", None).await, whole(0, json!("even")));
    ok(&server.ask("GET", "/location/0%300/", None).await, whole(0, json!("even")));
    ok(&server.ask("GET", "/location/000?$select[]=count", None).await, json!({"id": "000", "count": 0}));
    ok(&server.ask("PATCH", "/location/000", Some(json!({"count": 1}))).await, whole(1, json!("even")));
    ok(&server.ask("PUT", "/location/000", Some(json!({"count": 2}))).await, whole(2, Value::Null));
    ok(&server.ask("DELETE", "/location/000?$select[]=count", None).await, json!({"id": "000", "count": 2}));
    let gone = error("NotFound", "No record found for id '000'", 404, "not-found");
    for (method, body) in [("GET", None), ("PATCH", Some(json!({}))), ("PUT", Some(json!({}))), ("DELETE", None)] {
        check(&server.ask(method, "/location/000", body).await, StatusCode::NOT_FOUND, gone.clone());
    }
}

#[tokio::test]
async fn a_record_is_created() {
    let server = start_platform().await;
    let reply = server.ask("POST", "/analytics?$select[]=count", Some(json!({"count": 3, "type": "x"}))).await;
    assert_eq!(reply.status, StatusCode::CREATED);
    let created = reply.json();
    assert_eq!((created.as_object().unwrap().len(), &created["count"]), (2, &json!(3)));
    let stored = server.app.service("analytics").get(created["id"].as_str().unwrap()).await.unwrap();
    assert_eq!((&stored["count"], &stored["type"]), (&json!(3), &json!("x")));
}

#[tokio::test]
async fn wrong_data_are_refused_with_their_reason() {
    let server = start_platform().await;
    let json_needed = "The body must be JSON, and say so: `content-type: application/json`";
    let post = async |content_type: &str, body: &str| {
        let mut request = call("POST", "/analytics", "admin-key", None);
        request.headers_mut().insert("content-type", content_type.parse().unwrap());
        *request.body_mut() = body.to_owned().into();
        let reply = server.http1(request).await;
        (reply.status.as_u16(), reply.json()["message"].as_str().unwrap_or_default().to_owned())
    };
    let json = "application/json; charset=utf-8";
    for (content_type, body, message) in [
        ("text/plain", "{}", json_needed),
        ("application/x-www-form-urlencoded", "count=1", json_needed),
        (json, "", "The body cannot be read as JSON: EOF while parsing a value at line 1 column 0"),
        (json, "{\"count\": 1", "The body cannot be read as JSON: EOF while parsing an object at line 1 column 11"),
        (json, "3", "The data must be an object"),
        (json, "{\"count\": \"1\"}", "`count` must be an integer from -2147483648 to 2147483647"),
        (json, "{\"cuont\": 1}", "there is no field `cuont`"),
        (json, "{\"id\": \"a\"}", "`id` is set by the server"),
        (json, "{\"createdAt\": \"2026-01-01T00:00:00Z\"}", "`createdAt` is set by the server"),
    ] {
        assert_eq!(post(content_type, body).await, (400, message.to_owned()), "{body}");
    }
    assert_eq!(post(json, "[{\"count\": 1}]").await, (405, "Can not create multiple entries".to_owned()));
    let deep = format!("{{\"count\": {}1{}}}", "[".repeat(1000), "]".repeat(1000));
    assert!(post(json, &deep).await.1.starts_with("The body cannot be read as JSON: recursion limit exceeded"));
    assert_eq!(server.app.service("analytics").find(Default::default()).await.unwrap().total, 0);
}

#[tokio::test]
async fn what_a_service_does_not_offer_is_answered_with_what_it_does() {
    let server = with_records(1).await;
    let unsupported = |method: &str| format!("Method `{method}` is not supported by this endpoint.");
    let some = Some(json!({"count": 1}));
    for (method, uri, body, message, allow) in [
        ("GET", "/analytics/000", None, unsupported("get"), ""),
        ("PUT", "/analytics/000", some.clone(), unsupported("update"), ""),
        ("PATCH", "/analytics/000", some.clone(), unsupported("patch"), ""),
        ("DELETE", "/analytics/000", None, unsupported("remove"), ""),
        ("PATCH", "/analytics", some.clone(), "Can not patch multiple entries".into(), "GET, HEAD, POST"),
        ("PUT", "/location", some.clone(), "Can not update multiple entries".into(), "GET, HEAD, POST"),
        ("DELETE", "/location", None, "Can not remove multiple entries".into(), "GET, HEAD, POST"),
        ("POST", "/location/000", some, unsupported("create"), "GET, HEAD, PUT, PATCH, DELETE"),
        ("OPTIONS", "/location", None, unsupported("options"), "GET, HEAD, POST"),
        ("TRACE", "/location/000", None, unsupported("trace"), "GET, HEAD, PUT, PATCH, DELETE"),
    ] {
        let reply = server.ask(method, uri, body).await;
        let body = error("MethodNotAllowed", &message, 405, "method-not-allowed");
        check(&reply, StatusCode::METHOD_NOT_ALLOWED, body);
        assert_eq!(reply.header("allow"), Some(allow), "{method} {uri}");
    }
    let mut custom = call("POST", "/analytics", "admin-key", Some(&json!({"count": 1})));
    custom.headers_mut().insert("x-service-method", "recount".parse().unwrap());
    assert_eq!(server.http1(custom).await.json()["message"], unsupported("recount"));
}

#[tokio::test]
async fn whoever_may_not_make_a_call_is_not_told_what_is_wrong_with_it() {
    let server = start_platform().await;
    let status =
        async |token: &str, uri: &str| server.http1(call("PATCH", uri, token, Some(&json!("no record")))).await.status;
    assert_eq!(status("guest-key", "/location/a?nonsense").await, StatusCode::FORBIDDEN);
    assert_eq!(status("admin-key", "/analytics/a?nonsense").await, StatusCode::METHOD_NOT_ALLOWED);
    assert_eq!(status("admin-key", "/location/a?nonsense").await, StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn writes_are_refused_unless_they_are_turned_on() {
    let app = app().access(Access::new().offer("location", Method::ALL));
    let server = start_app(platform_options(), app, authenticator(jwt_verifier()).await).await;
    let reply = server.ask("POST", "/location", Some(json!({"count": 1}))).await;
    assert_eq!((reply.status, reply.header("allow")), (StatusCode::METHOD_NOT_ALLOWED, Some("GET, HEAD")));
}

#[tokio::test]
async fn a_path_that_is_no_service_is_not_found_with_and_without_a_token() {
    let server = start_platform().await;
    for path in ["/nope", "/analytics/a/b", "/analytics//", "//analytics", "/Analytics", "/analytic%73"] {
        let body = error("NotFound", &format!("Path {path} not found"), 404, "not-found");
        check(&server.ask("GET", path, None).await, StatusCode::NOT_FOUND, body.clone());
        check(&server.http1(crate::support::request("GET", path)).await, StatusCode::NOT_FOUND, body);
    }
}

/// Remembers who called, and fails.
struct Broken(Arc<std::sync::Mutex<Vec<String>>>);

#[async_trait]
impl Hook for Broken {
    async fn call(&self, context: &mut HookContext) -> Result<(), ServiceError> {
        assert_eq!(context.params.provider, Provider::External);
        self.0.lock().unwrap().push(context.params.identity.as_ref().unwrap().user.clone());
        let kind = if context.method == Method::Get { ErrorKind::Unavailable } else { ErrorKind::GeneralError };
        Err(ServiceError::new(kind, "mysql://server:hunter2@10.0.0.7/ is broken")
            .with_data(json!({"password": "hunter2"}))
            .with_source("hunter2"))
    }
}

#[tokio::test]
async fn hooks_know_the_caller_and_what_fails_inside_is_not_shown() {
    let callers = Arc::default();
    let hooks = Hooks::new().before(Method::ALL, Broken(Arc::clone(&callers)));
    let app = App::builder().service_with("broken", MemoryService::new(Schema::new([])), hooks);
    let server = start_app(platform_options(), app, authenticator(jwt_verifier()).await).await;
    let fault = error("GeneralError", "The server failed to handle the request", 500, "general-error");
    check(&server.ask("GET", "/broken", None).await, StatusCode::INTERNAL_SERVER_ERROR, fault);
    let outage = error("Unavailable", "The service is not available now; try again later", 503, "unavailable");
    check(&server.ask("GET", "/broken/a", None).await, StatusCode::SERVICE_UNAVAILABLE, outage);
    assert_eq!(*callers.lock().unwrap(), ["admin", "admin"]);
}

#[tokio::test]
async fn http_2_answers_the_same() {
    let server = with_records(3).await;
    let uri = "/analytics?count[$gt]=0";
    let one = server.ask("GET", uri, None).await;
    let two = server.http2(call("GET", &format!("http://x{uri}"), "admin-key", None)).await;
    assert_eq!((one.status, &one.body), (two.status, &two.body));
    assert_eq!(ids(&two), ["001", "002"]);
}
