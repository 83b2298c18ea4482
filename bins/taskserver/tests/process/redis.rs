//! What the platform's other services are told through Redis.

use std::io::{BufRead as _, BufReader};
use std::process::{Command, Stdio};

use taskserver_tests::servers;
use tempfile::tempdir;

use crate::support::{CYCLE, Server, free_port};

#[test]
fn every_stored_figure_is_told_to_the_platform() {
    let Some(redis) = servers::redis::start() else { return };
    let port = redis.url().rsplit(':').next().unwrap().trim_end_matches('/').to_owned();
    let mut listener = Command::new("redis-cli")
        .args(["-p", &port, "subscribe", "feathers-sync"])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(listener.stdout.take().unwrap()).lines().map_while(Result::ok);
    // The three lines of the subscription.
    assert_eq!(lines.by_ref().take(3).last().unwrap(), "1");

    let folder = tempdir().unwrap();
    let mut server = Server::start_with(folder.path(), &["--set", "tasks.analytics.every=1s"], |command| {
        command.env("REDIS_ENABLED", "true").env("REDIS_ADDRESS", "127.0.0.1").env("REDIS_PORT", &port);
    });
    server.wait_for(CYCLE);
    server.signal("TERM");
    assert_eq!(server.end().code(), Some(0));
    let mut told: Vec<String> = lines.filter(|line| line.starts_with('[')).take(6).collect();
    let _ = listener.kill();
    let _ = listener.wait();
    told.sort();
    for metric in task_analytics::PLATFORM_METRICS {
        let of_metric = told.iter().filter(|message| message.contains(&format!("\"{metric}\""))).count();
        assert_eq!(of_metric, 1, "{metric} in {told:?}");
    }
    assert!(told.iter().all(|message| message.contains("\"created\",\"analytics\"")), "{told:?}");
}

#[test]
fn the_events_that_are_set_go_through_the_channel_and_the_node_that_are_set() {
    let Some(redis) = servers::redis::start() else { return };
    let port = redis.url().rsplit(':').next().unwrap().trim_end_matches('/').to_owned();
    let mut listener =
        Command::new("redis-cli").args(["-p", &port, "subscribe", "ours"]).stdout(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(listener.stdout.take().unwrap()).lines().map_while(Result::ok);
    assert_eq!(lines.by_ref().take(3).last().unwrap(), "1");

    let cluster = format!("redis.cluster=127.0.0.1:{}, 127.0.0.1:{port}", free_port());
    for publish in ["redis.publish=", "redis.publish=analytics"] {
        let folder = tempdir().unwrap();
        let settings = ["redis.enabled=true", &cluster, "redis.channel=ours", "redis.address=nowhere", publish];
        let settings: Vec<&str> = settings.iter().flat_map(|setting| ["--set", setting]).collect();
        let mut server = Server::start(folder.path(), &settings);
        server.wait_for(CYCLE);
        server.signal("TERM");
        assert_eq!(server.end().code(), Some(0));
    }
    // Of the second server, and in the order in which they were sent: the first has told nothing.
    let told: Vec<String> = lines.filter(|line| line.starts_with('[')).take(6).collect();
    let _ = listener.kill();
    let _ = listener.wait();
    for metric in task_analytics::PLATFORM_METRICS {
        assert!(told.iter().any(|message| message.contains(&format!("\"{metric}\""))), "{metric} in {told:?}");
    }
}
