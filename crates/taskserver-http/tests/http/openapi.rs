//! The description of the services, held against the running server.

use hyper::StatusCode;
use serde_json::{Value, json};

use crate::platform::start_platform;
use crate::support::request;

#[tokio::test]
async fn what_is_offered_is_described_and_nothing_else() {
    let server = start_platform().await;
    let reply = server.http1(request("GET", "/openapi.json")).await;
    assert_eq!((reply.status, reply.header("content-type")), (StatusCode::OK, Some("application/json; charset=utf-8")));
    let description = reply.json();
    assert_eq!(description["openapi"], "3.1.0");
    let operations: Vec<_> = description["paths"]
        .as_object()
        .unwrap()
        .iter()
        .flat_map(|(path, item)| item.as_object().unwrap().keys().map(move |method| format!("{method} {path}")))
        .collect();
    assert_eq!(
        operations,
        [
            "get /analytics",
            "post /analytics",
            "get /location",
            "post /location",
            "get /location/{id}",
            "put /location/{id}",
            "patch /location/{id}",
            "delete /location/{id}"
        ]
    );
    assert_eq!(description["security"], json!([{"bearer": []}]));
    let schemas = &description["components"]["schemas"];
    assert_eq!(
        schemas["analytics"]["properties"]["count"],
        json!({
            "type": ["integer", "null"], "minimum": i32::MIN, "maximum": i32::MAX
        })
    );
    assert_eq!(
        schemas["analytics-data"],
        json!({
            "type": "object",
            "properties": {
                "count": {"type": ["integer", "null"], "minimum": i32::MIN, "maximum": i32::MAX},
                "type": {"type": ["string", "null"], "maxLength": 255},
                "ended": {"type": ["boolean", "null"]},
            },
            "required": [],
            "additionalProperties": false,
        })
    );
}

/// Every parameter of `find` with a value of its type is taken by the server.
#[tokio::test]
async fn every_described_parameter_is_taken() {
    let server = start_platform().await;
    let description = server.http1(request("GET", "/openapi.json")).await.json();
    let parameters = description["paths"]["/analytics"]["get"]["parameters"].as_array().unwrap();
    assert!(parameters.len() > 40);
    for parameter in parameters {
        let name = parameter["name"].as_str().unwrap();
        let reply = server.ask("GET", &format!("/analytics?{name}={}", example(&parameter["schema"])), None).await;
        assert_eq!(reply.status, StatusCode::OK, "{name}: {}", reply.body);
    }
}

fn example(schema: &Value) -> String {
    if let Some(values) = schema["enum"].as_array() {
        return values[0].as_str().map_or_else(|| values[0].to_string(), str::to_owned);
    }
    if let Some(schemas) = schema["anyOf"].as_array() {
        return example(&schemas[0]);
    }
    match (schema["type"].as_str().unwrap(), schema["format"].as_str()) {
        ("array", _) => example(&schema["items"]),
        ("string", Some("date-time")) => "2026-11-24T01:34:02.000Z".into(),
        ("string", _) => "text".into(),
        ("integer", _) => "1".into(),
        ("boolean", _) => "true".into(),
        other => panic!("{other:?}"),
    }
}

/// Whatever an operation answers, it is described.
#[tokio::test]
async fn every_answer_is_described() {
    let server = start_platform().await;
    let description = server.http1(request("GET", "/openapi.json")).await.json();
    for (path, item) in description["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            let uri = path.replace("{id}", "unknown");
            let body = operation.get("requestBody").map(|_| json!({"count": 1}));
            for uri in [uri.clone(), format!("{uri}?nonsense=1")] {
                let reply = server.ask(&method.to_uppercase(), &uri, body.clone()).await;
                let status = reply.status.as_str();
                assert!(operation["responses"].get(status).is_some(), "{method} {uri}: {status}");
            }
        }
    }
}
