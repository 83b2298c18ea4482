//! A stand-in for kube-apiserver: real HTTP on a local port, for core/v1 events, leases, and the game servers and fleets
//! of Agones.
//!
//! Tests need an API server that forgets, throttles, cuts and lies at the moment they choose. A real one does none of that
//! on demand; this one does, and otherwise answers as a real one does. So that it is not written to please its client,
//! each of its behaviours is asserted against a recording of a real server (`tests/data/kubernetes`) or follows a line of
//! Kubernetes' sources that the code cites. Citations name files of github.com/kubernetes/kubernetes; `pkg/storage`,
//! `pkg/endpoints` and `pkg/server` are those of `staging/src/k8s.io/apiserver`.
//!
//! - [`ApiServer`] is the handle: it starts the server, writes objects without a detour, compacts, injects [`Fault`]s, and
//!   tells which requests came ([`RecordedRequest`]) and what was ever written ([`Change`]).
//! - The store keeps every version of every key under one revision counter, as etcd does, so that pages of one list are
//!   consistent and a watch can start in the past, until it is compacted.
//! - [`Cluster`] is what a story runs on that has to hold of real servers, too.
//!
//! ```
//! # tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
//! use serde_json::json;
//! use taskserver_tests::kubernetes::{ApiServer, Fault, Resource};
//!
//! let server = ApiServer::start().await;
//! server.create(Resource::Events, "default", json!({ "metadata": { "name": "started" }, "reason": "Started" }));
//! server.fail("list", Resource::Events, 2, Fault::status(503));
//! assert!(server.url().starts_with("http://127.0.0.1:"));
//! # });
//! ```

mod cluster;
mod discovery;
mod faults;
mod list;
mod resources;
mod route;
mod selectors;
mod serve;
mod state;
mod status;
mod store;
mod watch;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use serde_json::{Value, json};
use tokio::io::{AsyncRead, AsyncWrite, DuplexStream};
use tokio::net::TcpListener;
use tokio::task::{AbortHandle, JoinSet};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::pem::PemObject as _;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};

use crate::Certificates;

pub use cluster::Cluster;
pub use faults::Fault;
pub use resources::Resource;
pub use store::{Change, ChangeKind};

use state::{State, lock};

/// A request that came in, for tests of what a client needs to be allowed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecordedRequest {
    /// The HTTP method.
    pub method: String,
    /// The path.
    pub path: String,
    /// The query, as it was sent.
    pub query: String,
    /// The RBAC verb (`list`, `watch`, …), or the method in small letters for paths that are not resources.
    pub verb: String,
    /// The resource, where the path names one.
    pub resource: Option<Resource>,
    /// The namespace; empty for all.
    pub namespace: String,
}

/// A running stand-in. It stops, and every connection with it, when the handle is dropped.
pub struct ApiServer {
    state: Arc<State>,
    address: SocketAddr,
    /// The certificate (PEM) of the authority that vouches for it, where it speaks TLS.
    authority: Option<String>,
    accepting: AbortHandle,
}

impl Drop for ApiServer {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

impl ApiServer {
    /// Starts a server on a free port of 127.0.0.1, with an empty store.
    pub async fn start() -> Self {
        Self::start_as(None).await
    }

    /// The same over HTTPS, with a certificate for 127.0.0.1.
    pub async fn start_with_tls() -> Self {
        Self::start_as(Some(Certificates::of(&["127.0.0.1"]))).await
    }

    async fn start_as(certificates: Option<Certificates>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a local port is free");
        let address = listener.local_addr().expect("a bound socket has an address");
        let state = State::new();
        let shared = state.clone();
        let tls = certificates.as_ref().map(tls);
        let accepting = tokio::spawn(async move {
            let mut connections = JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                let _ = stream.set_nodelay(true);
                let (state, tls) = (shared.clone(), tls.clone());
                connections.spawn(async move {
                    match tls {
                        None => serve_connection(state, stream).await,
                        Some(tls) => {
                            // Who does not trust the certificate hangs up.
                            if let Ok(stream) = tls.accept(stream).await {
                                serve_connection(state, stream).await;
                            }
                        }
                    }
                });
                while connections.try_join_next().is_some() {}
            }
        });
        let authority = certificates.map(|certificates| certificates.authority);
        Self { state, address, authority, accepting: accepting.abort_handle() }
    }

    /// The base URL, for a client's configuration.
    pub fn url(&self) -> String {
        let scheme = if self.authority.is_some() { "https" } else { "http" };
        format!("{scheme}://{}", self.address)
    }

    /// The certificate (PEM) of the authority that vouches for the server, where it speaks TLS.
    pub fn authority(&self) -> Option<&str> {
        self.authority.as_deref()
    }

    /// The content of a kubeconfig that leads here.
    pub fn kubeconfig(&self) -> Value {
        let mut cluster = json!({"server": self.url()});
        if let Some(authority) = &self.authority {
            cluster["certificate-authority-data"] = STANDARD.encode(authority).into();
        }
        json!({
            "apiVersion": "v1", "kind": "Config", "current-context": "stand-in",
            "clusters": [{"name": "stand-in", "cluster": cluster}],
            "users": [{"name": "nobody", "user": {}}],
            "contexts": [{"name": "stand-in", "context": {"cluster": "stand-in", "user": "nobody"}}],
        })
    }

    /// A connection through memory instead of TCP. With paused time and one thread, all that happens on it is repeatable.
    pub fn connect(&self) -> DuplexStream {
        let (client, server) = tokio::io::duplex(64 * 1024);
        tokio::spawn(serve_connection(self.state.clone(), server));
        client
    }

    /// Creates an object, and gives it back as stored.
    ///
    /// # Panics
    /// When the object exists already or has no name.
    pub fn create(&self, resource: Resource, namespace: &str, object: Value) -> Arc<Value> {
        let created = self.state.write(resource, |store| store.create(resource, namespace, object));
        created.unwrap_or_else(|status| panic!("cannot create: {}", status.message))
    }

    /// Merges a patch into an object, and gives it back as stored.
    ///
    /// # Panics
    /// When there is no such object.
    pub fn patch(&self, resource: Resource, namespace: &str, name: &str, patch: &Value) -> Arc<Value> {
        let patched = self.state.write(resource, |store| store.patch(resource, namespace, name, patch));
        patched.unwrap_or_else(|status| panic!("cannot patch: {}", status.message))
    }

    /// Deletes an object.
    ///
    /// # Panics
    /// When there is no such object.
    pub fn delete(&self, resource: Resource, namespace: &str, name: &str) {
        let deleted = self.state.change(|store| store.delete(resource, namespace, name));
        deleted.unwrap_or_else(|status| panic!("cannot delete: {}", status.message));
    }

    /// The revision of the last write.
    pub fn revision(&self) -> u64 {
        self.state.with_store(store::Store::revision)
    }

    /// Lets the revision counter move on, as writes of other resources make it do.
    pub fn skip_to_revision(&self, revision: u64) {
        self.state.change(|store| store.skip_to(revision));
    }

    /// Forgets the history before `revision`, as the compactor does every five minutes.
    pub fn compact(&self, revision: u64) {
        self.state.change(|store| store.compact(revision));
    }

    /// Starts over with an empty history, as an etcd that was restored from nothing does.
    pub fn lose_everything(&self) {
        self.state.change(|store| *store = store::Store::default());
        self.cut_connections();
    }

    /// Lets events expire this long after they were last written.
    pub fn expire_events_after(&self, ttl: Duration) {
        self.state.set_event_ttl(Some(ttl));
    }

    /// Sends bookmarks at this interval and at the end of a watch, as for resources in the watch cache.
    pub fn send_bookmarks(&self, interval: Duration) {
        self.state.set_bookmark_interval(Some(interval));
    }

    /// Serves the resources of Agones from now on.
    pub fn install_agones(&self) {
        self.state.install_agones();
    }

    /// Takes the right to `verb` a resource away.
    pub fn deny(&self, verb: &str, resource: Resource) {
        self.state.deny(verb, resource);
    }

    /// Gives all rights back.
    pub fn allow_everything(&self) {
        self.state.allow_everything();
    }

    /// Lets the next `times` requests of this verb and resource meet a fault.
    pub fn fail(&self, verb: &str, resource: Resource, times: usize, fault: Fault) {
        lock(&self.state.faults).script(verb, resource, times, fault);
    }

    /// Lets each request meet a fault with this probability; which, follows from the seed.
    pub fn fail_randomly(&self, seed: u64, probability: f64) {
        lock(&self.state.faults).randomise(seed, probability);
    }

    /// Ends scripted and random faults.
    pub fn stop_failing(&self) {
        lock(&self.state.faults).clear();
    }

    /// Closes every connection at once.
    pub fn cut_connections(&self) {
        self.state.cut.send_modify(|cuts| *cuts += 1);
    }

    /// The requests so far.
    pub fn requests(&self) -> Vec<RecordedRequest> {
        lock(&self.state.requests).clone()
    }

    /// Every write so far, in order, whether compacted or not.
    pub fn changes(&self) -> Vec<Change> {
        self.state.with_store(|store| store.log().to_vec())
    }
}

/// What speaks TLS with this certificate.
fn tls(certificates: &Certificates) -> TlsAcceptor {
    let chain = CertificateDer::pem_slice_iter(certificates.certificate.as_bytes()).collect::<Result<_, _>>();
    let key = PrivateKeyDer::from_pem_slice(certificates.key.as_bytes()).expect("a key in PEM");
    let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .expect("ring's own versions")
        .with_no_client_auth()
        .with_single_cert(chain.expect("certificates in PEM"), key)
        .expect("the certificate's key");
    TlsAcceptor::from(Arc::new(config))
}

async fn serve_connection(state: Arc<State>, stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static) {
    let mut cut = state.cut.subscribe();
    let service = service_fn(move |request| serve::answer(state.clone(), request));
    let connection = http1::Builder::new().timer(TokioTimer::new()).serve_connection(TokioIo::new(stream), service);
    tokio::select! {
        biased;
        _ = cut.changed() => {}
        // How a connection ends is the client's to judge.
        _ = connection => {}
    }
}
