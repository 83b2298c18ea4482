//! A deployment of the platform: its users with their credentials, and a server with two of its services.

use std::cell::RefCell;
use std::sync::Arc;

use bytes::Bytes;
use http_body_util::Full;
use hyper::Request;
use serde_json::{Value, json};
use taskserver_core::{Access, App, AppBuilder, Field, FieldType, MemoryService, Method, Schema, date_time};
use taskserver_http::{
    BearerAuthenticator, CachedDirectory, HttpOptions, JwtVerifier, OperatorToken, ServiceDirectory,
};
use taskserver_tests::tokens::RSA_PUBLIC_KEY;

use crate::support::{PATIENCE, Reply, Running, options, start_app};

/// What an operator shows, and its SHA-256.
pub(crate) const OPERATOR: &str = "secret";
pub(crate) const OPERATOR_HASH: &str = "2bb80d537b1da3e38bd30361aa855686bde0eacd7162fef6a25fe97bf527a25b";

/// The tables in which the platform keeps its users.
#[derive(Clone)]
pub(crate) struct Tables(App);

impl Tables {
    /// Empty tables, and a directory over them.
    pub(crate) fn new() -> (Self, ServiceDirectory) {
        let tables = RefCell::new(App::builder());
        let directory = ServiceDirectory::new(|table, schema| {
            let service = MemoryService::new(schema);
            tables.replace_with(|tables| std::mem::take(tables).service(table, service.clone()));
            Arc::new(service)
        });
        (Self(tables.into_inner().build().unwrap()), directory)
    }

    pub(crate) async fn insert(&self, table: &str, mut row: Value) {
        row["createdAt"] = date_time(jiff::Timestamp::now());
        row["updatedAt"] = row["createdAt"].clone();
        self.0.service(table).create(row).await.unwrap();
    }

    pub(crate) async fn remove(&self, table: &str, id: &str) {
        self.0.service(table).remove(id).await.unwrap();
    }

    /// A user NAME with the identity provider `NAME-provider`, the API key `NAME-key` and these scopes.
    pub(crate) async fn add_user(&self, name: &str, deactivated: bool, scopes: &[&str]) {
        self.insert("user", json!({"id": name, "isDeactivated": deactivated})).await;
        self.insert("identity-provider", json!({"id": format!("{name}-provider"), "userId": name})).await;
        let key = format!("{name}-key");
        self.insert("user-api-key", json!({"id": key, "token": key, "userId": name})).await;
        for scope in scopes {
            self.insert("scope", json!({"userId": name, "type": scope})).await;
        }
    }

    /// An administrator, a guest without scopes, somebody deactivated, and credentials of nobody.
    async fn fill(&self) {
        self.add_user("admin", false, &["editor:write", "admin:admin"]).await;
        self.add_user("guest", false, &["static_resource:read"]).await;
        self.add_user("gone", true, &["admin:admin"]).await;
        self.add_user("revoked", false, &["admin:admin"]).await;
        self.remove("user-api-key", "revoked-key").await;
        self.insert("identity-provider", json!({"id": "nobodys-provider"})).await;
        self.insert("user-api-key", json!({"token": "nobodys-key"})).await;
        self.insert("identity-provider", json!({"id": "removed-provider", "userId": "removed"})).await;
    }
}

fn records() -> MemoryService {
    MemoryService::new(Schema::new([
        Field::required("id", FieldType::ID),
        Field::nullable("count", FieldType::INT),
        Field::nullable("type", FieldType::TEXT),
        Field::nullable("ended", FieldType::Boolean),
        Field::nullable("createdAt", FieldType::DateTime),
        Field::nullable("updatedAt", FieldType::DateTime),
    ]))
}

/// `analytics` offers what it does on the platform; `location` offers everything.
pub(crate) fn app() -> AppBuilder {
    let access =
        Access::new().writes(true).offer("analytics", [Method::Find, Method::Create]).offer("location", Method::ALL);
    App::builder().access(access).service("analytics", records()).service("location", records())
}

pub(crate) fn jwt_verifier() -> JwtVerifier {
    JwtVerifier::new("RS256", None, Some(RSA_PUBLIC_KEY)).unwrap()
}

pub(crate) async fn authenticator(verifier: JwtVerifier) -> BearerAuthenticator {
    let (tables, directory) = Tables::new();
    tables.fill().await;
    BearerAuthenticator::new()
        .operator(OperatorToken::new("operator", OPERATOR_HASH, [Access::ADMIN.to_owned()]).unwrap())
        .directory(Arc::new(CachedDirectory::new(directory, PATIENCE, 100)))
        .jwt(verifier)
}

pub(crate) fn platform_options() -> HttpOptions {
    HttpOptions { max_failed_attempts: u32::MAX, ..options() }
}

pub(crate) async fn start_platform() -> Running {
    start_app(platform_options(), app(), authenticator(jwt_verifier()).await).await
}

/// A request with a bearer token.
pub(crate) fn call(method: &str, uri: &str, token: &str, body: Option<&Value>) -> Request<Full<Bytes>> {
    let request = Request::builder().method(method).uri(uri).header("host", "x");
    let request = request.header("authorization", format!("Bearer {token}"));
    let (request, body) = match body {
        Some(body) => (request.header("content-type", "application/json"), body.to_string().into()),
        None => (request, Bytes::new()),
    };
    request.body(Full::new(body)).unwrap()
}

impl Running {
    /// What an administrator is answered.
    pub(crate) async fn ask(&self, method: &str, uri: &str, body: Option<Value>) -> Reply {
        self.http1(call(method, uri, "admin-key", body.as_ref())).await
    }
}
