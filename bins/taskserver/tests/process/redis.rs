//! What the platform's other services are told through Redis.

use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use taskserver_tests::Certificates;
use taskserver_tests::servers::{self, Server as RedisServer};
use tempfile::tempdir;

use crate::support::{CYCLE, Server, free_port};

/// What is said in a channel of a server of Redis.
struct Listener {
    process: Child,
    lines: Box<dyn Iterator<Item = String>>,
}

impl Listener {
    fn join(redis: &RedisServer, channel: &str) -> Self {
        let mut process = Command::new("redis-cli")
            .args(["-p", &port(redis), "subscribe", channel])
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(process.stdout.take().unwrap()).lines().map_while(Result::ok);
        // The three lines of the subscription.
        assert_eq!(lines.by_ref().take(3).last().unwrap(), "1");
        Self { process, lines: Box::new(lines.filter(|line| line.starts_with('['))) }
    }

    /// The figures of one cycle, each of which is told once.
    fn expect_a_cycle(&mut self) {
        let told: Vec<String> = self.lines.by_ref().take(task_analytics::PLATFORM_METRICS.len()).collect();
        for metric in task_analytics::PLATFORM_METRICS {
            let of_metric = told.iter().filter(|message| message.contains(&format!("\"{metric}\""))).count();
            assert_eq!(of_metric, 1, "{metric} in {told:?}");
        }
        assert!(told.iter().all(|message| message.contains("\"created\",\"analytics\"")), "{told:?}");
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn port(redis: &RedisServer) -> String {
    redis.url().rsplit(':').next().unwrap().trim_end_matches('/').to_owned()
}

/// Runs a server with these settings for a cycle.
fn run_for_a_cycle(folder: &Path, settings: &[&str]) {
    let settings: Vec<&str> = settings.iter().flat_map(|setting| ["--set", setting]).collect();
    let mut server = Server::start(folder, &settings);
    server.wait_for(CYCLE);
    server.signal("TERM");
    assert_eq!(server.end().code(), Some(0));
}

#[test]
fn every_stored_figure_is_told_to_the_platform() {
    let Some(redis) = servers::redis::start() else { return };
    let mut listener = Listener::join(&redis, "feathers-sync");
    let folder = tempdir().unwrap();
    let mut server = Server::start_with(folder.path(), &["--set", "tasks.analytics.every=1s"], |command| {
        command.env("REDIS_ENABLED", "true").env("REDIS_ADDRESS", "127.0.0.1").env("REDIS_PORT", port(&redis));
    });
    server.wait_for(CYCLE);
    server.signal("TERM");
    assert_eq!(server.end().code(), Some(0));
    listener.expect_a_cycle();
}

#[test]
fn the_events_that_are_set_go_through_the_channel_and_the_node_that_are_set() {
    let Some(redis) = servers::redis::start() else { return };
    let mut listener = Listener::join(&redis, "ours");
    let cluster = format!("redis.cluster=127.0.0.1:{}, 127.0.0.1:{}", free_port(), port(&redis));
    for publish in ["redis.publish=", "redis.publish=analytics"] {
        let folder = tempdir().unwrap();
        let settings = ["redis.enabled=true", &cluster, "redis.channel=ours", "redis.address=nowhere", publish];
        run_for_a_cycle(folder.path(), &settings);
    }
    // Of the second server, and in the order in which they were sent: the first has told nothing.
    listener.expect_a_cycle();
}

#[test]
fn the_connection_is_encrypted_and_its_server_verified_as_the_settings_say() {
    let certificates = Certificates::of(&["localhost"]);
    let Some((redis, tls_port)) = servers::redis::start_with_tls(&certificates) else { return };
    let (folder, stranger) = (tempdir().unwrap(), Certificates::of(&["localhost"]));
    let authority = |name: &str, certificates: &Certificates| {
        let file = folder.path().join(name);
        std::fs::write(&file, &certificates.authority).unwrap();
        format!("redis.tls.ca_file={}", file.display())
    };
    let (known, unknown) = (authority("known.pem", &certificates), authority("unknown.pem", &stranger));
    let port = format!("redis.port={tls_port}");
    let settings = ["redis.enabled=true", "redis.address=localhost", &port, "redis.tls.enabled=true"];

    let mut listener = Listener::join(&redis, "feathers-sync");
    run_for_a_cycle(folder.path(), &[&settings[..], &[&known]].concat());
    listener.expect_a_cycle();

    let settings = [&settings[..], &[&unknown]].concat();
    let settings: Vec<&str> = settings.iter().flat_map(|setting| ["--set", setting]).collect();
    let mut server = Server::start(folder.path(), &settings);
    let line = server.wait_for("invalid peer certificate");
    assert!(line.contains(&format!("cannot connect to Redis at localhost:{tls_port}")), "{line}");
}

#[test]
fn sentinels_are_asked_where_the_server_is() {
    let Some(redis) = servers::redis::start() else { return };
    let Some(sentinel) = servers::redis::start_sentinel("platform", &redis, "of-sentinels") else { return };
    let mut listener = Listener::join(&redis, "feathers-sync");
    let addresses = format!("redis.sentinel.addresses=127.0.0.1:{}, 127.0.0.1:{}", free_port(), port(&sentinel));
    let settings = ["redis.enabled=true", "redis.address=nowhere", "redis.sentinel.master=platform", &addresses];
    run_for_a_cycle(tempdir().unwrap().path(), &[&settings[..], &["redis.sentinel.password=of-sentinels"]].concat());
    listener.expect_a_cycle();
}
