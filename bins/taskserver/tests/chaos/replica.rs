//! One replica: a process with a line of its own to everything that it needs, and with a clock of its own.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::json;
use taskserver_tests::{Proxy, skip};

/// How wrong a clock may be, in seconds. From the slowest to the fastest there are 880 scheduled times; at most 1000 are made up for.
pub(crate) const MOST_SKEW: i64 = 110;

const PATIENCE: Duration = Duration::from_secs(60);

/// The library that makes a process see another time of day (Debian's `faketime`).
pub(crate) fn faketime() -> Option<PathBuf> {
    let found = std::fs::read_dir("/usr/lib").into_iter().flatten().flatten();
    let library = found.map(|entry| entry.path().join("faketime/libfaketimeMT.so.1")).find(|library| library.exists());
    if library.is_none() {
        skip("faketime", "Debian's package `libfaketime` is not installed");
    }
    library
}

pub(crate) struct Replica {
    folder: PathBuf,
    arguments: Vec<String>,
    kubeconfig: Option<PathBuf>,
    faketime: PathBuf,
    pub(crate) name: String,
    pub(crate) database: Proxy,
    pub(crate) api: Option<Proxy>,
    process: Option<Child>,
}

impl Replica {
    /// A replica that is not started yet.
    pub(crate) fn new(
        (folder, faketime): (&Path, &Path),
        number: usize,
        (url, database): (&str, Proxy),
        api: Option<(String, Proxy)>,
    ) -> Self {
        let name = format!("replica-{number}");
        let mut settings = vec![
            format!("database.url={}", database.url(url)),
            format!("leadership.instance={name}"),
            "http.host=127.0.0.1".to_owned(),
            "http.port=0".to_owned(),
        ];
        settings.extend(SETTINGS.map(str::to_owned));
        let kubeconfig = api.as_ref().map(|(url, proxy)| {
            let path = folder.join(format!("{name}.kubeconfig"));
            std::fs::write(&path, kubeconfig(&proxy.url(url))).unwrap();
            path
        });
        Self {
            folder: folder.to_owned(),
            arguments: settings.into_iter().flat_map(|setting| ["--set".to_owned(), setting]).collect(),
            kubeconfig,
            faketime: faketime.to_owned(),
            name,
            database,
            api: api.map(|(_, proxy)| proxy),
            process: None,
        }
    }

    /// Starts the process, with a clock that is so many seconds wrong. Its log is the tail of `NAME.log`.
    pub(crate) fn start(&mut self, skew: i64) {
        let log =
            File::options().create(true).append(true).open(self.folder.join(format!("{}.log", self.name))).unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_taskserver"));
        command.args(&self.arguments).current_dir(&self.folder).env_clear();
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(log);
        if let Some(kubeconfig) = &self.kubeconfig {
            command.env("KUBERNETES", "true").env("KUBECONFIG", kubeconfig);
        }
        if skew != 0 {
            // The time of day alone: a clock that is set wrong still runs at its speed.
            command.env("LD_PRELOAD", &self.faketime).env("FAKETIME", format!("{skew:+}s"));
            command.env("FAKETIME_DONT_FAKE_MONOTONIC", "1");
        }
        self.process = Some(command.spawn().unwrap());
    }

    pub(crate) fn signal(&self, name: &str) {
        let id = self.process.as_ref().unwrap().id().to_string();
        assert!(Command::new("kill").args(["-s", name, &id]).status().unwrap().success());
    }

    pub(crate) fn kill(&mut self) {
        let Some(mut process) = self.process.take() else { return };
        process.kill().unwrap();
        process.wait().unwrap();
        self.forget(process.id());
    }

    /// Stops the process in peace, and waits for its end.
    pub(crate) async fn stop(&mut self) {
        self.signal("TERM");
        let mut process = self.process.take().unwrap();
        let asked = Instant::now();
        while process.try_wait().unwrap().is_none() {
            assert!(asked.elapsed() < PATIENCE, "{} does not stop", self.name);
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        self.forget(process.id());
    }

    /// Removes what faketime keeps in memory that outlives a process which is killed.
    fn forget(&self, id: u32) {
        for file in [format!("/dev/shm/faketime_shm_{id}"), format!("/dev/shm/sem.faketime_sem_{id}")] {
            let _ = std::fs::remove_file(file);
        }
    }

    /// The end of its log.
    pub(crate) fn log(&self) -> String {
        let log = std::fs::read_to_string(self.folder.join(format!("{}.log", self.name))).unwrap_or_default();
        let lines: Vec<&str> = log.lines().collect();
        format!("{}:\n{}", self.name, lines[lines.len().saturating_sub(60)..].join("\n"))
    }
}

impl Drop for Replica {
    fn drop(&mut self) {
        self.kill();
    }
}

/// A run four times a second, each of which is made up for where it was missed, in order. Short leases, and no patience: a run that
/// fails is tried again until it succeeds or its term is over.
const SETTINGS: [&str; 22] = [
    "tasks.analytics.every=250ms",
    "tasks.analytics.run_on_start=false",
    "tasks.analytics.overlap=queue",
    "tasks.analytics.missed=all",
    "tasks.analytics.missed_max=1000",
    "tasks.analytics.timeout=2s",
    "tasks.analytics.retries=100",
    "tasks.analytics.retry_backoff=20ms",
    "tasks.analytics.retry_backoff_max=200ms",
    "tasks.monitoring.every=1h",
    "tasks.task-run-retention.every=24h",
    "history.limit=0",
    "leadership.lease_duration=1s",
    "leadership.renew_deadline=700ms",
    "leadership.retry_period=100ms",
    "control.poll_period=10s",
    "database.connect_timeout=1s",
    "database.acquire_timeout=1s",
    "database.statement_timeout=2s",
    "database.max_connections=4",
    "shutdown.timeout=1s",
    "kubernetes.events.enabled=false",
];

fn kubeconfig(url: &str) -> String {
    json!({
        "apiVersion": "v1", "kind": "Config", "current-context": "it",
        "clusters": [{"name": "it", "cluster": {"server": url}}],
        "users": [{"name": "it", "user": {}}],
        "contexts": [{"name": "it", "context": {"cluster": "it", "user": "it"}}],
    })
    .to_string()
}
