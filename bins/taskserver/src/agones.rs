//! The figures of Agones, where there is a cluster.

use async_trait::async_trait;
use task_agones::{AgonesMetrics, AgonesOptions, METRIC};
use task_analytics::{Figure, FigureError, MetricSource, SourceError};
use taskserver_config::Settings;
use taskserver_core::Metrics;
use tokio::sync::OnceCell;

use crate::kubernetes::{self, Cluster};

/// The source of the figures, unless the settings have none.
pub(crate) fn figures(settings: &Settings, cluster: &Cluster, gauges: &Metrics) -> Option<impl MetricSource> {
    let agones = &settings.kubernetes.agones;
    (kubernetes::has_cluster(settings) && agones.enabled).then(|| Agones {
        options: AgonesOptions {
            namespace: agones.namespace.clone(),
            max_fleets: agones.max_fleets,
            timeout: agones.timeout,
            ..AgonesOptions::default()
        },
        cluster: cluster.clone(),
        gauges: gauges.clone(),
        metrics: OnceCell::new(),
    })
}

/// Connects when it is first asked: where there is no way to a cluster yet, it is looked for again in the next cycle.
struct Agones {
    options: AgonesOptions,
    cluster: Cluster,
    gauges: Metrics,
    metrics: OnceCell<AgonesMetrics>,
}

#[async_trait]
impl MetricSource for Agones {
    async fn figures(&self) -> Result<Vec<Figure>, SourceError> {
        let connect = async || {
            let client = self.cluster.client().await?;
            anyhow::Ok(AgonesMetrics::new(client, self.options.clone(), &self.gauges))
        };
        match self.metrics.get_or_try_init(connect).await {
            Ok(metrics) => metrics.figures().await,
            Err(error) => {
                let outcome = Err(FigureError::Disabled(format!("there is no cluster: {error:#}")));
                Ok(vec![Figure { metric: METRIC.to_owned(), outcome }])
            }
        }
    }
}
