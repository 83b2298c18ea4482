//! Every way to be refused, on every service and method that this binary composes, with the users in each kind of database. The
//! services are those that the composed app has: a new one is tried too.

use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper::client::conn::http1::{self, SendRequest};
use hyper::header::{AUTHORIZATION, CONTENT_TYPE, HOST};
use hyper::{Request, Response, body::Incoming};
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use taskserver_config::{Loader, Settings};
use taskserver_core::{App, Method, Query};
use taskserver_http::Server;
use taskserver_tests::tokens::{RSA_PUBLIC_KEY, claims, es256, hs256, jwt, now, rs256};
use taskserver_tests::{TestDatabase, for_each_backend};
use tokio::net::TcpStream;
use tokio_util::sync::CancellationToken;

use crate::compose::{Composition, Purpose};
use crate::{database, http};

/// An administrator, a guest without the scope, and somebody deactivated, with their credentials; credentials of nobody; and
/// rows that a database may take for theirs, since it compares without regard to case or blanks.
const ACCOUNTS: &str = r#"
    INSERT INTO "user" ("id", "name", "isDeactivated", "createdAt", "updatedAt") VALUES
      ('admin', '', FALSE, '2026-01-01 00:00:00', '2026-01-01 00:00:00'),
      ('guest', '', FALSE, '2026-01-01 00:00:00', '2026-01-01 00:00:00'),
      ('gone', '', TRUE, '2026-01-01 00:00:00', '2026-01-01 00:00:00');
    INSERT INTO "identity-provider" ("id", "type", "userId", "createdAt", "updatedAt") VALUES
      ('admin-provider', 'guest', 'admin', '2026-01-01 00:00:00', '2026-01-01 00:00:00'),
      ('guest-provider', 'guest', 'guest', '2026-01-01 00:00:00', '2026-01-01 00:00:00'),
      ('gone-provider', 'guest', 'gone', '2026-01-01 00:00:00', '2026-01-01 00:00:00'),
      ('nobodys-provider', 'guest', NULL, '2026-01-01 00:00:00', '2026-01-01 00:00:00'),
      ('removed-provider', 'guest', 'removed', '2026-01-01 00:00:00', '2026-01-01 00:00:00');
    INSERT INTO "user-api-key" ("id", "token", "userId", "createdAt", "updatedAt") VALUES
      ('1', 'admin-key', 'admin', '2026-01-01 00:00:00', '2026-01-01 00:00:00'),
      ('2', 'guest-key', 'guest', '2026-01-01 00:00:00', '2026-01-01 00:00:00'),
      ('3', 'gone-key', 'gone', '2026-01-01 00:00:00', '2026-01-01 00:00:00'),
      ('4', 'nobodys-key', NULL, '2026-01-01 00:00:00', '2026-01-01 00:00:00'),
      ('5', 'revoked-key', 'admin', '2026-01-01 00:00:00', '2026-01-01 00:00:00'),
      ('6', 'CASED-KEY', 'admin', '2026-01-01 00:00:00', '2026-01-01 00:00:00'),
      ('7', 'padded-key ', 'admin', '2026-01-01 00:00:00', '2026-01-01 00:00:00');
    INSERT INTO "scope" ("id", "userId", "type", "createdAt", "updatedAt") VALUES
      ('1', 'admin', 'admin:admin', '2026-01-01 00:00:00', '2026-01-01 00:00:00'),
      ('2', 'gone', 'admin:admin', '2026-01-01 00:00:00', '2026-01-01 00:00:00'),
      ('3', 'guest', 'static_resource:read', '2026-01-01 00:00:00', '2026-01-01 00:00:00'),
      ('4', 'GUEST', 'admin:admin', '2026-01-01 00:00:00', '2026-01-01 00:00:00'),
      ('5', 'guest ', 'admin:admin', '2026-01-01 00:00:00', '2026-01-01 00:00:00'),
      ('6', 'guest', 'ADMIN:ADMIN', '2026-01-01 00:00:00', '2026-01-01 00:00:00'),
      ('7', 'guest', 'admin:admin ', '2026-01-01 00:00:00', '2026-01-01 00:00:00');
    DELETE FROM "user-api-key" WHERE "token" = 'revoked-key'"#;

/// What is composed in a cluster, where there are the most services, with the platform's key for tokens.
fn settings(database: &TestDatabase) -> Settings {
    let url = format!("database.url={}", database.url());
    let key = format!("authentication.jwt_public_key={RSA_PUBLIC_KEY}");
    let others = [
        "authentication.jwt_algorithm=RS256",
        "authentication.max_failed_attempts=1000000",
        "http.host=127.0.0.1",
        "http.port=0",
        "http.writes=true",
        "kubernetes.enabled=true",
    ];
    let folder = tempfile::tempdir().unwrap();
    let loader = Loader::new().working_directory(folder.path()).overrides([url, key]).overrides(others);
    loader.load().unwrap().settings
}

/// A client of the composed services, over one connection.
struct Caller {
    app: App,
    sender: SendRequest<Full<Bytes>>,
    _end: tokio_util::sync::DropGuard,
}

impl Caller {
    /// Serves what the settings compose: its services and its authentication. Its tasks do not run.
    async fn start(settings: &Settings) -> Self {
        let composition = Composition::new(settings, Purpose::RunOnce, Vec::new()).unwrap();
        database::prepare(&composition.store, settings).await.unwrap();
        let server = Server::bind(http::options(settings).remove(0)).await.unwrap();
        let server = server.authenticator(composition.authenticator());
        let app = composition.app;
        let stream = TcpStream::connect(server.local_addr()).await.unwrap();
        let end = CancellationToken::new();
        tokio::spawn(server.serve(app.clone(), end.clone()));
        let (sender, connection) = http1::handshake(TokioIo::new(stream)).await.unwrap();
        tokio::spawn(connection);
        Self { app, sender, _end: end.drop_guard() }
    }

    async fn send(&mut self, call: &Call, token: Option<&str>) -> Response<Incoming> {
        let mut request = Request::builder().method(call.verb).uri(&call.uri).header(HOST, "x");
        if let Some(token) = token {
            request = request.header(AUTHORIZATION, format!("Bearer {token}"));
        }
        let request = match call.verb {
            "GET" | "DELETE" => request.body(Full::default()),
            _ => request.header(CONTENT_TYPE, "application/json").body(Full::from(r#"{"count": 1}"#)),
        };
        self.sender.ready().await.unwrap();
        let sent = self.sender.send_request(request.unwrap());
        tokio::time::timeout(Duration::from_secs(30), sent).await.unwrap().unwrap()
    }

    async fn answer(&mut self, call: &Call, token: Option<&str>) -> (u16, Value) {
        let response = self.send(call, token).await;
        let status = response.status().as_u16();
        let body = response.into_body().collect().await.unwrap().to_bytes();
        (status, serde_json::from_slice(&body).unwrap())
    }

    /// One well-formed request for every method of every service, and for its events.
    fn calls(&self) -> Vec<Call> {
        let of_service = |(service, _): (&str, _)| {
            let call = |method: Method, verb, uri| {
                let scope = self.app.services().access().scope(service, method).to_owned();
                Call { verb, uri, scope }
            };
            let of_method = |method: Method| match method {
                Method::Find => call(method, "GET", format!("/{service}")),
                Method::Get => call(method, "GET", format!("/{service}/a")),
                Method::Create => call(method, "POST", format!("/{service}")),
                Method::Update => call(method, "PUT", format!("/{service}/a")),
                Method::Patch => call(method, "PATCH", format!("/{service}/a")),
                Method::Remove => call(method, "DELETE", format!("/{service}/a")),
            };
            let events = call(Method::Find, "GET", format!("/api/events?service={service}"));
            Method::ALL.map(of_method).into_iter().chain([events]).collect::<Vec<_>>()
        };
        self.app.services().iter().flat_map(of_service).collect()
    }

    /// How many records each service has.
    async fn totals(&self) -> Vec<(String, u64)> {
        let mut totals = Vec::new();
        for (service, _) in self.app.services().iter() {
            let page = self.app.service(service).find(Query::new().limit(0)).await.unwrap();
            totals.push((service.to_owned(), page.total));
        }
        totals
    }
}

struct Call {
    verb: &'static str,
    uri: String,
    /// What whoever makes it must hold.
    scope: String,
}

/// What is wrong, the token, and the message; `None` where it is the scope that is missing.
type Case = (&'static str, Option<String>, Option<&'static str>);

fn cases() -> Vec<Case> {
    let with = |name: &str, value: u64| {
        let mut claims = claims("admin-provider");
        claims[name] = json!(value);
        claims
    };
    let of = |provider: &str| Some(jwt("RS256", &claims(provider), rs256));
    let key = |key: &str| Some(key.to_owned());
    let admin = claims("admin-provider");
    let unknown = Some("Not authenticated");
    vec![
        ("no token", None, unknown),
        ("malformed", key("a.b.c"), Some("jwt malformed")),
        ("expired", Some(jwt("RS256", &with("exp", now() - 60), rs256)), Some("jwt expired")),
        ("for later", Some(jwt("RS256", &with("nbf", now() + 60), rs256)), Some("jwt not active")),
        ("wrong key", Some(jwt("RS256", &admin, es256)), Some("invalid signature")),
        ("alg: none", Some(jwt("none", &admin, |_| Vec::new())), Some("jwt malformed")),
        (
            "HS256 with the public key",
            Some(jwt("HS256", &admin, hs256(RSA_PUBLIC_KEY.as_bytes()))),
            Some("invalid algorithm"),
        ),
        ("unknown provider", of("unknown-provider"), unknown),
        ("a provider of nobody", of("nobodys-provider"), unknown),
        ("a removed user's provider", of("removed-provider"), unknown),
        ("a provider in another case", of("ADMIN-PROVIDER"), unknown),
        ("a provider with a blank", of("admin-provider "), unknown),
        ("a deactivated user's provider", of("gone-provider"), unknown),
        ("a provider without the scope", of("guest-provider"), None),
        ("unknown key", key("unknown-key"), unknown),
        ("revoked key", key("revoked-key"), unknown),
        ("a key of nobody", key("nobodys-key"), unknown),
        ("a key in another case", key("cased-key"), unknown),
        ("a key that is stored with a blank", key("padded-key"), unknown),
        ("a deactivated user's key", key("gone-key"), unknown),
        ("a key without the scope", key("guest-key"), None),
    ]
}

for_each_backend! {
    async fn every_way_to_be_refused_is_refused_on_every_service_and_method(database: TestDatabase) {
        database.create_platform_tables();
        database.execute(ACCOUNTS);
        let mut caller = Caller::start(&settings(&database)).await;
        let calls = caller.calls();
        let services: Vec<_> = caller.app.services().iter().map(|(path, _)| path.to_owned()).collect();
        assert!(["analytics", "k8s-event", "task-run"].iter().all(|path| services.iter().any(|known| known == path)));
        let totals = caller.totals().await;
        for (why, token, message) in cases() {
            for call in &calls {
                let answer = caller.answer(call, token.as_deref()).await;
                let missing = format!("The scope `{}` is missing", call.scope);
                let (name, message, code, class) = match message {
                    Some(message) => ("NotAuthenticated", message, 401, "not-authenticated"),
                    None => ("Forbidden", &*missing, 403, "forbidden"),
                };
                let body = json!({"name": name, "message": message, "code": code, "className": class});
                assert_eq!(answer, (code, body), "{why}: {} {}", call.verb, call.uri);
            }
        }
        assert_eq!(caller.totals().await, totals);

        // The same calls of an administrator get further.
        let admin = jwt("RS256", &claims("admin-provider"), rs256);
        for token in [&*admin, "admin-key", "CASED-KEY"] {
            for call in calls.iter().filter(|call| !call.uri.starts_with("/api")) {
                let (status, body) = caller.answer(call, Some(token)).await;
                assert!(![401, 403].contains(&status), "{} {}: {body}", call.verb, call.uri);
            }
        }
        let events = calls.last().unwrap();
        assert_eq!((&*events.uri, caller.send(events, Some(&admin)).await.status().as_u16()), ("/api/events?service=user", 200));
    }
}
