//! MariaDB servers.

use std::process::Command;
use std::sync::OnceLock;

use super::directory::Directory;
use super::programs;
use super::server::{Server, Signals, free_port, prepare};
use super::shared::{Shared, own};
use crate::client;

const SIGNALS: Signals = Signals { stop: "TERM", kill: "KILL" };

static SHARED: Shared =
    Shared { name: "MariaDB", variable: "TASKSERVER_TEST_MARIADB_URL", start: || launch(&[]), server: OnceLock::new() };

/// The URL of the server which all tests share; `None` if there is none, which has then been said.
pub fn shared_url() -> Option<&'static str> {
    SHARED.url()
}

/// A server of the calling test's own; `None` if the programs are not installed, which has then been said.
pub fn start() -> Option<Server> {
    start_with(&[])
}

/// The same with further arguments to `mariadbd`.
pub fn start_with(arguments: &[&str]) -> Option<Server> {
    own(SHARED.name, || launch(arguments))
}

fn launch(arguments: &[&str]) -> Result<Server, String> {
    let (install, server) = (programs::mariadb("mariadb-install-db")?, programs::mariadb("mariadbd")?);
    let directory = Directory::new(SIGNALS.kill);
    let port = free_port();

    // Absolute paths: the server would take others as relative to where it is installed. And a folder of its own for temporary
    // tables: a server that starts removes those which it finds, of others too.
    let path = |name: &str| directory.path().join(name).display().to_string();
    let places = [format!("--datadir={}", path("data")), format!("--tmpdir={}", directory.path().display())];
    let mut install = Command::new(install);
    install.args(["--no-defaults", "--auth-root-authentication-method=normal", "--skip-test-db"]).args(&places);
    let mut server = Command::new(server);
    server.arg("--no-defaults").args(&places);
    server.args([format!("--socket={}", path("socket")), format!("--pid-file={}", path("mariadb.pid"))]);
    server.args(["--bind-address=127.0.0.1", "--skip-name-resolve", "--max-connections=500"]);
    server.args(["--character-set-server=utf8mb4", &format!("--port={port}")]);
    // What is committed survives a killed server, but not a power cut.
    server.args(["--innodb-flush-log-at-trx-commit=2", "--innodb-doublewrite=0", "--innodb-log-file-size=64M"]);
    if directory.is_roots() {
        install.arg("--user=root");
        server.arg("--user=root");
    }
    server.args(arguments);
    prepare(install);
    let url = format!("mysql://root@127.0.0.1:{port}/");
    Ok(Server::launch(url, directory, SIGNALS, server, |url| client::mariadb(url, "SELECT 1").map(drop)))
}
