//! How soon events are visible to a reader.

use std::collections::HashSet;
use std::time::Duration;

use jiff::Timestamp;
use task_k8s_events::{K8S_EVENT, event_services};
use taskserver_core::{App, Comparison, Query};
use taskserver_store::{Store, StoreOptions};

use crate::worker::Worker;

/// How often the reader looks: its figures are late by as much.
const LOOK: Duration = Duration::from_millis(4);

/// Lets events be written at this rate, and gives the time until each was found in the database.
#[tokio::main]
pub(crate) async fn visible(cluster: &mut Worker, database: &str, rate: usize, count: usize) -> Vec<Duration> {
    let store = Store::new(StoreOptions::new(database).expect("a URL")).expect("a store");
    let services = event_services(&store).into_iter();
    let app = services.fold(App::builder(), |app, (path, service)| app.service(path, service)).build().expect("an app");
    let events = app.service(K8S_EVENT);
    let mut newest = taskserver_core::date_time(Timestamp::now());
    let mut seen = HashSet::new();
    let mut delays = Vec::with_capacity(count);
    cluster.tell(&format!("{rate} {count}"));
    while seen.len() < count {
        let query = Query::new().compare("time", Comparison::Gte, newest.clone()).ascending("time").limit(1000);
        let page = events.find(query).await.expect("a page");
        let now = Timestamp::now();
        for row in page.data {
            let time = row["time"].as_str().expect("a time");
            if seen.insert(row["count"].as_i64()) {
                let written: Timestamp = time.parse().expect("a time");
                delays.push(now.duration_since(written).try_into().unwrap_or_default());
            }
            newest = row["time"].clone();
        }
        tokio::time::sleep(LOOK).await;
    }
    delays
}
