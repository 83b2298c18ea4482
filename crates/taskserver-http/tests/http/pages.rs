//! The pages, as browsers and those who would abuse them meet them.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::{Request, StatusCode};
use taskserver_core::Health;
use taskserver_http::{HttpOptions, Server, Surface};
use taskserver_page::StatusPage;
use tokio_util::sync::CancellationToken;

use crate::platform::{app, authenticator, jwt_verifier, platform_options};
use crate::support::{Greeting, Reply, Running, request, soon};

/// A server with pages and with everybody whom the platform knows.
async fn start(options: HttpOptions) -> Running {
    let app = app().task(Greeting).build().unwrap();
    let page = Arc::new(StatusPage::new(app.clone()).identity("taskserver-0"));
    let server = Server::bind(options).await.unwrap();
    let server = server.authenticator(Arc::new(authenticator(jwt_verifier()).await)).pages(page);
    let (address, end) = (server.local_addr(), CancellationToken::new());
    let serving = tokio::spawn(server.serve(app.clone(), end.clone()));
    Running { app, address, end, serving, clock_fails: Arc::default() }
}

fn protected() -> HttpOptions {
    HttpOptions { protect_pages: true, ..platform_options() }
}

/// A form as a browser sends it from a page of this server.
fn form(path: &str, body: &str, headers: &[(&str, &str)]) -> Request<Full<Bytes>> {
    let request = Request::builder().method("POST").uri(path).header("host", "x");
    let request = request.header("content-type", "application/x-www-form-urlencoded");
    let request = headers.iter().fold(request, |request, (name, value)| request.header(*name, *value));
    request.body(Full::new(body.to_owned().into())).unwrap()
}

fn with(path: &str, headers: &[(&str, &str)]) -> Request<Full<Bytes>> {
    let request = Request::builder().uri(path).header("host", "x");
    let request = headers.iter().fold(request, |request, (name, value)| request.header(*name, *value));
    request.body(Full::default()).unwrap()
}

const OWN: (&str, &str) = ("origin", "http://x");

/// Signs in, and gives what the browser sends from then on.
async fn sign_in(server: &Running) -> String {
    let reply = server.http1(form("/login", "token=admin-key&next=/tasks/greeting", &[OWN])).await;
    assert_eq!((reply.status, reply.header("location")), (StatusCode::SEE_OTHER, Some("/tasks/greeting")));
    reply.header("set-cookie").unwrap().split(';').next().unwrap().to_owned()
}

#[tokio::test]
async fn a_page_may_do_nothing_but_what_it_needs() {
    let server = start(platform_options()).await;
    let page = server.http1(request("GET", "/")).await;
    assert_eq!((page.status, page.header("content-type")), (StatusCode::OK, Some("text/html; charset=utf-8")));
    assert_eq!(
        page.header("content-security-policy"),
        Some(
            "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; connect-src 'self'; form-action 'self'; \
             base-uri 'none'; frame-ancestors 'none'"
        )
    );
    assert_eq!((page.header("cache-control"), page.header("referrer-policy")), (Some("no-store"), Some("same-origin")));
    assert!(page.body.contains("taskserver-0") && page.body.contains("/tasks/greeting"), "{}", page.body);
    assert!(!page.body.contains(" style=") && !page.body.contains("<script>") && !page.body.contains(" onclick"));
}

#[tokio::test]
async fn files_of_the_pages_are_kept_for_ever_under_names_of_their_contents() {
    let server = start(protected()).await;
    let login = server.http1(request("GET", "/login")).await;
    let paths: Vec<&str> = login.body.split('"').filter(|text| text.starts_with("/assets/")).collect();
    assert_eq!(paths.len(), 3, "{paths:?}");
    for path in paths {
        let file = server.http1(request("GET", path)).await;
        assert_eq!(file.status, StatusCode::OK, "{path}");
        assert_eq!(file.header("cache-control"), Some("public, max-age=31536000, immutable"));
    }
    assert_eq!(server.http1(request("GET", "/assets/page.0000000000000000.css")).await.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn protected_pages_are_for_administrators_who_have_signed_in() {
    let server = start(protected()).await;
    let stranger = server.http1(request("GET", "/tasks/greeting")).await;
    let location = stranger.header("location").map(str::to_owned);
    assert_eq!(
        (stranger.status, location.as_deref()),
        (StatusCode::SEE_OTHER, Some("/login?next=%2Ftasks%2Fgreeting"))
    );
    assert_eq!(server.http1(request("GET", "/api/live")).await.status, StatusCode::UNAUTHORIZED);
    let form_page = server.http1(request("GET", &location.unwrap())).await;
    assert!(form_page.body.contains(r#"name="next" value="/tasks/greeting""#), "{}", form_page.body);

    let cookie = sign_in(&server).await;
    assert!(!cookie.contains("admin-key"));
    let page = server.http1(with("/tasks/greeting", &[("cookie", &cookie)])).await;
    assert_eq!(page.status, StatusCode::OK);
    assert!(page.body.contains("Run now") && page.body.contains("Sign out"), "{}", page.body);
    // A bearer token does as well, and the cookie is good for nothing but pages.
    let bearer = server.http1(with("/", &[("authorization", "Bearer admin-key")])).await;
    assert_eq!(bearer.status, StatusCode::OK);
    assert_eq!(server.http1(with("/analytics", &[("cookie", &cookie)])).await.status, StatusCode::UNAUTHORIZED);

    let goodbye = server.http1(form("/logout", "", &[OWN, ("cookie", &cookie)])).await;
    assert_eq!((goodbye.status, goodbye.header("location")), (StatusCode::SEE_OTHER, Some("/")));
    assert_eq!(goodbye.header("set-cookie"), Some("taskserver-session=; Path=/; Max-Age=0; HttpOnly; SameSite=Strict"));
}

#[tokio::test]
async fn a_token_that_is_not_accepted_is_told_so_and_nothing_else() {
    let server = start(protected()).await;
    for (token, status, problem) in [
        ("nobody", StatusCode::UNAUTHORIZED, "This token is not accepted."),
        ("", StatusCode::UNAUTHORIZED, "This token is not accepted."),
        ("guest-key", StatusCode::FORBIDDEN, "the scope admin:admin is missing"),
    ] {
        let reply = server.http1(form("/login", &format!("token={token}"), &[OWN])).await;
        assert_eq!(reply.status, status, "{token:?}: {}", reply.body);
        assert!(reply.body.contains(problem), "{}", reply.body);
        assert_eq!(reply.header("set-cookie"), None);
    }
}

#[tokio::test]
async fn attempts_to_guess_a_token_are_limited() {
    let server = start(HttpOptions { max_failed_attempts: 3, ..protected() }).await;
    let attempt = || server.http1(form("/login", "token=guess", &[OWN]));
    for _ in 0..3 {
        assert_eq!(attempt().await.status, StatusCode::UNAUTHORIZED);
    }
    let reply = attempt().await;
    assert_eq!(reply.status, StatusCode::TOO_MANY_REQUESTS);
    assert!(reply.body.contains("Too many failed attempts"), "{}", reply.body);
}

#[tokio::test]
async fn other_sites_can_make_a_browser_do_nothing() {
    let server = start(platform_options()).await;
    let cookie = sign_in(&server).await;
    for foreign in [
        ("origin", "http://evil.example"),
        ("origin", "null"),
        ("origin", "https://x"),
        ("sec-fetch-site", "cross-site"),
        ("sec-fetch-site", "same-site"),
    ] {
        for path in ["/tasks/greeting/run", "/logout", "/login"] {
            let reply = server.http1(form(path, "token=admin-key", &[foreign, ("cookie", &cookie)])).await;
            assert_eq!(reply.status, StatusCode::FORBIDDEN, "{foreign:?} {path}");
            assert_eq!(reply.header("set-cookie"), None);
        }
    }
    assert_eq!(server.app.tasks().status("greeting").unwrap().runs.succeeded, 0);
    // Nor can a link.
    let reply = server.http1(with("/tasks/greeting/run", &[("cookie", &cookie)])).await;
    assert_eq!(reply.status, StatusCode::METHOD_NOT_ALLOWED);
}

#[tokio::test]
async fn whoever_comes_over_a_link_of_another_site_is_led_on_to_where_their_session_counts() {
    let server = start(protected()).await;
    let link = [("sec-fetch-site", "cross-site"), ("sec-fetch-mode", "navigate")];
    let reply = server.http1(with("/tasks/greeting?x=1", &link)).await;
    assert_eq!((reply.status, reply.header("refresh")), (StatusCode::OK, Some("0; url=/tasks/greeting?x=1")));
}

#[tokio::test]
async fn one_is_sent_to_pages_of_this_server_only_after_signing_in() {
    let server = start(platform_options()).await;
    for next in ["https://evil.example/", "//evil.example", "/\\evil.example", "/nowhere", "/login", "/tasks/a%0d%0ab"]
    {
        let reply = server.http1(form("/login", &format!("token=admin-key&next={next}"), &[OWN])).await;
        assert_eq!((reply.status, reply.header("location")), (StatusCode::SEE_OTHER, Some("/")), "{next}");
    }
}

#[tokio::test]
async fn an_operator_runs_and_pauses_tasks_and_a_stranger_does_not() {
    let server = start(platform_options()).await;
    server.app.start();
    let stranger = server.http1(form("/tasks/greeting/run", "", &[OWN])).await;
    assert_eq!(stranger.status, StatusCode::UNAUTHORIZED);
    assert!(!server.http1(request("GET", "/")).await.body.contains("Run now"));

    let cookie = sign_in(&server).await;
    let act = async |path: &str| server.http1(form(path, "", &[OWN, ("cookie", &cookie)])).await;
    let done = |reply: &Reply| (reply.status, reply.header("location").map(str::to_owned));
    let there = (StatusCode::SEE_OTHER, Some("/tasks/greeting".to_owned()));
    assert_eq!(done(&act("/tasks/greeting/run").await), there);
    soon(async {
        while server.app.tasks().status("greeting").unwrap().runs.succeeded == 0 {
            tokio::task::yield_now().await;
        }
    })
    .await;
    assert_eq!(done(&act("/tasks/greeting/pause").await), there);
    assert!(server.app.tasks().status("greeting").unwrap().paused);
    assert_eq!(done(&act("/tasks/greeting/resume").await), there);
    assert!(!server.app.tasks().status("greeting").unwrap().paused);
    let unknown = act("/tasks/farewell/run").await;
    assert_eq!(unknown.status, StatusCode::CONFLICT);
    assert!(unknown.body.contains("farewell"), "{}", unknown.body);
}

#[tokio::test]
async fn a_cookie_is_for_tls_alone_where_a_trusted_proxy_speaks_it() {
    let options = HttpOptions { trusted_proxies: vec!["127.0.0.0/8".parse().unwrap()], ..platform_options() };
    let server = start(options).await;
    let over_tls = [("origin", "https://x"), ("x-forwarded-proto", "https")];
    let reply = server.http1(form("/login", "token=admin-key", &over_tls)).await;
    let cookie = reply.header("set-cookie").unwrap();
    assert!(cookie.starts_with("__Host-taskserver-session=") && cookie.ends_with("; Secure"), "{cookie}");
}

#[tokio::test]
async fn pages_are_told_of_changes() {
    let server = start(platform_options()).await;
    let response = server.http1_head(request("GET", "/api/live")).await;
    assert_eq!(response.headers()["content-type"], "text/event-stream");
    let mut body = response.into_body();
    let mut frame = async || {
        let frame = soon(body.frame()).await.unwrap().unwrap();
        String::from_utf8(frame.into_data().unwrap().to_vec()).unwrap()
    };
    assert_eq!(frame().await, "retry: 3000\n\n");
    server.app.health().register("redis", false).report(Health::Down("gone".into()));
    let changed = tokio::time::timeout(Duration::from_secs(5), frame()).await.unwrap();
    assert!(changed.starts_with("event: changed\ndata: "), "{changed}");
}

#[tokio::test]
async fn browsers_are_told_in_words_what_is_not_there_and_programs_as_before() {
    let server = start(platform_options()).await;
    let page = server.http1(with("/nothing", &[("accept", "text/html,*/*;q=0.8")])).await;
    assert_eq!((page.status, page.header("content-type")), (StatusCode::NOT_FOUND, Some("text/html; charset=utf-8")));
    let json = server.http1(request("GET", "/nothing")).await;
    assert_eq!(json.json()["message"], "Path /nothing not found");
    // No service of Kubernetes' events, no page of them.
    assert_eq!(server.http1(request("GET", "/events")).await.status, StatusCode::NOT_FOUND);
    assert_eq!(server.http1(request("GET", "/tasks/farewell")).await.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn pages_belong_to_the_administration() {
    for (surface, status) in [(Surface::Services, StatusCode::NOT_FOUND), (Surface::Administration, StatusCode::OK)] {
        let server = start(HttpOptions { surface, ..platform_options() }).await;
        assert_eq!(server.http1(request("GET", "/")).await.status, status);
        assert_eq!(server.http1(request("GET", "/login")).await.status, status);
    }
}
