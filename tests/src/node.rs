//! Programs of Node with the platform's own packages, which `tests/node` locks: `npm ci` there installs them.

use std::path::Path;
use std::process::Command;

use crate::skip;

/// The command that runs a script of `tests/node`; `None` if Node or the packages are not installed, which has then been said.
pub fn command(script: &str) -> Option<Command> {
    let folder = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/node"));
    if !folder.join("node_modules").exists() {
        skip("Node", "its packages are not installed: run `npm ci` in tests/node");
        return None;
    }
    if Command::new("node").arg("--version").output().is_err() {
        skip("Node", "no program `node` is installed here");
        return None;
    }
    let mut command = Command::new("node");
    command.arg(script).current_dir(folder);
    Some(command)
}
