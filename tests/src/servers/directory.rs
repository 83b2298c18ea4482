//! The folder of a throwaway server, and the janitor who cleans up after it.
//!
//! A server must not outlive the test process, however that ends: a panic, Ctrl-C, `kill -9`. So each has a janitor: a shell that waits
//! for the end of a pipe which the test process holds open. When the pipe closes, because the [`Directory`] was dropped or its process
//! is gone, the janitor kills the server and removes its folder.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

/// Waits for the pipe's end; then kills the process which `$1/pid` names with the signal `$2` (stopped processes take it when they
/// are continued), waits for its end, and removes the folder `$1`, again if something that ends a little later still writes there.
const JANITOR: &str = r#"
exec 2>/dev/null
cat >/dev/null
if pid=$(cat "$1/pid"); then
  kill -s "$2" "$pid"; kill -s CONT "$pid"
  tries=100; while kill -0 "$pid" && [ $((tries -= 1)) -gt 0 ]; do sleep 0.05; done
fi
tries=100; until rm -rf "$1" || [ $((tries -= 1)) -eq 0 ]; do sleep 0.05; done
"#;

/// A folder which is removed, after the server in it was killed, when this is dropped or the process ends.
#[derive(Debug)]
pub(super) struct Directory {
    path: PathBuf,
    janitor: Child,
}

impl Directory {
    /// A new, empty folder for a server that ends at once on the signal `kill`.
    pub(super) fn new(kill: &str) -> Self {
        let path = tempfile::Builder::new().prefix("taskserver-test-").tempdir().expect("a temporary folder").keep();
        let mut janitor = Command::new("sh");
        janitor.args(["-c", JANITOR, "janitor"]).arg(&path).arg(kill).stdin(Stdio::piped());
        // In a group of its own, so that Ctrl-C does not reach it.
        let janitor = janitor.process_group(0).spawn().expect("a shell");
        Self { path, janitor }
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// The file in which the janitor looks for the server's process.
    pub(super) fn pid_file(&self) -> PathBuf {
        self.path.join("pid")
    }

    /// Whether this process runs as root, as it does in many containers.
    pub(super) fn is_roots(&self) -> bool {
        fs::metadata(&self.path).expect("a folder that was just made").uid() == 0
    }

    /// Lets the janitor begin.
    pub(super) fn give_up(&mut self) {
        drop(self.janitor.stdin.take());
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        self.give_up();
        let _ = self.janitor.wait();
    }
}
