//! A throwaway server process.

use std::fs::{self, File};
use std::net::{Ipv4Addr, TcpListener};
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use super::directory::Directory;

/// Far beyond what any server needs to start, even on a busy machine.
const START_LIMIT: Duration = Duration::from_secs(60);

/// How a kind of server is told to end.
#[derive(Debug, Clone, Copy)]
pub(super) struct Signals {
    /// In good order, and at once.
    pub(super) stop: &'static str,
    /// As a crash would.
    pub(super) kill: &'static str,
}

/// A server of one test, which the test may stop, start again, kill and freeze. It is gone when this is dropped.
#[derive(Debug)]
pub struct Server {
    url: String,
    directory: Directory,
    signals: Signals,
    command: Command,
    is_ready: fn(&str) -> Result<(), String>,
    process: Option<Child>,
}

impl Server {
    /// Starts a server that serves at `url` and keeps everything in `directory`, and waits until `is_ready`.
    pub(super) fn launch(
        url: String,
        directory: Directory,
        signals: Signals,
        command: Command,
        is_ready: fn(&str) -> Result<(), String>,
    ) -> Self {
        let mut server = Self { url, directory, signals, command, is_ready, process: None };
        server.start_again();
        server
    }

    /// Where it serves, with the account that may do everything.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The folder in which it keeps everything.
    #[cfg(feature = "kubernetes")]
    pub(super) fn directory(&self) -> &std::path::Path {
        self.directory.path()
    }

    /// Starts the server again after [`Self::stop`] or [`Self::kill`], with the data that it had, and waits until it answers.
    ///
    /// # Panics
    ///
    /// If it is running, or does not come to answer.
    pub fn start_again(&mut self) {
        assert!(self.process.is_none(), "the server is running");
        let log = File::create(self.log()).expect("a writable folder");
        // The shell notes its process id for the janitor, then becomes the server.
        let mut launcher = Command::new("sh");
        launcher.args(["-c", r#"echo $$ >"$0" && exec "$@""#]).arg(self.directory.pid_file());
        launcher.arg(self.command.get_program()).args(self.command.get_args());
        launcher.stdin(Stdio::null()).stdout(log.try_clone().expect("a second handle")).stderr(log);
        // In a group of its own, so that Ctrl-C reaches the test process only.
        let process = launcher.current_dir(self.directory.path()).process_group(0).spawn().expect("a shell");
        self.process = Some(process);
        self.wait_until_ready();
    }

    /// Stops the server in good order. Connections are cut; later ones are refused.
    pub fn stop(&mut self) {
        self.end(self.signals.stop);
    }

    /// Ends the server as a crash would: without a goodbye to anyone.
    pub fn kill(&mut self) {
        self.end(self.signals.kill);
    }

    /// Freezes the server: connections are still accepted and kept, but nothing is answered. Linux only.
    pub fn pause(&self) {
        let processes = self.processes();
        signal("STOP", &processes);
        // A thread that is at work stops a moment later.
        while !processes.iter().all(|id| is_stopped(id)) {
            std::thread::sleep(Duration::from_millis(1));
        }
    }

    /// Ends [`Self::pause`].
    pub fn resume(&self) {
        signal("CONT", &self.processes());
    }

    /// What it has written since it was started last.
    pub fn written(&self) -> String {
        fs::read_to_string(self.log()).unwrap_or_default()
    }

    fn end(&mut self, name: &str) {
        let mut process = self.process.take().expect("the server is running");
        signal(name, &[process.id().to_string()]);
        process.wait().expect("a child process");
        // The number may now be given to another process, which the janitor must not kill.
        fs::remove_file(self.directory.pid_file()).expect("the file that the launcher wrote");
    }

    /// The server's process, and those which it has forked: PostgreSQL has one for each connection.
    fn processes(&self) -> Vec<String> {
        let id = self.process.as_ref().expect("the server is running").id().to_string();
        let children = fs::read_to_string(format!("/proc/{id}/task/{id}/children")).expect("a Linux /proc");
        std::iter::once(id).chain(children.split_whitespace().map(str::to_owned)).collect()
    }

    fn wait_until_ready(&mut self) {
        let start = Instant::now();
        while let Err(reason) = (self.is_ready)(&self.url) {
            let ended = self.process.as_mut().expect("just started").try_wait().expect("a child process");
            if ended.is_some() || start.elapsed() > START_LIMIT {
                panic!("the server does not answer ({ended:?}): {reason}\n{}", self.written());
            }
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    fn log(&self) -> PathBuf {
        self.directory.path().join("log")
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.directory.give_up();
        // A killed process is gone, for the janitor too, when its parent has waited for it.
        if let Some(process) = &mut self.process {
            let _ = process.wait();
        }
    }
}

fn signal(name: &str, processes: &[String]) {
    let status = Command::new("sh").args(["-c", r#"kill -s "$@""#, "kill", name]).args(processes).status();
    assert!(status.expect("a shell").success(), "SIG{name} could not be sent");
}

/// A port that was free a moment ago.
pub(super) fn free_port() -> u16 {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
    listener.local_addr().expect("a bound socket").port()
}

/// Runs a program that prepares a server.
pub(super) fn prepare(mut command: Command) {
    let output = command.output().unwrap_or_else(|error| panic!("{command:?} did not start: {error}"));
    assert!(output.status.success(), "{command:?} failed: {}", String::from_utf8_lossy(&output.stderr));
}

/// Whether all threads of a process are stopped by a signal, or it has ended.
fn is_stopped(id: &str) -> bool {
    let threads = fs::read_dir(format!("/proc/{id}/task")).into_iter().flatten().flatten();
    threads.map(|thread| fs::read_to_string(thread.path().join("stat")).unwrap_or_default()).all(|stat| {
        // The state follows the name, which stands in parentheses and may have some in it.
        stat.rsplit_once(") ").is_none_or(|(_, rest)| rest.starts_with(['T', 'Z']))
    })
}
