//! The counts of one cycle.

use std::collections::BTreeMap;

use task_analytics::Figure;

/// The states that a game server can be in (`GameServerState` in pkg/apis/agones/v1/gameserver.go of Agones), in the order of
/// its life.
pub const STATES: [&str; 11] = [
    "PortAllocation",
    "Creating",
    "Starting",
    "Scheduled",
    "RequestReady",
    "Ready",
    "Reserved",
    "Allocated",
    "Unhealthy",
    "Error",
    "Shutdown",
];

/// Stands for the fleet of game servers that have none: no name can be like it.
const NO_FLEET: &str = "-";

/// A fleet, by its namespace and name.
pub(crate) type FleetKey = (String, String);

/// How many there are of each state, and of each kind of replicas.
#[derive(Debug, Default)]
pub(crate) struct Fleet {
    pub(crate) states: BTreeMap<String, i64>,
    /// Of game servers without a fleet, there are none.
    pub(crate) replicas: Option<Replicas>,
}

#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Replicas {
    pub(crate) desired: i64,
    pub(crate) current: i64,
    pub(crate) ready: i64,
    pub(crate) reserved: i64,
    pub(crate) allocated: i64,
}

impl Replicas {
    pub(crate) fn kinds(self) -> [(&'static str, i64); 5] {
        let Self { desired, current, ready, reserved, allocated } = self;
        [("desired", desired), ("current", current), ("ready", ready), ("reserved", reserved), ("allocated", allocated)]
    }
}

/// The counts of all fleets, of no more than so many.
#[derive(Debug)]
pub(crate) struct Census {
    max_fleets: usize,
    fleets: BTreeMap<FleetKey, Fleet>,
    left_out: usize,
}

impl Census {
    pub(crate) fn new(max_fleets: usize) -> Self {
        Self { max_fleets, fleets: BTreeMap::new(), left_out: 0 }
    }

    /// Takes note of a fleet. They come in the order of their keys.
    pub(crate) fn fleet(&mut self, namespace: String, name: String, replicas: Replicas) {
        match self.entry((namespace, name)) {
            Some(fleet) => fleet.replicas = Some(replicas),
            None => self.left_out += 1,
        }
    }

    /// Takes note of a game server.
    pub(crate) fn game_server(&mut self, namespace: String, fleet: Option<String>, state: String) {
        let state = if state.is_empty() { "Unknown".to_owned() } else { state };
        if let Some(fleet) = self.entry((namespace, fleet.unwrap_or_else(|| NO_FLEET.to_owned()))) {
            *fleet.states.entry(state).or_default() += 1;
        }
    }

    fn entry(&mut self, key: FleetKey) -> Option<&mut Fleet> {
        if !self.fleets.contains_key(&key) && self.fleets.len() >= self.max_fleets {
            return None;
        }
        Some(self.fleets.entry(key).or_insert_with(|| {
            let states = STATES.map(|state| (state.to_owned(), 0));
            Fleet { states: states.into(), replicas: None }
        }))
    }

    pub(crate) fn fleets(&self) -> &BTreeMap<FleetKey, Fleet> {
        &self.fleets
    }

    pub(crate) fn figures(&self) -> Vec<Figure> {
        let mut figures = Vec::new();
        for ((namespace, name), fleet) in &self.fleets {
            for (state, count) in &fleet.states {
                figures.push(Figure::counted(&format!("gameServers/{namespace}/{name}/{state}"), *count));
            }
            for (kind, count) in fleet.replicas.iter().flat_map(|replicas| replicas.kinds()) {
                figures.push(Figure::counted(&format!("fleetReplicas/{namespace}/{name}/{kind}"), count));
            }
        }
        figures
    }

    /// What to say of fleets that have no figures because there are too many.
    pub(crate) fn left_out(&self) -> Option<String> {
        let Self { max_fleets, left_out, .. } = self;
        (*left_out > 0)
            .then(|| format!("there are {left_out} fleets more than the {max_fleets} that have figures (max_fleets)"))
    }
}
