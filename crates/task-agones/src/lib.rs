//! The game servers and fleets of [Agones](https://agones.dev) as figures of the analytics.
//!
//! iR Engine runs its instances as game servers of Agones. How many there are of each fleet, in which states, and how many
//! replicas each fleet wants and has, is what decides whether the next user finds a place. [`AgonesMetrics`] reads it from the
//! API server at each cycle of the analytics, of which it is one more [`MetricSource`]:
//!
//! | metric | what it counts |
//! | --- | --- |
//! | `gameServers/NAMESPACE/FLEET/STATE` | the game servers of a fleet in a [state](STATES), those without one included; `-` stands for game servers without a fleet |
//! | `fleetReplicas/NAMESPACE/FLEET/KIND` | its replicas: `desired`, `current`, `ready`, `reserved`, `allocated` |
//!
//! Each state and kind has a figure in every cycle, also when it is 0, so that the newest row of a metric is always true. The
//! gauges `taskserver_agones_game_servers` and `taskserver_agones_fleet_replicas` say the same by their labels.
//!
//! A cluster without Agones has no such figures, and nothing is said about it. Where the rights are missing, that is one figure
//! that is off, with the rule to add.
//!
//! ```no_run
//! use task_agones::{AgonesMetrics, AgonesOptions};
//! use task_analytics::AnalyticsTask;
//! # use task_analytics::MetricSource;
//! use taskserver_core::Metrics;
//!
//! # async fn example(figures_of_the_platform: impl MetricSource) -> Result<(), kube::Error> {
//! let metrics = Metrics::default();
//! let client = kube::Client::try_default().await?;
//! let agones = AgonesMetrics::new(client, AgonesOptions::default(), &metrics);
//! let task = AnalyticsTask::new(figures_of_the_platform).with(agones);
//! # Ok(())
//! # }
//! ```
//!
//! # Design
//! A cycle asks first which groups of APIs there are, which every account may: this tells "no Agones" from "no rights". Then come
//! a list of the fleets and one of the game servers, page by page; only their counts are kept. How many fleets have figures is
//! bounded, because each costs sixteen rows in every cycle.
#![deny(missing_docs)]

mod api;
mod census;
mod gauges;

use std::time::Duration;

use async_trait::async_trait;
use kube::Client;
use task_analytics::{Figure, FigureError, MetricSource, SourceError};
use taskserver_core::Metrics;
use tokio::time::timeout;

use api::AgonesError;
use census::Census;
use gauges::Gauges;

pub use census::STATES;

/// The metric that is off, or has failed, when there are no figures of Agones.
pub const METRIC: &str = "gameServers";

/// What to count, and within which limits.
#[derive(Debug, Clone)]
pub struct AgonesOptions {
    /// The namespace of the fleets and game servers; all of them unless set, which needs a ClusterRole.
    pub namespace: Option<String>,
    /// How many objects a page of a list has.
    pub page_size: u32,
    /// How many fleets, in the order of their namespaces and names, have figures.
    pub max_fleets: usize,
    /// How long all requests of one cycle may take together.
    pub timeout: Duration,
}

impl Default for AgonesOptions {
    fn default() -> Self {
        Self { namespace: None, page_size: 500, max_fleets: 100, timeout: Duration::from_secs(10) }
    }
}

/// Counts game servers and replicas of fleets.
pub struct AgonesMetrics {
    client: Client,
    options: AgonesOptions,
    gauges: Gauges,
}

impl AgonesMetrics {
    /// Counts through this client, and registers the gauges among these metrics. Nothing is requested yet.
    #[must_use]
    pub fn new(client: Client, options: AgonesOptions, metrics: &Metrics) -> Self {
        Self { client, options, gauges: Gauges::register(metrics) }
    }

    async fn census(&self) -> Result<Census, AgonesError> {
        let limit = self.options.timeout;
        timeout(limit, api::census(&self.client, &self.options)).await.map_err(|_| AgonesError::TimedOut(limit))?
    }
}

#[async_trait]
impl MetricSource for AgonesMetrics {
    /// Never an error: whatever is wrong with Agones is that of a figure.
    async fn figures(&self) -> Result<Vec<Figure>, SourceError> {
        let off = |outcome| vec![Figure { metric: METRIC.to_owned(), outcome: Err(outcome) }];
        let census = match self.census().await {
            Ok(census) => census,
            // The gauges keep what was true last: it is the cycle that has failed, not the fleet that has gone.
            Err(error @ AgonesError::Forbidden { .. }) => return Ok(off(FigureError::Disabled(error.to_string()))),
            Err(error) => return Ok(off(FigureError::Failed(error.to_string()))),
        };
        self.gauges.set(&census);
        let mut figures = census.figures();
        if let Some(reason) = census.left_out() {
            figures.extend(off(FigureError::Disabled(reason)));
        }
        Ok(figures)
    }
}

/// The example of the README compiles.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
