//! The ways to a server: password, TLS, Sentinel, cluster.

use std::net::TcpListener;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use taskserver_core::Probe as _;
use taskserver_redis::{FeathersSync, FeathersSyncOptions, Redis, RedisOptions};
use taskserver_tests::Certificates;
use taskserver_tests::servers::redis;
use tempfile::TempDir;
use tokio::process::{Child, Command};

use super::fixture::{PATIENCE, Wire, app, create_analytics, eventually, is_connected, options};

const HOST: &str = "127.0.0.1";

/// A server with options of this test's own. It is killed when this is dropped.
struct Server {
    port: u16,
    process: Child,
    _directory: TempDir,
}

impl Server {
    /// Starts a server; `write` may put files into its folder, which is the present one for its `arguments`.
    async fn start(port_option: &str, arguments: &[&str], write: impl FnOnce(&Path)) -> Self {
        let directory = TempDir::new().unwrap();
        write(directory.path());
        let port = TcpListener::bind((HOST, 0)).unwrap().local_addr().unwrap().port();
        let mut command = Command::new("redis-server");
        command.args(["--save", "", port_option, &port.to_string(), "--bind", HOST]).args(arguments);
        command.current_dir(directory.path()).stdout(Stdio::null()).kill_on_drop(true);
        let server = Self { port, process: command.spawn().unwrap(), _directory: directory };
        eventually("listening", || std::net::TcpStream::connect((HOST, port)).is_ok()).await;
        server
    }

    fn at(&self) -> (String, u16) {
        (HOST.to_owned(), self.port)
    }

    fn url(&self) -> String {
        format!("redis://{HOST}:{}", self.port)
    }

    async fn command(&self, words: &[&str]) -> String {
        let output = Command::new("redis-cli").args(["-p", &self.port.to_string()]).args(words).output().await.unwrap();
        String::from_utf8(output.stdout).unwrap()
    }

    /// Asks until the answer is as it should be.
    async fn answers(&self, words: &[&str], as_it_should: impl Fn(&str) -> bool) {
        let ask = async {
            while !as_it_should(&self.command(words).await) {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        tokio::time::timeout(PATIENCE, ask)
            .await
            .unwrap_or_else(|_| panic!("{words:?} is never answered as it should"));
    }
}

async fn ping(options: RedisOptions) -> Result<(), String> {
    Redis::new(&options).unwrap().ping().await.map_err(|error| error.to_string())
}

#[tokio::test]
async fn a_password_is_needed_where_the_server_has_one_and_is_never_told() {
    let Some(server) = redis::start_with_password("secret") else { return };
    let with = |password: &str| options(server.url()).with_password(password);
    assert_eq!(ping(with("secret")).await, Ok(()));
    assert_eq!(ping(with("secret").with_username("default")).await, Ok(()));

    let address = server.url().split('@').nth(1).unwrap();
    let refused = |reason: &str| {
        Err(format!(
            "cannot connect to Redis at {address}: {reason}; check the settings under `redis`, \
             and that the server is Redis 6 or newer"
        ))
    };
    let wrong = "\"WRONGPASS\": invalid username-password pair or user is disabled.";
    assert_eq!(ping(with("another")).await, refused(wrong));
    let missing = "\"NOAUTH\": HELLO must be called with the client already authenticated, otherwise the HELLO AUTH \
                   <user> <pass> option can be used to authenticate the client and select the RESP protocol version at the same time";
    assert_eq!(ping(with("")).await, refused(missing));
    assert!(!format!("{:?}", with("secret")).contains("secret"));
}

#[tokio::test]
async fn the_pool_is_a_probe_that_tells_its_use() {
    let Some(server) = redis::start() else { return };
    let pool = Redis::new(&options(server.url())).unwrap();
    pool.probe().await.unwrap();
    let usage = pool.pool().unwrap();
    assert_eq!((usage.open, usage.used, usage.max), (1, 0, 4));
}

#[tokio::test]
async fn tls_is_encrypted_and_verified() {
    if redis::shared_url().is_none() {
        return;
    }
    let Certificates { authority, certificate, key } = Certificates::of(&["localhost"]);
    let tls = ["--port", "0", "--tls-cert-file", "certificate", "--tls-key-file", "key", "--tls-ca-cert-file", "ca"];
    let arguments = [&tls[..], &["--tls-auth-clients", "no", "--requirepass", "secret"]].concat();
    let server = Server::start("--tls-port", &arguments, |directory| {
        for (name, pem) in [("ca", &authority), ("certificate", &certificate), ("key", &key)] {
            std::fs::write(directory.join(name), pem).unwrap();
        }
    });
    let server = server.await;
    let at = |host: &str| RedisOptions::standalone(host, server.port).with_password("secret");

    assert_eq!(ping(at("localhost").with_ca(&authority)).await, Ok(()));
    let app = app();
    let redis = Redis::new(&at("localhost").with_ca(&authority)).unwrap();
    let _sync = FeathersSync::new(&redis, FeathersSyncOptions::default()).start(&app);
    eventually("connected", || is_connected(&app)).await;

    for (options, reason) in [
        (at("localhost").with_tls(), "invalid peer certificate: UnknownIssuer"),
        (at("127.0.0.1").with_ca(&authority), "certificate not valid for name \"127.0.0.1\""),
        // How the server ends a connection without TLS is a matter of timing.
        (at("localhost"), "cannot connect to Redis at localhost"),
    ] {
        let error = ping(options).await.unwrap_err();
        assert!(error.contains(reason), "{error}");
    }
}

#[test]
fn an_authority_without_a_certificate_is_refused() {
    let error = Redis::new(&RedisOptions::standalone("localhost", 6379).with_ca("no certificate")).err().unwrap();
    assert_eq!(
        error.to_string(),
        "Redis at localhost:6379 cannot be used as it is configured: the authority holds no certificate in PEM - \
         InvalidClientConfig"
    );
}

#[tokio::test]
async fn the_master_that_sentinels_choose_is_followed() {
    if redis::shared_url().is_none() {
        return;
    }
    let password = ["--requirepass", "secret", "--masterauth", "secret"];
    let mut master = Server::start("--port", &password, |_| {}).await;
    let master_at = format!("{HOST} {}", master.port);
    let replica = [&password[..], &["--replicaof", &master_at]].concat();
    let replica = Server::start("--port", &replica, |_| {}).await;
    let auth = ["-a", "secret", "--no-auth-warning"];
    let replication = [&auth[..], &["INFO", "replication"]].concat();
    replica.answers(&replication, |answer| answer.contains("master_link_status:up")).await;
    let settings = format!(
        "requirepass of-sentinels\nsentinel monitor mymaster {master_at} 1\nsentinel auth-pass mymaster secret\n\
         sentinel down-after-milliseconds mymaster 500\nsentinel failover-timeout mymaster 3000\n"
    );
    let sentinel = sentinel(&settings).await;
    let masters = ["-a", "of-sentinels", "--no-auth-warning", "SENTINEL", "MASTERS"];
    sentinel.answers(&masters, |answer| answer.contains("num-slaves\n1")).await;

    let options = RedisOptions::sentinel("mymaster", [(HOST.into(), 1), sentinel.at()])
        .with_password("secret")
        .with_sentinel_password("of-sentinels");
    assert_eq!(ping(options.clone()).await, Ok(()));
    let app = app();
    let _sync = FeathersSync::new(&Redis::new(&options).unwrap(), FeathersSyncOptions::default()).start(&app);
    eventually("connected", || is_connected(&app)).await;

    master.process.kill().await.unwrap();
    eventually("noticed", || !is_connected(&app)).await;
    eventually("connected again", || is_connected(&app)).await;
    let mut wire = Wire::join(&format!("redis://:secret@{HOST}:{}", replica.port)).await;
    create_analytics(&app, 1).await;
    assert_eq!(wire.next().await["data"]["count"], 1);
}

/// A Sentinel keeps its state in its configuration file.
async fn sentinel(settings: &str) -> Server {
    let directory = TempDir::new().unwrap();
    let port = TcpListener::bind((HOST, 0)).unwrap().local_addr().unwrap().port();
    std::fs::write(directory.path().join("conf"), format!("port {port}\nbind {HOST}\n{settings}")).unwrap();
    let mut command = Command::new("redis-server");
    command.args(["conf", "--sentinel"]).current_dir(directory.path()).stdout(Stdio::null()).kill_on_drop(true);
    let server = Server { port, process: command.spawn().unwrap(), _directory: directory };
    eventually("listening", || std::net::TcpStream::connect((HOST, port)).is_ok()).await;
    server
}

#[tokio::test]
async fn one_node_of_a_cluster_is_enough_and_another_takes_over() {
    if redis::shared_url().is_none() {
        return;
    }
    let mut first = Server::start("--port", &["--cluster-enabled", "yes"], |_| {}).await;
    let second = Server::start("--port", &["--cluster-enabled", "yes"], |_| {}).await;
    second.command(&["CLUSTER", "MEET", HOST, &first.port.to_string()]).await;
    for node in [&first, &second] {
        let met =
            |nodes: &str| nodes.lines().count() == 2 && !nodes.contains("handshake") && !nodes.contains("disconnected");
        node.answers(&["CLUSTER", "NODES"], met).await;
    }

    let options = RedisOptions::cluster([first.at(), second.at()]);
    let app = app();
    let _sync = FeathersSync::new(&Redis::new(&options).unwrap(), FeathersSyncOptions::default()).start(&app);
    eventually("connected", || is_connected(&app)).await;
    let mut wire = Wire::join(&second.url()).await;
    create_analytics(&app, 1).await;
    assert_eq!(wire.next().await["data"]["count"], 1);

    first.process.kill().await.unwrap();
    create_analytics(&app, 2).await;
    assert_eq!(wire.next().await["data"]["count"], 2);
}
