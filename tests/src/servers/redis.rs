//! Redis servers.
//!
//! PUB/SUB channels belong to a whole server, not to one of its databases: a test that publishes on a channel with a fixed name needs
//! a server of its own.

use std::process::Command;
use std::sync::OnceLock;

use url::Url;

use super::directory::Directory;
use super::programs;
use super::server::{Server, Signals, free_port};
use super::shared::{Shared, own};

const SIGNALS: Signals = Signals { stop: "TERM", kill: "KILL" };

static SHARED: Shared =
    Shared { name: "Redis", variable: "TASKSERVER_TEST_REDIS_URL", start: || launch(None), server: OnceLock::new() };

/// The URL of the server which all tests share; `None` if there is none, which has then been said.
pub fn shared_url() -> Option<&'static str> {
    SHARED.url()
}

/// A server of the calling test's own; `None` if the programs are not installed, which has then been said.
pub fn start() -> Option<Server> {
    own(SHARED.name, || launch(None))
}

/// The same with a password: letters and digits, as it becomes part of the URL.
pub fn start_with_password(password: &str) -> Option<Server> {
    own(SHARED.name, || launch(Some(password)))
}

/// A server that takes TLS on a port of its own, with a certificate for the names of these certificates; and that port.
#[cfg(feature = "certificates")]
pub fn start_with_tls(certificates: &crate::Certificates) -> Option<(Server, u16)> {
    let tls_port = free_port();
    let server = own(SHARED.name, || {
        let directory = Directory::new(SIGNALS.kill);
        let crate::Certificates { authority, certificate, key } = certificates;
        let files = [("ca", authority), ("certificate", certificate), ("key", key)];
        for (name, pem) in files {
            std::fs::write(directory.path().join(name), pem).map_err(|error| error.to_string())?;
        }
        let port = free_port();
        let mut server = command(port)?;
        server.args(["--tls-port", &tls_port.to_string(), "--tls-auth-clients", "no"]);
        server.args(["--tls-ca-cert-file", "ca", "--tls-cert-file", "certificate", "--tls-key-file", "key"]);
        Ok(Server::launch(format!("redis://127.0.0.1:{port}"), directory, SIGNALS, server, is_ready))
    })?;
    Some((server, tls_port))
}

/// A Sentinel with a password that knows a server by this name.
pub fn start_sentinel(name: &str, master: &Server, password: &str) -> Option<Server> {
    own(SHARED.name, || {
        let program = programs::redis("redis-server")?;
        let (directory, port) = (Directory::new(SIGNALS.kill), free_port());
        let at = Url::parse(master.url()).map_err(|error| error.to_string())?;
        // It keeps its state in its configuration file.
        let settings = format!(
            "port {port}\nbind 127.0.0.1\nrequirepass {password}\nsentinel monitor {name} 127.0.0.1 {} 1\n",
            at.port().expect("a port")
        );
        std::fs::write(directory.path().join("conf"), settings).map_err(|error| error.to_string())?;
        let mut sentinel = Command::new(program);
        sentinel.args(["conf", "--sentinel"]);
        let url = format!("redis://:{password}@127.0.0.1:{port}");
        Ok(Server::launch(url, directory, SIGNALS, sentinel, is_ready))
    })
}

fn command(port: u16) -> Result<Command, String> {
    let mut server = Command::new(programs::redis("redis-server")?);
    server.args(["--port", &port.to_string(), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"]);
    Ok(server)
}

fn launch(password: Option<&str>) -> Result<Server, String> {
    let port = free_port();
    let mut server = command(port)?;
    let mut url = format!("redis://127.0.0.1:{port}");
    if let Some(password) = password {
        server.args(["--requirepass", password]);
        url = format!("redis://:{password}@127.0.0.1:{port}");
    }
    Ok(Server::launch(url, Directory::new(SIGNALS.kill), SIGNALS, server, is_ready))
}

fn is_ready(url: &str) -> Result<(), String> {
    let parts = Url::parse(url).expect("the URL of a server that was just started");
    let mut client = Command::new(programs::redis("redis-cli")?);
    client.args(["-h", "127.0.0.1", "-p", &parts.port().expect("a port").to_string(), "PING"]);
    if let Some(password) = parts.password() {
        client.env("REDISCLI_AUTH", password);
    }
    let output = client.output().map_err(|error| error.to_string())?;
    if output.stdout == b"PONG\n" { Ok(()) } else { Err(String::from_utf8_lossy(&output.stderr).trim().to_owned()) }
}
