//! The counts as gauges.

use std::collections::HashSet;
use std::sync::{Mutex, PoisonError};

use taskserver_core::Metrics;
use taskserver_core::prometheus_client::metrics::family::Family;
use taskserver_core::prometheus_client::metrics::gauge::Gauge;

use crate::census::{Census, FleetKey};

/// The labels of a gauge.
type Labels = [(&'static str, String); 3];

pub(crate) struct Gauges {
    game_servers: Gauged,
    fleet_replicas: Gauged,
}

impl Gauges {
    pub(crate) fn register(metrics: &Metrics) -> Self {
        let this = Self { game_servers: Gauged::default(), fleet_replicas: Gauged::default() };
        let Self { game_servers, fleet_replicas } = &this;
        metrics.register(
            "agones_game_servers",
            "Game servers by fleet and state, as of the last cycle of the analytics",
            game_servers.family.clone(),
        );
        metrics.register(
            "agones_fleet_replicas",
            "Replicas of fleets by kind, as of the last cycle of the analytics",
            fleet_replicas.family.clone(),
        );
        this
    }

    pub(crate) fn set(&self, census: &Census) {
        let fleets = census.fleets();
        let labels = |(namespace, fleet): &FleetKey, name, value: &str| -> Labels {
            [("namespace", namespace.clone()), ("fleet", fleet.clone()), (name, value.to_owned())]
        };
        self.game_servers.set(fleets.iter().flat_map(|(key, fleet)| {
            fleet.states.iter().map(move |(state, count)| (labels(key, "state", state), *count))
        }));
        self.fleet_replicas.set(fleets.iter().flat_map(|(key, fleet)| {
            let kinds = fleet.replicas.into_iter().flat_map(|replicas| replicas.kinds());
            kinds.map(move |(kind, count)| (labels(key, "kind", kind), count))
        }));
    }
}

/// Gauges of which those that are not set any more go away.
#[derive(Default)]
struct Gauged {
    family: Family<Labels, Gauge>,
    known: Mutex<HashSet<Labels>>,
}

impl Gauged {
    fn set(&self, values: impl Iterator<Item = (Labels, i64)>) {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let gone = std::mem::take(&mut *known);
        for (labels, value) in values {
            self.family.get_or_create(&labels).set(value);
            known.insert(labels);
        }
        for labels in gone.difference(&known) {
            self.family.remove(labels);
        }
    }
}
