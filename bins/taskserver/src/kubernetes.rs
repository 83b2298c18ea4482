//! The cluster's API server: how it is reached and watched.

use async_trait::async_trait;
use kube::{Client, Config};
use taskserver_core::Probe;
use tokio::sync::OnceCell;

/// The version of the API that answers, from its `/version`: what every account may ask.
#[derive(Default)]
pub(crate) struct ApiServerProbe(OnceCell<Client>);

#[async_trait]
impl Probe for ApiServerProbe {
    fn component(&self) -> &'static str {
        "kubernetes"
    }

    async fn probe(&self) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
        // Where there is no way to a cluster yet, it is looked for again with the next probe.
        let client = self.0.get_or_try_init(connect).await?;
        client.apiserver_version().await?;
        Ok(())
    }
}

async fn connect() -> Result<Client, Box<dyn std::error::Error + Send + Sync>> {
    Ok(task_k8s_events::connect(Config::infer().await?)?)
}
