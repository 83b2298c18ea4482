//! The services as REST, as Feathers has them: `/NAME` for `find` and `create`, `/NAME/ID` for the other methods.
//!
//! A request is let in first (`auth`), and only then is its body read. What it asks for becomes one external call of the
//! service, hooks and all. A request that is refused before it is a call is seen by the hooks that watch, as a refused call is.

mod brackets;
mod data;
mod query;

use bytes::Bytes;
use hyper::header::{ALLOW, HeaderValue};
use hyper::http::request::Parts;
use hyper::{Method as HttpMethod, StatusCode};
use percent_encoding::percent_decode_str;
use taskserver_core::{App, CallResult, ErrorKind, Identity, Method, Params, Provider, Query, Record, ServiceError};

pub(crate) use data::SERVER_SET;

use crate::body::{BodyError, RequestBody};
use crate::request::Request;
use crate::response::{self, Response};
use crate::state::State;

/// What a path names: a service, or one of its records.
pub(crate) struct Target {
    pub(crate) service: String,
    pub(crate) id: Option<String>,
}

impl Target {
    /// The service or record at a path, if the app has such a service.
    pub(crate) fn find(app: &App, path: &str) -> Option<Self> {
        let path = path.strip_prefix('/')?;
        let path = path.strip_suffix('/').unwrap_or(path);
        let (service, id) = match path.split_once('/') {
            Some((service, id)) => (service, Some(id)),
            None => (path, None),
        };
        if id.is_some_and(|id| id.is_empty() || id.contains('/')) || app.services().get(service).is_none() {
            return None;
        }
        let id = id.map(|id| percent_decode_str(id).decode_utf8_lossy().into_owned());
        Some(Self { service: service.to_owned(), id })
    }

    /// The method of the service that a request asks for.
    fn method(&self, head: &Parts) -> Result<Method, ServiceError> {
        // With it, Feathers' clients call methods that a service has beyond the usual ones. None has any here.
        if let Some(method) = head.headers.get("x-service-method") {
            return Err(unsupported(&String::from_utf8_lossy(method.as_bytes())));
        }
        let method = match (&head.method, self.id.is_some()) {
            (&HttpMethod::GET | &HttpMethod::HEAD, false) => Method::Find,
            (&HttpMethod::GET | &HttpMethod::HEAD, true) => Method::Get,
            (&HttpMethod::POST, _) => Method::Create,
            (&HttpMethod::PUT, _) => Method::Update,
            (&HttpMethod::PATCH, _) => Method::Patch,
            (&HttpMethod::DELETE, _) => Method::Remove,
            (other, _) => return Err(unsupported(&other.as_str().to_lowercase())),
        };
        match (method, self.id.is_some()) {
            (Method::Create, true) => Err(unsupported(method.name())),
            (Method::Update | Method::Patch | Method::Remove, false) => {
                let message = format!("Can not {} multiple entries", method.name());
                Err(ServiceError::new(ErrorKind::MethodNotAllowed, message))
            }
            _ => Ok(method),
        }
    }

    /// The HTTP methods that this path offers outside callers.
    fn allowed(&self, app: &App) -> String {
        let of_path = |method: &Method| matches!(method, Method::Find | Method::Create) != self.id.is_some();
        let offered = offered(app, &self.service).into_iter().filter(of_path).map(|method| match method {
            Method::Find | Method::Get => "GET, HEAD",
            other => http_method(other),
        });
        offered.collect::<Vec<_>>().join(", ")
    }
}

fn unsupported(method: &str) -> ServiceError {
    let message = format!("Method `{method}` is not supported by this endpoint.");
    ServiceError::new(ErrorKind::MethodNotAllowed, message)
}

/// The HTTP method by which a method of a service is called.
pub(crate) fn http_method(method: Method) -> &'static str {
    match method {
        Method::Find | Method::Get => "GET",
        Method::Create => "POST",
        Method::Update => "PUT",
        Method::Patch => "PATCH",
        Method::Remove => "DELETE",
    }
}

/// The methods that a service offers outside callers.
pub(crate) fn offered(app: &App, path: &str) -> Vec<Method> {
    let methods = app.services().get(path).map_or(&[][..], |service| service.methods());
    let offered = |method: &Method| methods.contains(method) && app.services().access().offers(path, *method);
    Method::ALL.into_iter().filter(offered).collect()
}

/// Answers a request for a service or a record.
pub(crate) async fn answer(
    state: &State,
    request: &Request,
    body: RequestBody,
    target: &Target,
) -> Result<Response, BodyError> {
    let identity = match state.gate.admit(&request.head.headers, request.client).await {
        Ok(identity) => identity,
        Err(refused) => {
            body.discard().await?;
            let refused = match target.method(&request.head) {
                Ok(method) => refuse(&state.app, target, method, None, refused).await,
                Err(_) => refused,
            };
            return Ok(response::error(&refused));
        }
    };
    let body = body.read().await?;
    Ok(match call(&state.app, &request.head, &body, target, identity).await {
        Ok((status, result)) => response::json_with(status, &result.into_json()),
        Err(error) => {
            let mut response = response::error(&error);
            if error.kind() == ErrorKind::MethodNotAllowed
                && let Ok(allowed) = HeaderValue::try_from(target.allowed(&state.app))
            {
                response.headers_mut().insert(ALLOW, allowed);
            }
            response
        }
    })
}

async fn call(
    app: &App,
    head: &Parts,
    body: &Bytes,
    target: &Target,
    identity: Identity,
) -> Result<(StatusCode, CallResult), ServiceError> {
    let method = target.method(head)?;
    let (data, params) = match prepare(app, head, body, target, method, &identity) {
        Ok(prepared) => prepared,
        Err(error) => return Err(refuse(app, target, method, Some(identity), error).await),
    };
    let selection = Query { select: params.query.select.clone(), ..Query::new() };
    let mut result = app.service(&target.service).call(method, target.id.clone(), data, params).await?;
    if let CallResult::Record(record) = &mut result {
        selection.apply_select(record);
    }
    let status = if method == Method::Create { StatusCode::CREATED } else { StatusCode::OK };
    Ok((status, result))
}

/// What the call is made with.
fn prepare(
    app: &App,
    head: &Parts,
    body: &Bytes,
    target: &Target,
    method: Method,
    identity: &Identity,
) -> Result<(Vec<Record>, Params), ServiceError> {
    let path = &target.service;
    // A hook of the call would say so too, but whoever may not make it is not told what is wrong with their query or data.
    app.services().access().check(path, method, Some(identity))?;
    if !offered(app, path).contains(&method) {
        return Err(unsupported(method.name()));
    }
    let schema = app.services().get(path).map(|service| service.schema());
    let schema = schema.ok_or_else(|| ServiceError::new(ErrorKind::NotFound, format!("Path /{path} not found")))?;
    let query = query::parse(head.uri.query(), method, schema)?;
    let data = data::parse(method, &head.headers, body)?;
    Ok((data, Params { query, provider: Provider::External, identity: Some(identity.clone()) }))
}

async fn refuse(
    app: &App,
    target: &Target,
    method: Method,
    identity: Option<Identity>,
    error: ServiceError,
) -> ServiceError {
    let params = Params { provider: Provider::External, identity, ..Params::default() };
    app.service(&target.service).refuse(method, params, error).await
}
