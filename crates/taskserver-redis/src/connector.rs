//! Makes connections, whichever way the server is found. (deadpool-redis' own managers know neither authorities of one's own nor
//! RESP3, so that this is a manager beside them.)
//!
//! All of them speak RESP3, in which one connection carries commands, their answers and the messages of channels: a
//! `PING` that is answered proves that the subscription is alive too. Redis has it since version 6.

use deadpool_redis::redis;
use std::time::Duration;

use deadpool::managed::{self, Metrics, RecycleResult};
use deadpool_redis::redis::aio::MultiplexedConnection;
use deadpool_redis::redis::sentinel::{SentinelClient, SentinelClientBuilder, SentinelServerType};
use deadpool_redis::redis::{
    AsyncConnectionConfig, Client, ConnectionAddr, ErrorKind, IntoConnectionInfo, ProtocolVersion, RedisConnectionInfo,
    RedisResult, TlsCertificates, TlsMode,
};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use secrecy::{ExposeSecret, SecretString};
use tokio::sync::Mutex;

use crate::options::{Endpoint, RedisOptions, Servers};

/// How long to wait for a server to accept a connection, to answer a command, or for Sentinels to name the master.
pub(crate) const TIMEOUT: Duration = Duration::from_secs(3);

/// Makes connections to the servers of some [`RedisOptions`].
pub(crate) enum Connector {
    Nodes(Vec<Client>),
    Sentinel(Box<Mutex<SentinelClient>>),
}

impl Connector {
    pub(crate) fn new(options: &RedisOptions) -> RedisResult<Self> {
        match &options.servers {
            Servers::Nodes(nodes) => {
                nodes.iter().map(|node| client(options, node)).collect::<Result<_, _>>().map(Self::Nodes)
            }
            Servers::Sentinel { master, sentinels, password } => {
                let client = sentinel_client(options, master, sentinels, password.as_ref())?;
                Ok(Self::Sentinel(Box::new(Mutex::new(client))))
            }
        }
    }

    /// A new connection.
    pub(crate) async fn connect(&self, config: &AsyncConnectionConfig) -> RedisResult<MultiplexedConnection> {
        match self {
            Self::Nodes(nodes) => connect_to_any(nodes, config).await,
            Self::Sentinel(client) => {
                let master = async { client.lock().await.async_get_client().await };
                let master = tokio::time::timeout(TIMEOUT, master).await.map_err(|_| {
                    redis::RedisError::from((ErrorKind::Io, "no Sentinel has named a master that answers in time"))
                })??;
                master.get_multiplexed_async_connection_with_config(config).await
            }
        }
    }
}

/// The time limits of a connection.
pub(crate) fn config() -> AsyncConnectionConfig {
    AsyncConnectionConfig::new().set_connection_timeout(Some(TIMEOUT)).set_response_timeout(Some(TIMEOUT))
}

async fn connect_to_any(nodes: &[Client], config: &AsyncConnectionConfig) -> RedisResult<MultiplexedConnection> {
    let mut outcome = Err((ErrorKind::InvalidClientConfig, "no server is named").into());
    for node in nodes {
        outcome = node.get_multiplexed_async_connection_with_config(config).await;
        if outcome.is_ok() {
            break;
        }
    }
    outcome
}

fn address(options: &RedisOptions, (host, port): &Endpoint) -> ConnectionAddr {
    match options.tls {
        None => ConnectionAddr::Tcp(host.clone(), *port),
        Some(_) => ConnectionAddr::TcpTls { host: host.clone(), port: *port, insecure: false, tls_params: None },
    }
}

fn certificates(options: &RedisOptions) -> RedisResult<Option<TlsCertificates>> {
    let Some(tls) = &options.tls else { return Ok(None) };
    let ca = tls.ca.clone().map(String::into_bytes);
    if ca.as_ref().is_some_and(|pem| CertificateDer::pem_slice_iter(pem).next().is_none()) {
        return Err((ErrorKind::InvalidClientConfig, "the authority holds no certificate in PEM").into());
    }
    Ok(Some(TlsCertificates { client_tls: None, root_cert: ca }))
}

fn client(options: &RedisOptions, node: &Endpoint) -> RedisResult<Client> {
    let mut login = RedisConnectionInfo::default().set_protocol(ProtocolVersion::RESP3);
    if let Some(username) = &options.username {
        login = login.set_username(username);
    }
    if let Some(password) = &options.password {
        login = login.set_password(password.expose_secret());
    }
    let info = address(options, node).into_connection_info()?.set_redis_settings(login);
    match certificates(options)? {
        None => Client::open(info),
        Some(certificates) => Client::build_with_tls(info, certificates),
    }
}

fn sentinel_client(
    options: &RedisOptions,
    master: &str,
    sentinels: &[Endpoint],
    sentinel_password: Option<&SecretString>,
) -> RedisResult<SentinelClient> {
    let sentinels = sentinels.iter().map(|sentinel| address(options, sentinel));
    let mut client = SentinelClientBuilder::new(sentinels, master, SentinelServerType::Master)?
        .set_client_to_redis_protocol(ProtocolVersion::RESP3);
    if let Some(username) = &options.username {
        client = client.set_client_to_redis_username(username);
    }
    if let Some(password) = &options.password {
        client = client.set_client_to_redis_password(password.expose_secret());
    }
    if let Some(password) = sentinel_password {
        client = client.set_client_to_sentinel_password(password.expose_secret());
    }
    if let Some(certificates) = certificates(options)? {
        client = client
            .set_client_to_redis_tls_mode(TlsMode::Secure)
            .set_client_to_redis_certificates(certificates.clone())
            .set_client_to_sentinel_tls_mode(TlsMode::Secure)
            .set_client_to_sentinel_certificates(certificates);
    }
    client.build()
}

impl managed::Manager for Connector {
    type Type = MultiplexedConnection;
    type Error = redis::RedisError;

    async fn create(&self) -> RedisResult<MultiplexedConnection> {
        self.connect(&config()).await
    }

    async fn recycle(&self, connection: &mut MultiplexedConnection, _: &Metrics) -> RecycleResult<redis::RedisError> {
        Ok(redis::cmd("PING").exec_async(connection).await?)
    }
}
