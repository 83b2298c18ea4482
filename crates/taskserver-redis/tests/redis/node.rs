//! Programs of Node, with the packages that `tests/node` locks.

use std::process::Stdio;

use serde_json::Value;
use taskserver_tests::node;
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
    let mut command = Command::from(node::command(script)?);
    command.args(arguments).kill_on_drop(true).stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut process = command.spawn().unwrap();
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
