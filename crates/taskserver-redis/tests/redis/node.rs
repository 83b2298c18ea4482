//! Programs of Node, with the packages that `tests/node` locks.

use std::path::PathBuf;
use std::process::Stdio;

use serde_json::Value;
use taskserver_tests::skip;
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader, Lines};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};

use super::fixture::PATIENCE;

/// A program that reads and writes lines of JSON. It is killed when this is dropped.
pub(crate) struct Program {
    process: Child,
    input: ChildStdin,
    output: Lines<BufReader<ChildStdout>>,
}

/// Starts a script of `tests/node`; `None` if Node or the packages are not installed, which has then been said.
pub(crate) fn start(script: &str, arguments: &[&str]) -> Option<Program> {
    let folder = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/node"));
    if !folder.join("node_modules").exists() {
        skip("Node", "its packages are not installed: run `npm ci` in tests/node");
        return None;
    }
    let mut command = Command::new("node");
    command.arg(script).args(arguments).current_dir(folder).kill_on_drop(true);
    let process = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn();
    let Ok(mut process) = process else {
        skip("Node", "no program `node` is installed here");
        return None;
    };
    let (input, output) = (process.stdin.take().unwrap(), process.stdout.take().unwrap());
    Some(Program { process, input, output: BufReader::new(output).lines() })
}

impl Program {
    /// Its next line; `None` once it has ended.
    pub(crate) async fn line(&mut self) -> Option<Value> {
        let line = tokio::time::timeout(PATIENCE, self.output.next_line()).await.expect("a line in time").unwrap();
        line.map(|line| serde_json::from_str(&line).unwrap())
    }

    pub(crate) async fn send(&mut self, line: &Value) {
        self.input.write_all(format!("{line}\n").as_bytes()).await.unwrap();
    }

    /// Closes its input and waits for its end; whether it ended well.
    pub(crate) async fn finish(mut self) -> bool {
        drop(self.input);
        self.process.wait().await.unwrap().success()
    }
}
