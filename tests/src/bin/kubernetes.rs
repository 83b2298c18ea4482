//! The Kubernetes stand-in as a process, with a life of its own: something to collect events from where there is no cluster.
//!
//! ```text
//! just dev-k8s --rate 2
//! just dev-k8s tests/data/kubernetes/k8s-events-watch.ndjson
//! ```
//!
//! It prints the path of a kubeconfig, and then writes events until it is stopped: pods of a make-believe platform that start and
//! fail, or what a recorded watch (`kubectl get --raw '/api/v1/events?watch=true'`) has, over and over.
#![allow(clippy::print_stdout)]

use std::num::NonZeroU32;
use std::path::PathBuf;
use std::time::Duration;

use jiff::Timestamp;
use serde_json::{Value, json};
use taskserver_tests::kubernetes::{ApiServer, Resource};

/// As long as a cluster keeps its events, unless it is told otherwise.
const EVENT_TTL: Duration = Duration::from_secs(3600);
const USAGE: &str = "what is understood: [--rate EVENTS_PER_SECOND] [RECORDING]";

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let (rate, recording) = arguments()?;
    let recorded = match &recording {
        Some(path) => read(path)?,
        None => Vec::new(),
    };
    let server = ApiServer::start().await;
    server.expire_events_after(EVENT_TTL);
    server.install_agones();
    let folder = tempfile::tempdir()?;
    let kubeconfig = folder.path().join("kubeconfig.json");
    std::fs::write(&kubeconfig, server.kubeconfig().to_string())?;
    println!("The stand-in answers at {}. Collect its events, in another terminal:\n", server.url());
    println!("  KUBECONFIG={} just run --set kubernetes.enabled=true\n", kubeconfig.display());

    let mut next_event = tokio::time::interval(Duration::from_secs(1) / rate);
    for number in 0.. {
        tokio::select! {
            end = tokio::signal::ctrl_c() => return Ok(end?),
            _ = next_event.tick() => {
                let event = match recorded.get(number % recorded.len().max(1)) {
                    Some(event) => again(event, number),
                    None => invented(number),
                };
                let namespace = event["metadata"]["namespace"].as_str().unwrap_or("default").to_owned();
                println!("{namespace} {} {}", event["reason"], event["message"]);
                server.create(Resource::Events, &namespace, event);
            }
        }
    }
    Ok(())
}

fn arguments() -> Result<(u32, Option<PathBuf>), String> {
    let (mut rate, mut recording) = (NonZeroU32::MIN, None);
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            "--rate" => rate = arguments.next().and_then(|text| text.parse().ok()).ok_or(USAGE)?,
            path if !path.starts_with('-') => recording = Some(path.into()),
            _ => return Err(USAGE.into()),
        }
    }
    Ok((rate.get(), recording))
}

/// The events of a recorded watch.
fn read(path: &PathBuf) -> Result<Vec<Value>, Box<dyn std::error::Error>> {
    let text = std::fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()))?;
    let lines: Vec<Value> = text.lines().map(serde_json::from_str).collect::<Result<_, _>>()?;
    let events = lines.into_iter().filter(|line| line["type"] != "BOOKMARK").map(|line| line["object"].clone());
    let events: Vec<Value> = events.filter(|object| object["kind"] == "Event").collect();
    if events.is_empty() { Err(format!("{}: there is no event in it", path.display()).into()) } else { Ok(events) }
}

/// A recorded event, as if it had happened again just now.
fn again(recorded: &Value, number: usize) -> Value {
    let mut event = recorded.clone();
    let name = format!("{}.{number:x}", recorded["metadata"]["name"].as_str().unwrap_or("event"));
    event["metadata"] = json!({"name": name, "namespace": recorded["metadata"]["namespace"]});
    for time in ["firstTimestamp", "lastTimestamp", "eventTime"] {
        if !recorded[time].is_null() {
            event[time] = json!(Timestamp::now());
        }
    }
    event
}

/// What the pods of a platform go through.
fn invented(number: usize) -> Value {
    const STEPS: [(&str, &str, &str); 6] = [
        ("Normal", "Scheduled", "Successfully assigned the pod to node-1"),
        ("Normal", "Pulled", "Container image already present on machine"),
        ("Normal", "Created", "Created container"),
        ("Normal", "Started", "Started container"),
        ("Warning", "Unhealthy", "Readiness probe failed: HTTP probe failed with statuscode: 503"),
        ("Warning", "BackOff", "Back-off restarting failed container"),
    ];
    const PODS: [&str; 3] = ["api", "client", "instanceserver"];
    let (kind, reason, message) = STEPS[number % STEPS.len()];
    let pod = format!("ir-engine-{}-{:04x}", PODS[number / STEPS.len() % PODS.len()], number / STEPS.len());
    let now = Timestamp::now();
    json!({
        "metadata": {"name": format!("{pod}.{number:x}"), "namespace": "ir-engine"},
        "involvedObject": {"apiVersion": "v1", "kind": "Pod", "name": pod, "namespace": "ir-engine"},
        "type": kind, "reason": reason, "message": message, "count": 1,
        "firstTimestamp": now, "lastTimestamp": now, "source": {"component": "kubelet", "host": "node-1"},
    })
}
