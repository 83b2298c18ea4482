//! From a request to its answer.

use std::convert::Infallible;
use std::io;
use std::sync::Arc;

use futures_util::{Stream, StreamExt as _};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt as _, Full, Limited, StreamBody};
use hyper::body::{Bytes, Frame, Incoming};
use hyper::{Method, Request, Response};
use serde_json::{Value, json};

use super::faults::{Ending, Fault, cut_after};
use super::list::list;
use super::resources::Resource;
use super::route::{Query, Target, verb};
use super::state::{State, lock};
use super::status::Status;
use super::watch::Watch;
use super::{RecordedRequest, discovery};

type Body = UnsyncBoxBody<Bytes, io::Error>;

/// What etcd and kube-apiserver take at most (`--max-request-bytes`, and the limit of a request body).
const MAX_REQUEST_BYTES: usize = 3 * 1024 * 1024;

/// Answers one request. An error closes the connection, as a fault may ask for.
pub(super) async fn answer(state: Arc<State>, request: Request<Incoming>) -> io::Result<Response<Body>> {
    let (parts, body) = request.into_parts();
    let query = Query::parse(parts.uri.query().unwrap_or_default());
    let target = Target::of(parts.uri.path());
    let recorded = record(&state, &parts.method, &parts.uri, &target, &query);

    let (resource, namespace, name) = match target {
        Target::Objects { resource, namespace, name } if state.serves(resource) => (resource, namespace, name),
        Target::AccessReview => {
            let review = read(body).await?;
            return Ok(json_answer(201, discovery::review(&state, review).to_string(), None));
        }
        Target::Discovery(path) => {
            return Ok(discovery::document(&state, &path)
                .map_or_else(no_such_path, |it| json_answer(200, it.to_string(), None)));
        }
        Target::Objects { .. } | Target::Unknown => return Ok(no_such_path()),
    };

    let fault = lock(&state.faults).draw(&recorded.verb, resource);
    match &fault {
        Some(Fault::Reset) => return Err(io::Error::new(io::ErrorKind::ConnectionReset, "cut by a fault")),
        Some(Fault::Silence) => std::future::pending().await,
        Some(Fault::Delay(delay)) => tokio::time::sleep(*delay).await,
        Some(Fault::Status { code, retry_after }) => {
            let status = Status::of_code(*code, &recorded.verb, resource, &namespace, &name);
            return Ok(error_answer(&Status { retry_after: *retry_after, ..status }));
        }
        Some(Fault::Empty) => return Ok(stream_answer(futures_util::stream::empty())),
        Some(Fault::WatchError(code)) => {
            let status = Status::of_code(*code, &recorded.verb, resource, &namespace, &name);
            let line = format!("{}\n", json!({ "type": "ERROR", "object": status.object() }));
            return Ok(stream_answer(futures_util::stream::iter([Bytes::from(line)])));
        }
        Some(Fault::ResetAfter(_) | Fault::EndAfter(_) | Fault::SilenceAfter(_)) | None => {}
    }
    if !state.allows(&recorded.verb, resource) {
        return Ok(error_answer(&Status::forbidden(&recorded.verb, resource, &namespace, &name)));
    }

    let ending = match fault {
        Some(Fault::ResetAfter(bytes)) => Some((bytes, Ending::Reset)),
        Some(Fault::EndAfter(bytes)) => Some((bytes, Ending::Clean)),
        Some(Fault::SilenceAfter(bytes)) => Some((bytes, Ending::Silent)),
        _ => None,
    };
    if recorded.verb == "watch" {
        return Ok(match Watch::open(state, resource, &namespace, &query) {
            Err(status) => error_answer(&status),
            Ok(watch) => match ending {
                None => stream_answer(watch.into_lines()),
                Some((bytes, ending)) => fallible_answer(cut_after(watch.into_lines(), bytes, ending)),
            },
        });
    }
    let body = read(body).await?;
    Ok(match objects(&state, &recorded.verb, resource, &namespace, &name, &query, body) {
        Err(status) => error_answer(&status),
        Ok((code, json)) => json_answer(code, json, ending),
    })
}

/// Every request for objects but a watch: the code and the JSON of its answer.
fn objects(
    state: &Arc<State>,
    verb: &str,
    resource: Resource,
    namespace: &str,
    name: &str,
    query: &Query,
    body: Value,
) -> Result<(u16, String), Status> {
    let typed = |object: Arc<Value>| resource.typed(&object).to_string();
    match verb {
        "list" => state.with_store(|store| list(store, resource, namespace, query)).map(|page| (200, page)),
        "get" => state.with_store(|store| store.get(resource, namespace, name)).map(|it| (200, typed(it))),
        "create" => state.write(resource, |store| store.create(resource, namespace, body)).map(|it| (201, typed(it))),
        "update" => {
            state.write(resource, |store| store.replace(resource, namespace, name, body)).map(|it| (200, typed(it)))
        }
        "patch" => {
            state.write(resource, |store| store.patch(resource, namespace, name, &body)).map(|it| (200, typed(it)))
        }
        "delete" => {
            let last = state.change(|store| store.delete(resource, namespace, name))?;
            let details = json!({ "name": name, "kind": resource.plural(), "uid": last["metadata"]["uid"] });
            let status = json!({
                "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success", "details": details,
            });
            Ok((200, status.to_string()))
        }
        _ => {
            Err(Status::new(405, "MethodNotAllowed", "the server does not allow this method on the requested resource"))
        }
    }
}

fn record(state: &State, method: &Method, uri: &hyper::Uri, target: &Target, query: &Query) -> RecordedRequest {
    let mut recorded = RecordedRequest {
        method: method.to_string(),
        path: uri.path().to_owned(),
        query: uri.query().unwrap_or_default().to_owned(),
        verb: method.as_str().to_lowercase(),
        resource: None,
        namespace: String::new(),
    };
    if let Target::Objects { resource, namespace, name } = target {
        recorded.verb = verb(method, name, query).to_owned();
        recorded.resource = Some(*resource);
        recorded.namespace.clone_from(namespace);
    }
    lock(&state.requests).push(recorded.clone());
    recorded
}

async fn read(body: Incoming) -> io::Result<Value> {
    let bytes = Limited::new(body, MAX_REQUEST_BYTES).collect().await.map_err(io::Error::other)?.to_bytes();
    Ok(serde_json::from_slice(&bytes).unwrap_or(Value::Null))
}

fn json_answer(code: u16, json: String, ending: Option<(usize, Ending)>) -> Response<Body> {
    let bytes = Bytes::from(json);
    let body = match ending {
        None => Full::new(bytes).map_err(|never: Infallible| match never {}).boxed_unsync(),
        Some((after, ending)) => frames(cut_after(futures_util::stream::iter([bytes]), after, ending)),
    };
    respond(code, "application/json", body)
}

fn error_answer(status: &Status) -> Response<Body> {
    let mut response = json_answer(status.code, status.object().to_string(), None);
    if let Some(seconds) = status.retry_after {
        response.headers_mut().insert("retry-after", seconds.into());
    }
    response
}

fn stream_answer(lines: impl Stream<Item = Bytes> + Send + 'static) -> Response<Body> {
    fallible_answer(lines.map(Ok))
}

fn fallible_answer(lines: impl Stream<Item = io::Result<Bytes>> + Send + 'static) -> Response<Body> {
    respond(200, "application/json", frames(lines))
}

fn frames(chunks: impl Stream<Item = io::Result<Bytes>> + Send + 'static) -> Body {
    StreamBody::new(chunks.map(|chunk| chunk.map(Frame::data))).boxed_unsync()
}

/// Paths that nothing serves get plain text, as Go's multiplexer answers.
fn no_such_path() -> Response<Body> {
    let body = Full::new(Bytes::from_static(b"404 page not found\n")).map_err(|never: Infallible| match never {});
    respond(404, "text/plain; charset=utf-8", body.boxed_unsync())
}

fn respond(code: u16, content_type: &'static str, body: Body) -> Response<Body> {
    Response::builder()
        .status(code)
        .header("content-type", content_type)
        .body(body)
        .expect("the code and the header are valid")
}
