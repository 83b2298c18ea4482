//! Processes of this program in another role.

use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::Duration;

/// A process that says lines and is told lines. It ends when this is dropped.
pub(crate) struct Worker {
    process: Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
}

impl Worker {
    pub(crate) fn start(arguments: &[&str]) -> Self {
        let mut process = Command::new(std::env::current_exe().expect("the path of this program"))
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("this program starts again");
        let input = process.stdin.take().expect("a pipe");
        let output = BufReader::new(process.stdout.take().expect("a pipe"));
        Self { process, input, output }
    }

    /// The next line that it says.
    pub(crate) fn line(&mut self) -> String {
        let mut line = String::new();
        self.output.read_line(&mut line).expect("a pipe");
        assert!(!line.is_empty(), "the process has ended");
        line.trim_end().to_owned()
    }

    pub(crate) fn tell(&mut self, line: &str) {
        writeln!(self.input, "{line}").expect("a pipe");
    }

    /// The most memory that it had at once.
    pub(crate) fn peak_megabytes(&self) -> f64 {
        let status = self.read("status");
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).expect("the figure");
        line.trim().trim_end_matches(" kB").parse::<f64>().expect("a number") / 1024.0
    }

    /// How long its threads have run, those that have ended too. The kernel counts in hundredths of a second.
    pub(crate) fn processor_time(&self) -> Duration {
        let statistics = self.read("stat");
        // The fields after the name of the program, which may hold anything: see proc(5).
        let (_, fields) = statistics.rsplit_once(") ").expect("the name");
        let [user, system] = [11, 12].map(|field| fields.split(' ').nth(field).and_then(|it| it.parse::<u64>().ok()));
        Duration::from_millis((user.expect("a number") + system.expect("a number")) * 10)
    }

    fn read(&self, file: &str) -> String {
        std::fs::read_to_string(format!("/proc/{}/{file}", self.process.id())).expect("a Linux kernel")
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Waits until nobody tells this process anything more.
pub(crate) fn wait_for_end() {
    for line in std::io::stdin().lines() {
        let _ = line;
    }
}

pub(crate) fn say(line: impl std::fmt::Display) {
    println!("{line}");
}
