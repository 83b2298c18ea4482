//! The health of what the app consists of and depends on.
//!
//! Each component registers itself by name and reports its own state through its [`HealthReporter`]. The app is ready when
//! every required component is [`Ready`](Health::Ready) or [`Degraded`](Health::Degraded): a component that has not reported
//! yet is not ready. Optional components are shown but never keep the app from being ready.

use std::sync::{Arc, RwLock};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{Clock, Metrics, Observed};

/// The state of one component.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "state", content = "reason", rename_all = "lowercase")]
pub enum Health {
    /// It has not reported yet.
    Starting,
    /// It works.
    Ready,
    /// It works in part, for this reason.
    Degraded(String),
    /// It does not work, for this reason.
    Down(String),
    /// It is switched off or not available here, for this reason. Never a fault.
    Disabled(String),
}

impl Health {
    /// The state's name: `starting`, `ready`, `degraded`, `down` or `disabled`.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::Starting => "starting",
            Self::Ready => "ready",
            Self::Degraded(_) => "degraded",
            Self::Down(_) => "down",
            Self::Disabled(_) => "disabled",
        }
    }

    /// Why the component is in this state, where a state has a reason.
    #[must_use]
    pub fn reason(&self) -> Option<&str> {
        match self {
            Self::Starting | Self::Ready => None,
            Self::Degraded(reason) | Self::Down(reason) | Self::Disabled(reason) => Some(reason),
        }
    }

    /// The names of all states.
    const NAMES: [&str; 5] = ["starting", "ready", "degraded", "down", "disabled"];

    fn allows_readiness(&self) -> bool {
        matches!(self, Self::Ready | Self::Degraded(_) | Self::Disabled(_))
    }
}

/// What the registry knows of one component.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ComponentHealth {
    /// The component's name, such as `database`.
    pub name: String,
    /// Its state.
    #[serde(flatten)]
    pub health: Health,
    /// Since when it has been in this state (whatever the reason).
    pub since: Timestamp,
    /// Whether the app needs it in order to be ready.
    pub required: bool,
}

/// The components of one app, in the order of their registration.
///
/// ```
/// use std::sync::Arc;
/// use taskserver_core::{Health, HealthRegistry, SystemClock};
///
/// let registry = HealthRegistry::new(Arc::new(SystemClock));
/// let database = registry.register("database", true);
/// assert!(!registry.is_ready());
/// database.report(Health::Ready);
/// assert!(registry.is_ready());
/// ```
#[derive(Clone)]
pub struct HealthRegistry {
    clock: Arc<dyn Clock>,
    components: Arc<RwLock<Vec<ComponentHealth>>>,
}

impl HealthRegistry {
    /// An empty registry: ready, since nothing is required yet.
    #[must_use]
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        Self { clock, components: Arc::default() }
    }

    /// Registers a component, [`Starting`](Health::Starting) until it reports. A name that is registered already starts anew.
    #[must_use = "a component that never reports keeps the app from being ready"]
    pub fn register(&self, name: &str, required: bool) -> HealthReporter {
        let component =
            ComponentHealth { name: name.to_owned(), health: Health::Starting, since: self.clock.now(), required };
        let mut components = self.components.write().unwrap_or_else(std::sync::PoisonError::into_inner);
        match components.iter_mut().find(|known| known.name == name) {
            Some(known) => *known = component,
            None => components.push(component),
        }
        HealthReporter { registry: self.clone(), name: name.to_owned() }
    }

    /// Every component as it is now.
    #[must_use]
    pub fn components(&self) -> Vec<ComponentHealth> {
        self.components.read().unwrap_or_else(std::sync::PoisonError::into_inner).clone()
    }

    /// Whether every required component has reported that it works, at least in part.
    #[must_use]
    pub fn is_ready(&self) -> bool {
        let components = self.components.read().unwrap_or_else(std::sync::PoisonError::into_inner);
        components.iter().all(|component| !component.required || component.health.allows_readiness())
    }

    /// Shows the health of every component in `metrics`: for each of its possible states, whether it is in it.
    pub(crate) fn observe(&self, metrics: &Metrics) {
        let registry = self.clone();
        let states = move || {
            let states = |component: ComponentHealth| {
                Health::NAMES.map(|state| {
                    let labels = vec![("component", component.name.clone()), ("state", state.to_owned())];
                    (labels, f64::from(u8::from(component.health.name() == state)))
                })
            };
            registry.components().into_iter().flat_map(states).collect()
        };
        metrics.register("component_health", "Whether the component is in this state", Observed::gauge(states));
        let registry = self.clone();
        let ready = move || vec![(vec![], f64::from(u8::from(registry.is_ready())))];
        metrics.register("ready", "Whether everything that is required works", Observed::gauge(ready));
    }

    /// Reports the state of a component by its name, for whoever watches over components that others have registered. A
    /// name that nobody has registered is passed over.
    pub fn report(&self, name: &str, health: Health) {
        let mut components = self.components.write().unwrap_or_else(std::sync::PoisonError::into_inner);
        let Some(component) = components.iter_mut().find(|component| component.name == name) else {
            return;
        };
        if component.health.name() != health.name() {
            component.since = self.clock.now();
            log_change(name, &component.health, &health);
        }
        component.health = health;
    }
}

fn log_change(component: &str, from: &Health, to: &Health) {
    let (from, reason) = (from.name(), to.reason().unwrap_or_default());
    match to {
        Health::Down(_) => tracing::error!(component, from, reason, "component is down"),
        Health::Degraded(_) => tracing::warn!(component, from, reason, "component is degraded"),
        Health::Ready | Health::Starting => tracing::info!(component, from, "component is {}", to.name()),
        Health::Disabled(_) => tracing::info!(component, from, reason, "component is disabled"),
    }
}

/// Through which a component reports its state.
#[derive(Clone)]
pub struct HealthReporter {
    registry: HealthRegistry,
    name: String,
}

impl HealthReporter {
    /// The component's new state. A change of state is logged; the same state again only renews the reason.
    pub fn report(&self, health: Health) {
        self.registry.report(&self.name, health);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::TokioClock;
    use std::time::Duration;

    fn registry() -> HealthRegistry {
        let start = "2026-01-01T00:00:00Z".parse().unwrap();
        HealthRegistry::new(Arc::new(TokioClock::starting_at(start)))
    }

    #[tokio::test(start_paused = true)]
    async fn an_optional_component_that_is_down_leaves_the_app_ready() {
        let registry = registry();
        registry.register("redis", false).report(Health::Down("refused".into()));
        assert!(registry.is_ready());
    }

    #[tokio::test(start_paused = true)]
    async fn the_time_of_a_state_is_that_of_its_first_report() {
        let registry = registry();
        let database = registry.register("database", true);
        tokio::time::advance(Duration::from_secs(60)).await;
        database.report(Health::Down("refused".into()));
        tokio::time::advance(Duration::from_secs(60)).await;
        database.report(Health::Down("timed out".into()));
        let components = registry.components();
        assert_eq!(components[0].since.to_string(), "2026-01-01T00:01:00Z");
        assert_eq!(components[0].health, Health::Down("timed out".into()));
        assert!(!registry.is_ready());
    }

    #[test]
    fn a_component_is_serialised_flat() {
        let component = ComponentHealth {
            name: "database".into(),
            health: Health::Down("refused".into()),
            since: Timestamp::UNIX_EPOCH,
            required: true,
        };
        let json = serde_json::to_value(&component).unwrap();
        let expected = serde_json::json!({
            "name": "database", "state": "down", "reason": "refused", "since": "1970-01-01T00:00:00Z", "required": true
        });
        assert_eq!(json, expected);
        assert_eq!(serde_json::from_value::<ComponentHealth>(json).unwrap(), component);
    }
}
