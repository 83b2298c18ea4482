//! The pages for browsers: the [`StatusPage`], its files, its live updates, and how an operator signs in.
//!
//! | path | answer |
//! | --- | --- |
//! | `/`, `/tasks/NAME`, `/events` … | a page |
//! | `/assets/NAME` | a file of the pages, under a name that changes with its contents |
//! | `/api/status` | the first page as JSON: [`Status`](taskserver_page::status::Status) |
//! | `/api/live` | server-sent events: `changed` when the pages show something else than before |
//! | `POST /tasks/NAME/run`, `/pause`, `/resume` | what the buttons do; for those who have signed in |
//! | `/login`, `POST /logout` | signing in and out |
//!
//! Where pages are protected, nobody but an administrator gets at any of them; a browser is sent to `/login`. There an operator
//! shows a bearer token, and gets a `session` for it: a cookie that is good for the pages and nothing else, so that no other site can
//! make a browser call the services. Whatever changes something is a POST, and has to come from a page of this very server
//! (`origin`).

mod live;
mod origin;
mod session;

use std::sync::Arc;
use std::time::Duration;

use hyper::header::{
    CONTENT_SECURITY_POLICY, HeaderMap, HeaderName, HeaderValue, LOCATION, REFERRER_POLICY, SET_COOKIE,
};
use hyper::{Method, StatusCode};
use taskserver_core::{Access, ErrorKind, Identity, ServiceError};
use taskserver_page::view::Visitor;
use taskserver_page::{Action, CONTENT_SECURITY_POLICY as POLICY, Page, StatusPage};

use crate::body::{BodyError, RequestBody};
use crate::request::Request;
use crate::response::{self, Response};
use crate::state::State;
use session::Sessions;

/// Where the pages are told of changes.
const LIVE: &str = "/api/live";
const STATUS: &str = "/api/status";
const LOGIN: &str = "/login";
const LOGOUT: &str = "/logout";

/// The pages of a server, and the sessions of those who look at them.
pub(crate) struct Pages {
    page: Arc<StatusPage>,
    sessions: Sessions,
}

/// What a path leads to.
enum Target {
    Page,
    Asset,
    Live,
    Status,
    Login,
    Logout,
    Act(Action),
}

impl Pages {
    pub(crate) fn new(page: Arc<StatusPage>, secret: Option<&[u8]>, lifetime: Duration) -> Self {
        Self { page, sessions: Sessions::new(secret, lifetime) }
    }

    /// Whether a path is theirs.
    pub(crate) fn have(&self, path: &str) -> bool {
        self.find(path).is_some()
    }

    fn find(&self, path: &str) -> Option<Target> {
        Some(match path {
            LIVE => Target::Live,
            STATUS => Target::Status,
            LOGIN => Target::Login,
            LOGOUT => Target::Logout,
            path if self.page.asset(path).is_some() => Target::Asset,
            path if self.page.has(path) => Target::Page,
            path => Target::Act(self.page.action(path)?),
        })
    }
}

/// Answers a request for a path that is the pages'; `None` where it is not.
pub(crate) async fn answer(
    state: &Arc<State>,
    pages: &Pages,
    request: &Request,
    body: RequestBody,
) -> Result<Response, BodyError> {
    let head = &request.head;
    let path = head.uri.path();
    let Some(target) = pages.find(path) else {
        body.discard().await?;
        return Ok(response::not_found(path));
    };
    let form = body.read().await?;
    let reads = [Method::GET, Method::HEAD].contains(&head.method);
    Ok(match target {
        Target::Asset | Target::Page | Target::Live | Target::Status if !reads => {
            response::method_not_allowed(&head.method, "GET, HEAD")
        }
        Target::Logout | Target::Act(_) if head.method != Method::POST => {
            response::method_not_allowed(&head.method, "POST")
        }
        Target::Login if !reads && head.method != Method::POST => {
            response::method_not_allowed(&head.method, "GET, HEAD, POST")
        }
        Target::Logout | Target::Act(_) | Target::Login if !reads && !origin::is_own(state, request) => {
            let message = "This came from another site, and was not done.";
            html(pages.page.failure(403, "Not allowed", message))
        }
        Target::Asset => asset(pages, path),
        Target::Login if reads => html(pages.page.sign_in(&next(pages, head.uri.query()), None)),
        Target::Login => sign_in(state, pages, request, &form).await,
        Target::Logout => sign_out(pages, state, request),
        Target::Page => page(state, pages, request).await,
        Target::Live => match visitor(state, pages, request).await {
            Some(_) => live::stream(state, pages.page.changes(), request),
            None => not_authenticated(),
        },
        Target::Status => match visitor(state, pages, request).await {
            Some(_) => response::json(&pages.page.status().await),
            None => not_authenticated(),
        },
        Target::Act(action) => act(state, pages, request, &action).await,
    })
}

fn not_authenticated() -> Response {
    response::error(&ServiceError::new(ErrorKind::NotAuthenticated, "Not authenticated"))
}

/// A page for a browser that asks for what is not there.
pub(crate) fn missing(pages: &Pages, head: &hyper::http::request::Parts) -> Option<Response> {
    let accepts = head.headers.get(hyper::header::ACCEPT)?.to_str().ok()?;
    let is_browser = head.method == Method::GET && accepts.contains("text/html");
    is_browser.then(|| html(pages.page.failure(404, "Not found", "There is nothing at this address.")))
}

async fn page(state: &Arc<State>, pages: &Pages, request: &Request) -> Response {
    let uri = &request.head.uri;
    let Some(visitor) = visitor(state, pages, request).await else {
        return match origin::is_from_elsewhere(&request.head.headers) {
            // Whoever follows a link from another site comes without the cookie. Led on by this server itself, they have it.
            true => again(uri.path_and_query().map_or("/", |path| path.as_str())),
            false => {
                let next = form_urlencoded::byte_serialize(uri.path().as_bytes()).collect::<String>();
                see_other(&format!("{LOGIN}?next={next}"))
            }
        };
    };
    let asked = taskserver_page::Request { path: uri.path(), query: uri.query().unwrap_or_default(), visitor };
    html(pages.page.answer(&asked).await)
}

/// Who looks; `None` for somebody who may not.
async fn visitor(state: &Arc<State>, pages: &Pages, request: &Request) -> Option<Visitor> {
    match operator(state, pages, request).await {
        Ok(identity) => Some(Visitor::Operator(identity.user)),
        Err(_) if state.options.protect_pages => None,
        Err(_) if state.gate.knows_anybody() => Some(Visitor::Unknown),
        Err(_) => Some(Visitor::Anonymous),
    }
}

/// The administrator who makes a request: by a session, or by a bearer token.
async fn operator(state: &Arc<State>, pages: &Pages, request: &Request) -> Result<Identity, ServiceError> {
    let headers = &request.head.headers;
    let identity = match pages.sessions.token(headers) {
        Some(token) => state.gate.identify(&token, request.client).await?,
        None => state.gate.admit(headers, request.client).await?,
    };
    identity.must_hold(Access::ADMIN)?;
    Ok(identity)
}

async fn act(state: &Arc<State>, pages: &Pages, request: &Request, action: &Action) -> Response {
    match operator(state, pages, request).await {
        Err(_) => html(pages.page.failure(401, "Not signed in", "Sign in, and try again.")),
        Ok(identity) => match action.act(pages.page.app(), &identity.user).await {
            Ok(()) => see_other(&action.next()),
            Err(reason) => html(pages.page.failure(409, "Not done", &reason)),
        },
    }
}

async fn sign_in(state: &Arc<State>, pages: &Pages, request: &Request, form: &[u8]) -> Response {
    let field = |name: &str| {
        form_urlencoded::parse(form).find(|(key, _)| key == name).map(|(_, value)| value.trim().to_owned())
    };
    let form_query = String::from_utf8_lossy(form);
    let next = next(pages, Some(&form_query));
    let token = field("token").unwrap_or_default();
    let admitted = match state.gate.identify(&token, request.client).await {
        Ok(identity) => identity.must_hold(Access::ADMIN).map(|()| identity),
        Err(error) => Err(error),
    };
    let is_secure = origin::is_secure(state, request);
    let cookie = admitted.and_then(|identity| {
        let cookie = pages.sessions.begin(&token, is_secure).ok_or_else(|| {
            ServiceError::bad_request("This token is too long for a session; use an operator’s token or an API key.")
        })?;
        tracing::info!(user = identity.user, client = %request.client, "an operator has signed in");
        Ok(cookie)
    });
    match cookie {
        Ok(cookie) => {
            let mut response = see_other(&next);
            response.headers_mut().append(SET_COOKIE, cookie);
            response
        }
        Err(error) => {
            let problem = match error.kind() {
                ErrorKind::NotAuthenticated => "This token is not accepted.",
                ErrorKind::Forbidden => {
                    "Whoever holds this token is no administrator: the scope admin:admin is missing."
                }
                ErrorKind::Unavailable => {
                    "The token cannot be checked now: the database does not answer. An operator’s token works all the same."
                }
                _ => error.message(),
            };
            let page = pages.page.sign_in(&next, Some(problem));
            html(Page { status: error.kind().code(), ..page })
        }
    }
}

fn sign_out(pages: &Pages, state: &Arc<State>, request: &Request) -> Response {
    let mut response = see_other("/");
    response.headers_mut().append(SET_COOKIE, pages.sessions.end(origin::is_secure(state, request)));
    response
}

/// Where a browser goes once it has signed in: a page of this server, whatever it was told.
fn next(pages: &Pages, query: Option<&str>) -> String {
    let mut pairs = form_urlencoded::parse(query.unwrap_or_default().as_bytes());
    let next = pairs.find(|(key, _)| key == "next").map(|(_, value)| value.into_owned());
    next.filter(|path| pages.page.has(path) && path.bytes().all(|byte| byte.is_ascii_graphic()))
        .unwrap_or_else(|| "/".to_owned())
}

fn asset(pages: &Pages, path: &str) -> Response {
    match pages.page.asset(path) {
        Some(asset) => response::asset(asset.content_type, asset.body),
        None => response::not_found(path),
    }
}

fn html(page: Page) -> Response {
    let status = StatusCode::from_u16(page.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let mut response = response::html(status, page.html);
    add_policy(response.headers_mut());
    response
}

/// The page's own policy in place of the one that forbids everything. Browsers name the origin of a form only where a page may tell
/// where it is, which it may to this server alone.
fn add_policy(headers: &mut HeaderMap) {
    headers.insert(CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY));
    headers.insert(REFERRER_POLICY, HeaderValue::from_static("same-origin"));
    headers.insert(HeaderName::from_static("cross-origin-opener-policy"), HeaderValue::from_static("same-origin"));
}

fn see_other(path: &str) -> Response {
    let mut response = response::no_content();
    *response.status_mut() = StatusCode::SEE_OTHER;
    if let Ok(path) = HeaderValue::from_str(path) {
        response.headers_mut().insert(LOCATION, path);
    }
    response
}

/// Asks the browser to come again, on its own.
fn again(path: &str) -> Response {
    let mut response = response::html(StatusCode::OK, "<!DOCTYPE html><title>taskserver</title>".to_owned());
    if let Ok(refresh) = HeaderValue::from_str(&format!("0; url={path}")) {
        response.headers_mut().insert("refresh", refresh);
    }
    response
}
