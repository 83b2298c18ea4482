//! Which path is answered by what, and for whom.

use std::sync::Arc;

use hyper::Method;
use hyper::http::request::Parts;
use taskserver_core::{Access, ServiceError};

use crate::body::{BodyError, RequestBody};
use crate::request::Request;
use crate::response::{self, Response};
use crate::state::State;
use crate::{Surface, control, cors, events, health, metrics, openapi, pages, rest, tasks};

type Handler = fn(&State, &Parts) -> Response;

/// Who may ask for something that is no service.
enum Audience {
    Everybody,
    /// Administrators only, if the options say so: [`protect_metrics`](crate::HttpOptions::protect_metrics).
    Metrics,
    /// Likewise: [`protect_pages`](crate::HttpOptions::protect_pages).
    Pages,
}

/// To which part of the surface a path belongs; `None` if to all of them.
fn surface(state: &State, path: &str) -> Option<Surface> {
    match path {
        "/healthcheck" | "/livez" | "/readyz" => None,
        "/metrics" | "/api/tasks" => Some(Surface::Administration),
        path if path.starts_with(tasks::PREFIX) => Some(Surface::Administration),
        path if state.pages.as_ref().is_some_and(|pages| pages.have(path)) => Some(Surface::Administration),
        _ => Some(Surface::Services),
    }
}

/// Answers a request by its path. What changes nothing takes GET and HEAD only.
pub(crate) async fn dispatch(state: &Arc<State>, request: &Request, body: RequestBody) -> Result<Response, BodyError> {
    let head = &request.head;
    if let Some(response) = cors::preflight(head, &state.options.cors_origins) {
        body.discard().await?;
        return Ok(response);
    }
    let here = state.options.surface;
    if here != Surface::Whole && surface(state, head.uri.path()).is_some_and(|surface| surface != here) {
        body.discard().await?;
        return Ok(response::not_found(head.uri.path()));
    }
    let (audience, handler): (_, Handler) = match head.uri.path() {
        // The platform's own: any method will do.
        "/healthcheck" => {
            body.discard().await?;
            return Ok(health::healthcheck(state));
        }
        "/livez" => (Audience::Everybody, health::livez),
        "/readyz" => (Audience::Everybody, health::readyz),
        "/metrics" => (Audience::Metrics, metrics::metrics),
        "/openapi.json" => (Audience::Pages, openapi::describe),
        "/api/tasks" => (Audience::Pages, tasks::list),
        path if control::is_action(path) => {
            return match head.method {
                Method::POST => control::answer(state, request, body).await,
                _ => {
                    body.discard().await?;
                    Ok(response::method_not_allowed(&head.method, "POST"))
                }
            };
        }
        path if path.starts_with(tasks::PREFIX) => (Audience::Pages, tasks::one),
        "/api/events" => {
            body.discard().await?;
            return Ok(match head.method {
                Method::GET => events::stream(state, request).await,
                _ => response::method_not_allowed(&head.method, "GET"),
            });
        }
        path => {
            if let Some(pages) = state.pages.as_ref().filter(|pages| pages.have(path)) {
                return pages::answer(state, pages, request, body).await;
            }
            return match rest::Target::find(&state.app, path) {
                Some(target) => rest::answer(state, request, body, &target).await,
                None => {
                    body.discard().await?;
                    let page = state.pages.as_ref().and_then(|pages| pages::missing(pages, head));
                    Ok(page.unwrap_or_else(|| response::not_found(path)))
                }
            };
        }
    };
    body.discard().await?;
    Ok(match (admit(state, request, &audience).await, &head.method) {
        (Err(refused), _) => response::error(&refused),
        (Ok(()), &Method::GET | &Method::HEAD) => handler(state, head),
        (Ok(()), method) => response::method_not_allowed(method, "GET, HEAD"),
    })
}

async fn admit(state: &State, request: &Request, audience: &Audience) -> Result<(), ServiceError> {
    let protected = match audience {
        Audience::Everybody => false,
        Audience::Metrics => state.options.protect_metrics,
        Audience::Pages => state.options.protect_pages,
    };
    if !protected {
        return Ok(());
    }
    state.gate.admit(&request.head.headers, request.client).await?.must_hold(Access::ADMIN)
}
