//! What a story runs on that is to hold of the stand-in and of a real API server alike.

use std::env;
use std::path::{Path, PathBuf};

use serde_json::Value;
use tempfile::NamedTempFile;

use super::ApiServer;
use crate::servers;

/// A cluster, by its kubeconfig. The account may do everything in the namespace `default`.
pub struct Cluster {
    name: &'static str,
    kubeconfig: Kubeconfig,
    /// Ends with the story.
    _stand_in: Option<ApiServer>,
    _server: Option<servers::kubernetes::ApiServer>,
}

enum Kubeconfig {
    Own(NamedTempFile),
    Given(PathBuf),
}

impl Cluster {
    /// The clusters of a test: the stand-in; a real API server that is started for it, where `KUBEBUILDER_ASSETS` names the
    /// programs ([`servers::kubernetes`]); and the one behind the kubeconfig in `TASKSERVER_TEST_KUBECONFIG`, where that is set.
    pub async fn all() -> Vec<Self> {
        let stand_in = ApiServer::start().await;
        let kubeconfig = Kubeconfig::own(&stand_in.kubeconfig());
        let mut clusters = vec![Self { name: "the stand-in", kubeconfig, _stand_in: Some(stand_in), _server: None }];
        if let Some(server) = servers::kubernetes::start() {
            let kubeconfig = Kubeconfig::own(&server.kubeconfig());
            clusters.push(Self { name: "kube-apiserver", kubeconfig, _stand_in: None, _server: Some(server) });
        }
        if let Some(path) = env::var_os("TASKSERVER_TEST_KUBECONFIG") {
            let kubeconfig = Kubeconfig::Given(path.into());
            clusters.push(Self { name: "the given cluster", kubeconfig, _stand_in: None, _server: None });
        }
        clusters
    }

    /// What it is called, for messages.
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// The way to it.
    pub fn kubeconfig(&self) -> &Path {
        match &self.kubeconfig {
            Kubeconfig::Own(file) => file.path(),
            Kubeconfig::Given(path) => path,
        }
    }
}

impl Kubeconfig {
    fn own(content: &Value) -> Self {
        let file = NamedTempFile::new().expect("a temporary file");
        std::fs::write(file.path(), content.to_string()).expect("a writable file");
        Self::Own(file)
    }
}
