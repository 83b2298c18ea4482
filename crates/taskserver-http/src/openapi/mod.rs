//! `/openapi.json`: the services that outside callers are offered, as an OpenAPI 3.1 description.
//!
//! It is made of what the registry knows (schemas, methods, access) when it is asked for, so that it cannot fall behind. It is
//! plain JSON: builders of another crate would check no more of it than the tests do, and say the same in more words.

mod operation;
mod schema;

use hyper::http::request::Parts;
use serde_json::{Map, Value, json};
use taskserver_core::{App, Method};

use crate::response::{self, Response};
use crate::rest;
use crate::state::State;

pub(crate) fn describe(state: &State, _: &Parts) -> Response {
    response::json(&description(&state.app))
}

fn description(app: &App) -> Value {
    let mut paths = Map::new();
    let mut schemas = Map::from_iter([("error".to_owned(), schema::error())]);
    for (name, service) in app.services().iter() {
        let offered = rest::offered(app, name);
        if offered.is_empty() {
            continue;
        }
        schema::add(&mut schemas, name, service.schema());
        for method in offered {
            let path = match method {
                Method::Find | Method::Create => format!("/{name}"),
                _ => format!("/{name}/{{id}}"),
            };
            let operations = paths.entry(path).or_insert_with(|| json!({}));
            let scope = app.services().access().scope(name, method);
            operations[rest::http_method(method).to_lowercase()] =
                operation::describe(name, method, service.schema(), &app.services().parameters(name, method), scope);
        }
    }
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "taskserver",
            "version": env!("CARGO_PKG_VERSION"),
            "description": "The services of this task server. Records are found with the query language of Feathers; `$or` \
                and `$and`, which nest, are not listed among the parameters: `$or[0][count][$gt]=1&$or[1][type]=a`.",
        },
        "security": [{"bearer": []}],
        "paths": paths,
        "components": {
            "schemas": schemas,
            "securitySchemes": {
                "bearer": {
                    "type": "http",
                    "scheme": "bearer",
                    "description": "A JWT of the platform, a `user-api-key`, or an operator's token.",
                },
            },
        },
    })
}
