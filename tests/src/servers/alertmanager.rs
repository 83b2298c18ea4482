//! Alertmanagers, as Debian's `prometheus-alertmanager` has it.

use std::fs;
use std::process::Command;

use super::directory::Directory;
use super::programs;
use super::server::{Server, Signals, free_port};
use super::shared::own;
use crate::http;

const SIGNALS: Signals = Signals { stop: "TERM", kill: "KILL" };

/// It takes alerts, shows them, and notifies nobody.
const CONFIGURATION: &str = "route: {receiver: nobody}\nreceivers: [{name: nobody}]\n";

/// A server of the calling test's own; `None` if the program is not installed, which has then been said.
pub fn start() -> Option<Server> {
    own("an Alertmanager", launch)
}

fn launch() -> Result<Server, String> {
    let program = programs::alertmanager()?;
    let directory = Directory::new(SIGNALS.kill);
    fs::write(directory.path().join("alertmanager.yml"), CONFIGURATION).expect("a writable folder");
    let port = free_port();
    let mut server = Command::new(program);
    server.args(["--config.file=alertmanager.yml", "--storage.path=data", "--cluster.listen-address="]);
    server.arg(format!("--web.listen-address=127.0.0.1:{port}"));
    Ok(Server::launch(format!("http://127.0.0.1:{port}"), directory, SIGNALS, server, |url| {
        let (status, body) = http::get(&format!("{url}/-/ready")).map_err(|error| error.to_string())?;
        if status == 200 { Ok(()) } else { Err(body) }
    }))
}
