//! Servers of Prometheus, as Debian's `prometheus` has it.

use std::fs;
use std::process::Command;

use super::directory::Directory;
use super::programs;
use super::server::{Server, Signals, free_port};
use super::shared::own;
use crate::http;

const SIGNALS: Signals = Signals { stop: "TERM", kill: "KILL" };

/// A server of the calling test's own with this `prometheus.yml`; `None` if the program is not installed, which has then been said.
pub fn start(configuration: &str) -> Option<Server> {
    own("a Prometheus", || launch(configuration))
}

fn launch(configuration: &str) -> Result<Server, String> {
    let program = programs::prometheus()?;
    let directory = Directory::new(SIGNALS.kill);
    fs::write(directory.path().join("prometheus.yml"), configuration).expect("a writable folder");
    let port = free_port();
    let mut server = Command::new(program);
    server.args(["--config.file=prometheus.yml", "--storage.tsdb.path=data", "--log.format=logfmt"]);
    server.arg(format!("--web.listen-address=127.0.0.1:{port}"));
    Ok(Server::launch(format!("http://127.0.0.1:{port}"), directory, SIGNALS, server, |url| {
        let (status, body) = http::get(&format!("{url}/-/ready")).map_err(|error| error.to_string())?;
        if status == 200 { Ok(()) } else { Err(body) }
    }))
}
