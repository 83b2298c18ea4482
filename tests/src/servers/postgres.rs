//! PostgreSQL servers.

use std::path::Path;
use std::process::Command;
use std::sync::OnceLock;

use super::directory::Directory;
use super::programs;
use super::server::{Server, Signals, free_port, prepare};
use super::shared::{Shared, own};
use crate::client;

/// SIGQUIT rather than SIGKILL: it ends the processes of the connections too, likewise without a goodbye.
const SIGNALS: Signals = Signals { stop: "INT", kill: "QUIT" };

static SHARED: Shared = Shared {
    name: "PostgreSQL",
    variable: "TASKSERVER_TEST_POSTGRES_URL",
    start: || launch(&[]),
    server: OnceLock::new(),
};

/// The URL of the server which all tests share; `None` if there is none, which has then been said.
pub fn shared_url() -> Option<&'static str> {
    SHARED.url()
}

/// A server of the calling test's own; `None` if the programs are not installed, which has then been said.
pub fn start() -> Option<Server> {
    start_with(&[])
}

/// The same with further settings, such as `fsync=on`, which override those for tests.
pub fn start_with(settings: &[&str]) -> Option<Server> {
    own(SHARED.name, || launch(settings))
}

fn launch(settings: &[&str]) -> Result<Server, String> {
    let (initdb, postgres) = (programs::postgres("initdb")?, programs::postgres("postgres")?);
    let directory = Directory::new(SIGNALS.kill);
    let port = free_port();
    let as_root = directory.is_roots();
    if as_root {
        let mut chown = Command::new("chown");
        chown.arg("postgres:").arg(directory.path());
        prepare(chown);
    }

    let mut initdb = unprivileged(&initdb, as_root);
    initdb.args(["--username=postgres", "--auth=trust", "--encoding=UTF8", "--no-locale", "--no-sync"]);
    initdb.arg("--pgdata").arg(directory.path().join("data")).current_dir(directory.path());
    prepare(initdb);

    let mut server = unprivileged(&postgres, as_root);
    server.args(["-D", "data", "-p", &port.to_string()]);
    for setting in [
        "listen_addresses=127.0.0.1",
        "unix_socket_directories=",
        "max_connections=500",
        // What is committed survives a killed server, but not a power cut.
        "fsync=off",
        "full_page_writes=off",
    ]
    .iter()
    .chain(settings)
    {
        server.args(["-c", setting]);
    }
    let url = format!("postgres://postgres@127.0.0.1:{port}/postgres");
    Ok(Server::launch(url, directory, SIGNALS, server, |url| client::postgres(url, "SELECT 1").map(drop)))
}

/// A command that does not run as root, which PostgreSQL refuses, but as the user `postgres`, whom its package brings.
fn unprivileged(program: &Path, as_root: bool) -> Command {
    if !as_root {
        return Command::new(program);
    }
    let mut command = Command::new("setpriv");
    command.args(["--reuid=postgres", "--regid=postgres", "--clear-groups"]).arg(program);
    command
}
