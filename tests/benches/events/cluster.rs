//! The process of the API server.
//!
//! Its events are those of the recording, over and over, each with a name, a uid and a namespace of its own.

use std::time::Duration;

use serde_json::{Value, json};
use taskserver_tests::kubernetes::{ApiServer, Resource};
use tokio::time::{MissedTickBehavior, interval};

use crate::worker::say;

const RECORDED: [&str; 3] = [
    include_str!("../../data/kubernetes/k8s-events-page1.json"),
    include_str!("../../data/kubernetes/k8s-events-page2.json"),
    include_str!("../../data/kubernetes/k8s-events-page3.json"),
];

/// Says the URL, and writes further events when it is told `RATE COUNT`.
#[tokio::main]
pub(crate) async fn run(events: usize) {
    let server = ApiServer::start().await;
    let templates = templates();
    for number in 0..events {
        let mut event = templates[number % templates.len()].clone();
        name(&mut event, "backlog", number);
        server.create(Resource::Events, &format!("namespace-{}", number % 40), event);
    }
    say(server.url());
    for (turn, line) in std::io::stdin().lines().enumerate() {
        let line = line.expect("a pipe");
        let (rate, count) = line.split_once(' ').expect("a rate and a count");
        let (rate, count) = (rate.parse().expect("a rate"), count.parse().expect("a count"));
        write(&server, &templates[0], &format!("steady-{turn}"), rate, count).await;
    }
}

/// Writes so many events in a second. The time of each is when it was written, and its count is its number.
async fn write(server: &ApiServer, template: &Value, kind: &str, rate: u32, count: usize) {
    let mut ticks = interval(Duration::from_secs(1) / rate);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Burst);
    for number in 0..count {
        ticks.tick().await;
        let mut event = template.clone();
        name(&mut event, kind, number);
        event["count"] = json!(number);
        event["lastTimestamp"] = Value::Null;
        event["eventTime"] = json!(format!("{:.6}", jiff::Timestamp::now()));
        server.create(Resource::Events, "default", event);
    }
}

fn name(event: &mut Value, kind: &str, number: usize) {
    let metadata = &mut event["metadata"];
    metadata["name"] = json!(format!("{kind}-{:05x}-{number}", number.wrapping_mul(2_654_435_761) & 0xf_ffff));
    metadata["uid"] = json!(null);
}

fn templates() -> Vec<Value> {
    let pages = RECORDED.iter().map(|page| serde_json::from_str::<Value>(page).expect("JSON"));
    pages.flat_map(|mut page| page["items"].as_array_mut().map(std::mem::take).unwrap_or_default()).collect()
}
