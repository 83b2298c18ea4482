//! A deployment of the platform: its users with their credentials, and a server with two of its services.

use std::cell::RefCell;
use std::collections::HashMap;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bytes::Bytes;
use http_body_util::Full;
use hyper::Request;
use ring::rand::SystemRandom;
use ring::{hmac, signature as ring_signature};
use serde_json::{Value, json};
use taskserver_core::{
    Access, App, AppBuilder, Field, FieldType, MemoryService, Method, Params, Schema, Service, date_time,
};
use taskserver_http::{
    BearerAuthenticator, CachedDirectory, HttpOptions, JwtVerifier, OperatorToken, ServiceDirectory,
};

use crate::support::{PATIENCE, Reply, Running, options, start_app};

pub(crate) const RSA_KEY: &[u8] = include_bytes!("keys/rsa.pk8");
pub(crate) const RSA_PUBLIC_KEY: &str = include_str!("keys/rsa.pub.pem");
pub(crate) const EC_KEY: &[u8] = include_bytes!("keys/ec.pk8");
pub(crate) const EC_PUBLIC_KEY: &str = include_str!("keys/ec.pub.pem");

/// What an operator shows, and its SHA-256.
pub(crate) const OPERATOR: &str = "secret";
pub(crate) const OPERATOR_HASH: &str = "2bb80d537b1da3e38bd30361aa855686bde0eacd7162fef6a25fe97bf527a25b";

/// The tables in which the platform keeps its users.
#[derive(Clone)]
pub(crate) struct Tables(HashMap<&'static str, Arc<MemoryService>>);

impl Tables {
    /// Empty tables, and a directory over them.
    pub(crate) fn new() -> (Self, ServiceDirectory) {
        let tables = RefCell::new(HashMap::new());
        let directory = ServiceDirectory::new(|table, schema| {
            let service = Arc::new(MemoryService::new(schema));
            tables.borrow_mut().insert(table, Arc::clone(&service));
            service
        });
        (Self(tables.into_inner()), directory)
    }

    pub(crate) async fn insert(&self, table: &str, mut row: Value) {
        row["createdAt"] = date_time(jiff::Timestamp::now());
        row["updatedAt"] = row["createdAt"].clone();
        self.0[table].create(row.as_object().unwrap().clone(), &Params::default()).await.unwrap();
    }

    pub(crate) async fn remove(&self, table: &str, id: &str) {
        self.0[table].remove(id, &Params::default()).await.unwrap();
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

// Tokens

pub(crate) fn now() -> i64 {
    jiff::Timestamp::now().as_second()
}

/// Claims as the platform writes them, valid for an hour.
pub(crate) fn claims(provider: &str) -> Value {
    json!({"iat": now(), "exp": now() + 3600, "sub": provider, "jti": "5f2c1f6e-9a0b-4a53-8f5c-3f8a1d1b7c42"})
}

/// A token with this signature of its header and claims.
pub(crate) fn jwt(algorithm: &str, claims: &Value, sign: impl Fn(&[u8]) -> Vec<u8>) -> String {
    let encode = |part: &Value| URL_SAFE_NO_PAD.encode(part.to_string());
    let message = format!("{}.{}", encode(&json!({"alg": algorithm, "typ": "access"})), encode(claims));
    let signature = URL_SAFE_NO_PAD.encode(sign(message.as_bytes()));
    format!("{message}.{signature}")
}

pub(crate) fn hs256(secret: &[u8]) -> impl Fn(&[u8]) -> Vec<u8> {
    let key = hmac::Key::new(hmac::HMAC_SHA256, secret);
    move |message| hmac::sign(&key, message).as_ref().to_vec()
}

pub(crate) fn rs256(message: &[u8]) -> Vec<u8> {
    let key = ring_signature::RsaKeyPair::from_pkcs8(RSA_KEY).unwrap();
    let mut signature = vec![0; key.public().modulus_len()];
    key.sign(&ring_signature::RSA_PKCS1_SHA256, &SystemRandom::new(), message, &mut signature).unwrap();
    signature
}

pub(crate) fn es256(message: &[u8]) -> Vec<u8> {
    let random = SystemRandom::new();
    let algorithm = &ring_signature::ECDSA_P256_SHA256_FIXED_SIGNING;
    let key = ring_signature::EcdsaKeyPair::from_pkcs8(algorithm, EC_KEY, &random).unwrap();
    key.sign(&random, message).unwrap().as_ref().to_vec()
}
