//! Who is let in, and every way not to be.

use std::sync::Arc;
use std::time::Duration;

use hyper::StatusCode;
use serde_json::{Value, json};
use taskserver_core::{Access, Method, Query};
use taskserver_http::{Authenticator, BearerAuthenticator, CachedDirectory, HttpOptions, JwtVerifier};
use taskserver_tests::tokens::{EC_PUBLIC_KEY, RSA_PUBLIC_KEY, claims, es256, hs256, jwt, now, rs256};
use tokio::sync::watch;

use crate::platform::{OPERATOR, Tables, app, authenticator, call, jwt_verifier, platform_options, start_platform};
use crate::support::{Reply, Running, options, request, serve, start_app};

const SERVICES: [&str; 2] = ["analytics", "location"];

/// One well-formed request for every method of every service.
fn all_calls() -> Vec<(&'static str, String, Option<Value>)> {
    let data = json!({"count": 1, "type": "activeScenes"});
    let of_method = |service: &str, method: Method| match method {
        Method::Find => ("GET", format!("/{service}"), None),
        Method::Get => ("GET", format!("/{service}/a"), None),
        Method::Create => ("POST", format!("/{service}"), Some(data.clone())),
        Method::Update => ("PUT", format!("/{service}/a"), Some(data.clone())),
        Method::Patch => ("PATCH", format!("/{service}/a"), Some(data.clone())),
        Method::Remove => ("DELETE", format!("/{service}/a"), None),
    };
    SERVICES.iter().flat_map(|service| Method::ALL.map(|method| of_method(service, method))).collect()
}

/// Checks that each call with this token is refused so, and has changed nothing.
async fn refused(server: &Running, why: &str, token: &str, status: u16, message: &str) {
    for (method, uri, body) in all_calls() {
        let reply = server.http1(call(method, &uri, token, body.as_ref())).await;
        check_refusal(&reply, &format!("{why}: {method} {uri}"), status, message);
    }
    for service in SERVICES {
        let page = server.app.service(service).find(Query::new()).await.unwrap();
        assert_eq!(page.data, [record()], "{why}: {service}");
    }
}

fn check_refusal(reply: &Reply, what: &str, status: u16, message: &str) {
    let (name, class) = match status {
        401 => ("NotAuthenticated", "not-authenticated"),
        _ => ("Forbidden", "forbidden"),
    };
    let body = json!({"name": name, "message": message, "code": status, "className": class});
    assert_eq!((reply.status.as_u16(), reply.json()), (status, body), "{what}");
    assert_eq!(reply.header("www-authenticate"), (status == 401).then_some("Bearer"), "{what}");
}

fn record() -> taskserver_core::Record {
    let nulls = json!({"id": "a", "count": 7, "type": null, "ended": null, "createdAt": null, "updatedAt": null});
    nulls.as_object().unwrap().clone()
}

async fn with_a_record(server: Running) -> Running {
    for service in SERVICES {
        server.app.service(service).create(record().into()).await.unwrap();
    }
    server
}

#[tokio::test]
async fn every_way_to_be_refused_is_refused_on_every_service_and_method() {
    let server = with_a_record(start_platform().await).await;
    let unknown = "Not authenticated";
    let admin = || claims("admin-provider");
    let with = |name: &str, value: Value| {
        let mut claims = admin();
        claims[name] = value;
        claims
    };
    let without = |name: &str| {
        let mut claims = admin();
        claims.as_object_mut().unwrap().remove(name);
        claims
    };
    let signed = |claims: &Value| jwt("RS256", claims, rs256);
    let valid = signed(&admin());
    let (message, signature) = valid.rsplit_once('.').unwrap();

    let cases: &[(&str, String, u16, &str)] = &[
        ("an empty token", String::new(), 401, unknown),
        ("malformed", "a.b.c".into(), 401, "jwt malformed"),
        ("malformed", "...".into(), 401, "jwt malformed"),
        ("malformed", format!("{valid}.x"), 401, "jwt malformed"),
        ("no signature", format!("{message}."), 401, "invalid signature"),
        (
            "another's signature",
            format!("{}.{signature}", signed(&claims("x")).rsplit_once('.').unwrap().0),
            401,
            "invalid signature",
        ),
        ("expired", signed(&with("exp", json!(now() - 10))), 401, "jwt expired"),
        ("without expiry", signed(&without("exp")), 401, "jwt malformed"),
        ("for later", signed(&with("nbf", json!(now() + 60))), 401, "jwt not active"),
        ("without a subject", signed(&without("sub")), 401, "jwt malformed"),
        ("a subject of another type", signed(&with("sub", json!(1))), 401, "jwt malformed"),
        ("wrong key", jwt("RS256", &admin(), |_| vec![1; 256]), 401, "invalid signature"),
        ("another key pair", jwt("RS256", &admin(), es256), 401, "invalid signature"),
        ("alg: none", jwt("none", &admin(), |_| Vec::new()), 401, "jwt malformed"),
        ("alg: None", jwt("None", &admin(), |_| Vec::new()), 401, "jwt malformed"),
        (
            "HS256 with the public key",
            jwt("HS256", &admin(), hs256(RSA_PUBLIC_KEY.as_bytes())),
            401,
            "invalid algorithm",
        ),
        (
            "HS256 with its name on RS256",
            jwt("RS256", &admin(), hs256(RSA_PUBLIC_KEY.as_bytes())),
            401,
            "invalid signature",
        ),
        ("another algorithm", jwt("ES256", &admin(), es256), 401, "invalid algorithm"),
        ("unknown provider", signed(&claims("unknown")), 401, unknown),
        ("a provider of nobody", signed(&claims("nobodys-provider")), 401, unknown),
        ("a provider of a removed user", signed(&claims("removed-provider")), 401, unknown),
        ("a provider's id that is too long", signed(&claims(&"x".repeat(300))), 401, unknown),
        ("a user's id in place of a provider's", signed(&claims("admin")), 401, unknown),
        ("deactivated", signed(&claims("gone-provider")), 401, unknown),
        ("missing scope", signed(&claims("guest-provider")), 403, "The scope `admin:admin` is missing"),
        ("unknown key", "unknown-key".into(), 401, unknown),
        ("revoked key", "revoked-key".into(), 401, unknown),
        ("a key in another case", "ADMIN-KEY".into(), 401, unknown),
        ("a key of nobody", "nobodys-key".into(), 401, unknown),
        ("a deactivated user's key", "gone-key".into(), 401, unknown),
        ("a key without scope", "guest-key".into(), 403, "The scope `admin:admin` is missing"),
        ("an operator's hash", crate::platform::OPERATOR_HASH.into(), 401, unknown),
    ];
    for (why, token, status, message) in cases {
        refused(&server, why, token, *status, message).await;
    }
}

#[tokio::test]
async fn a_request_without_a_bearer_token_is_refused_on_every_service_and_method() {
    let server = with_a_record(start_platform().await).await;
    for (method, uri, body) in all_calls() {
        let bare = call(method, &uri, "admin-key", body.as_ref());
        for authorization in [None, Some("admin-key"), Some("Basic YWRtaW4ta2V5"), Some("Bearer"), Some("")] {
            let mut request = bare.clone();
            request.headers_mut().remove("authorization");
            if let Some(value) = authorization {
                request.headers_mut().insert("authorization", value.parse().unwrap());
            }
            let reply = server.http1(request).await;
            check_refusal(&reply, &format!("{authorization:?}: {method} {uri}"), 401, "Not authenticated");
        }
        let mut twice = bare;
        twice.headers_mut().append("authorization", "Bearer guest-key".parse().unwrap());
        check_refusal(&server.http1(twice).await, "two tokens", 401, "Not authenticated");
    }
}

#[tokio::test]
async fn without_an_authenticator_nobody_is_let_in() {
    let server = serve(options(), app(), None).await;
    for (method, uri, body) in all_calls() {
        let reply = server.http1(call(method, &uri, "admin-key", body.as_ref())).await;
        check_refusal(&reply, &uri, 401, "Not authenticated");
    }
}

#[tokio::test]
async fn an_administrator_is_let_in_by_every_kind_of_credential() {
    let admin = claims("admin-provider");
    for (verifier, token) in [
        (jwt_verifier(), jwt("RS256", &admin, rs256)),
        (JwtVerifier::new("ES256", None, Some(EC_PUBLIC_KEY)).unwrap(), jwt("ES256", &admin, es256)),
        (JwtVerifier::new("HS256", Some("shared"), None).unwrap(), jwt("HS256", &admin, hs256(b"shared"))),
        (jwt_verifier(), "admin-key".to_owned()),
        (jwt_verifier(), OPERATOR.to_owned()),
    ] {
        let server = start_app(platform_options(), app(), authenticator(verifier).await).await;
        let reply = server.http1(call("GET", "/analytics", &token, None)).await;
        assert_eq!(reply.status, StatusCode::OK, "{}", reply.body);
    }
}

#[tokio::test]
async fn clocks_may_differ_a_little() {
    let server = start_platform().await;
    let mut claims = claims("admin-provider");
    claims["exp"] = json!(now() - 2);
    claims["nbf"] = json!(now() + 2);
    let reply = server.http1(call("GET", "/analytics", &jwt("RS256", &claims, rs256), None)).await;
    assert_eq!(reply.status, StatusCode::OK, "{}", reply.body);
}

#[tokio::test]
async fn a_service_may_need_another_scope() {
    let app = app().access(Access::new().require("analytics", Method::READS, "static_resource:read"));
    let server = start_app(platform_options(), app, authenticator(jwt_verifier()).await).await;
    let status = async |uri: &str, token: &str| server.http1(call("GET", uri, token, None)).await.status;
    assert_eq!(status("/analytics", "guest-key").await, StatusCode::OK);
    assert_eq!(status("/location", "guest-key").await, StatusCode::FORBIDDEN);
    assert_eq!(status("/analytics", "admin-key").await, StatusCode::FORBIDDEN);
}

#[tokio::test]
async fn a_key_that_is_revoked_ceases_to_work_when_the_cache_has_forgotten_it() {
    let (tables, directory) = Tables::new();
    tables.add_user("admin", false, &["admin:admin"]).await;
    let keep = Duration::from_millis(300);
    let authenticator = BearerAuthenticator::new().directory(Arc::new(CachedDirectory::new(directory, keep, 10)));
    let server = start_app(platform_options(), app(), authenticator).await;
    assert_eq!(server.ask("GET", "/analytics", None).await.status, StatusCode::OK);
    tables.remove("user-api-key", "admin-key").await;
    tokio::time::sleep(keep).await;
    check_refusal(&server.ask("GET", "/analytics", None).await, "revoked", 401, "Not authenticated");
}

#[tokio::test]
async fn an_address_that_fails_too_often_has_to_wait() {
    let options = HttpOptions { max_failed_attempts: 3, ..options() };
    let server = start_app(options, app(), authenticator(jwt_verifier()).await).await;
    for _ in 0..3 {
        let reply = server.http1(call("GET", "/analytics", "guess", None)).await;
        check_refusal(&reply, "a guess", 401, "Not authenticated");
    }
    let reply = server.ask("GET", "/analytics", None).await;
    assert_eq!(reply.status, StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(reply.header("retry-after"), Some("60"));
    assert_eq!(reply.json()["message"], "Too many failed attempts to authenticate; try again later");
    // What needs no credential is answered as ever.
    assert_eq!(server.http1(request("GET", "/livez")).await.status, StatusCode::OK);
    check_refusal(&server.http1(request("GET", "/analytics")).await, "no token", 401, "Not authenticated");
}

#[tokio::test]
async fn behind_a_trusted_proxy_each_client_has_its_own_attempts() {
    let options =
        HttpOptions { max_failed_attempts: 1, trusted_proxies: vec!["127.0.0.0/8".parse().unwrap()], ..options() };
    let server = start_app(options, app(), authenticator(jwt_verifier()).await).await;
    let from = async |client: &str, token: &str| {
        let mut request = call("GET", "/analytics", token, None);
        request.headers_mut().insert("x-forwarded-for", client.parse().unwrap());
        server.http1(request).await.status
    };
    assert_eq!(from("198.51.100.1", "guess").await, StatusCode::UNAUTHORIZED);
    assert_eq!(from("198.51.100.1", "admin-key").await, StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(from("198.51.100.2", "admin-key").await, StatusCode::OK);
}

#[tokio::test]
async fn metrics_and_pages_can_be_for_administrators_only() {
    let options = HttpOptions { protect_metrics: true, protect_pages: true, ..platform_options() };
    let server = start_app(options, app(), authenticator(jwt_verifier()).await).await;
    for path in ["/metrics", "/openapi.json", "/api/tasks", "/api/tasks/greeting"] {
        check_refusal(&server.http1(request("GET", path)).await, path, 401, "Not authenticated");
        let guest = server.http1(call("GET", path, "guest-key", None)).await;
        check_refusal(&guest, path, 403, "The scope `admin:admin` is missing");
        assert_eq!(server.ask("GET", path, None).await.status, StatusCode::OK, "{path}");
    }
    for path in ["/healthcheck", "/livez", "/readyz"] {
        assert_eq!(server.http1(request("GET", path)).await.status, StatusCode::OK, "{path}");
    }
}

#[tokio::test]
async fn a_directory_that_cannot_be_asked_is_no_refusal_and_shows_nothing() {
    use async_trait::async_trait;
    use taskserver_core::{ErrorKind, ServiceError};
    use taskserver_http::{Account, Directory};

    struct Down;

    #[async_trait]
    impl Directory for Down {
        async fn by_identity_provider(&self, id: &str) -> Result<Option<Account>, ServiceError> {
            self.by_api_key(id).await
        }

        async fn by_api_key(&self, _: &str) -> Result<Option<Account>, ServiceError> {
            Err(ServiceError::new(ErrorKind::Unavailable, "10.0.0.7:3306 refuses the password of `server`"))
        }
    }

    let server = start_app(options(), app(), BearerAuthenticator::new().directory(Arc::new(Down))).await;
    let reply = server.ask("GET", "/analytics", None).await;
    assert_eq!(
        reply.json(),
        json!({
            "name": "Unavailable", "message": "The service is not available now; try again later", "code": 503,
            "className": "unavailable"
        })
    );
}

#[tokio::test]
async fn whom_the_server_lets_in_can_change_while_it_runs() {
    let nobody: Arc<dyn Authenticator> = Arc::new(BearerAuthenticator::new());
    let (current, authenticator_now) = watch::channel(nobody);
    let server = start_app(platform_options(), app(), authenticator_now).await;
    check_refusal(&server.ask("GET", "/analytics", None).await, "nobody", 401, "Not authenticated");
    current.send_replace(Arc::new(authenticator(jwt_verifier()).await));
    assert_eq!(server.ask("GET", "/analytics", None).await.status, StatusCode::OK);
}
