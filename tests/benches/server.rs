//! What the server itself costs, as a process of the release build: `just bench-server`.
//!
//! - the time from its start until `/readyz` answers 200, on an existing embedded database;
//! - its resident memory when idle, with the embedded default;
//! - its peak of memory over that, while it collects analytics from a MariaDB with a million users.
//!
//! The benchmark fails where a bound is passed.
#![allow(clippy::print_stdout, reason = "a benchmark prints its results")]

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitCode, Stdio};
use std::time::{Duration, Instant};

use taskserver_tests::TestDatabase;
use taskserver_tests::servers::mariadb;

const STARTS: usize = 15;
/// How long the server is left alone before it counts as idle: the monitor has run by then.
const REST: Duration = Duration::from_secs(20);
/// How long it collects, every second, from the large database.
const COLLECTING: Duration = Duration::from_secs(30);

const READY_BOUND: f64 = 50.0;
const IDLE_BOUND: f64 = 15.0;
const PEAK_BOUND: f64 = 20.0;

fn main() -> ExitCode {
    let folder = tempfile::tempdir().expect("a temporary folder");
    drop(Server::start(folder.path(), &[]));
    let mut starts: Vec<Duration> = (0..STARTS).map(|_| Server::start(folder.path(), &[]).ready_after).collect();
    starts.sort();
    let ready = starts[STARTS / 2].as_secs_f64() * 1e3;

    let server = Server::start(folder.path(), &[]);
    std::thread::sleep(REST);
    let idle = server.megabytes("VmRSS");
    drop(server);

    let mut within = vec![
        compare("ready after, median of 15", ready, "ms", READY_BOUND),
        compare("resident when idle", idle, "MB", IDLE_BOUND),
    ];
    if let Some(server) = mariadb::start_with(&["--innodb-buffer-pool-size=1G"]) {
        println!("Building the tables of a million users ...");
        let database = TestDatabase::on(server.url());
        database.create_platform_tables();
        database.execute(include_str!("../data/bench/platform-million-mysql.sql"));
        let url = format!("database.url={}", database.url());
        let idle = {
            let server = Server::start(folder.path(), &["--set", &url, "--set", "tasks.analytics.enabled=false"]);
            std::thread::sleep(REST);
            server.megabytes("VmRSS")
        };
        let server = Server::start(folder.path(), &["--set", &url, "--set", "tasks.analytics.every=1s"]);
        std::thread::sleep(COLLECTING);
        within.push(compare("peak over idle, collecting", server.megabytes("VmHWM") - idle, "MB", PEAK_BOUND));
    }
    if within.contains(&false) { ExitCode::FAILURE } else { ExitCode::SUCCESS }
}

/// A server that runs, until this is dropped.
struct Server {
    process: Child,
    ready_after: Duration,
}

impl Server {
    fn start(folder: &Path, arguments: &[&str]) -> Self {
        let port = TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr()).expect("a port").port();
        let start = Instant::now();
        let process = Command::new(program())
            .args(["--set", "http.host=127.0.0.1", "--set", &format!("http.port={port}")])
            .args(arguments)
            .current_dir(folder)
            .env_clear()
            .stderr(Stdio::null())
            .spawn()
            .expect("the release build: `cargo build --release`");
        while !is_ready(port) {
            assert!(start.elapsed() < Duration::from_secs(60), "the server does not become ready");
            std::thread::sleep(Duration::from_micros(200));
        }
        Self { process, ready_after: start.elapsed() }
    }

    /// A figure of the kernel's about the process, such as `VmRSS`.
    fn megabytes(&self, name: &str) -> f64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.process.id())).expect("a Linux kernel");
        let line = status.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':')).expect("the figure");
        line.trim().trim_end_matches(" kB").parse::<f64>().expect("a number") / 1024.0
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// The program beside this one: `target/release/taskserver`.
fn program() -> PathBuf {
    let mine = std::env::current_exe().expect("the path of this program");
    mine.ancestors().nth(2).expect("a folder of cargo's").join("taskserver")
}

fn is_ready(port: u16) -> bool {
    let ask = || -> std::io::Result<bool> {
        let mut stream = TcpStream::connect(("127.0.0.1", port))?;
        stream.write_all(b"GET /readyz HTTP/1.0\r\n\r\n")?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer)?;
        Ok(answer.starts_with("HTTP/1.0 200") || answer.starts_with("HTTP/1.1 200"))
    };
    ask().unwrap_or(false)
}

/// Prints a figure; says whether it is within its bound.
fn compare(name: &str, figure: f64, unit: &str, bound: f64) -> bool {
    let verdict = if figure <= bound { "" } else { "  TOO MUCH" };
    println!("{name:<28} {figure:>6.1} {unit}, at most {bound} {unit}{verdict}");
    figure <= bound
}
