//! Requests for fleets and game servers.

use std::fmt::Debug;
use std::time::Duration;

use kube::api::{Api, ApiResource, GroupVersionKind, ListParams, Object, ObjectMeta};
use kube::core::DynamicResourceScope;
use kube::{Client, Resource};
use serde::Deserialize;
use serde::de::{DeserializeOwned, IgnoredAny};

use crate::AgonesOptions;
use crate::census::{Census, Replicas};

const GROUP: &str = "agones.dev";

/// The label by which a game server knows its fleet (`FleetNameLabel` in pkg/apis/agones/v1/fleet.go of Agones).
const FLEET_LABEL: &str = "agones.dev/fleet";

/// Why nothing was counted.
#[derive(Debug, thiserror::Error)]
pub(crate) enum AgonesError {
    #[error(
        "not allowed to list {resource} {}: add the rule {{apiGroups: [\"agones.dev\"], resources: [\"fleets\", \
         \"gameservers\"], verbs: [\"list\"]}} to the {} of this account",
        .namespace.as_deref().map_or_else(|| "in all namespaces".to_owned(), |it| format!("in the namespace {it:?}")),
        if .namespace.is_some() { "Role" } else { "ClusterRole" },
    )]
    Forbidden { resource: &'static str, namespace: Option<String> },
    #[error("the API server gave no answer within {0:?}")]
    TimedOut(Duration),
    #[error("the API server was asked for {what}: {source}")]
    Request { what: &'static str, source: kube::Error },
}

#[derive(Debug, Clone, Deserialize, Default)]
#[serde(default)]
struct GameServerStatus {
    state: String,
}

#[derive(Debug, Clone, Deserialize, Default)]
#[serde(default)]
struct FleetSpec {
    replicas: i64,
}

#[derive(Debug, Clone, Deserialize, Default)]
#[serde(default, rename_all = "camelCase")]
struct FleetStatus {
    replicas: i64,
    ready_replicas: i64,
    reserved_replicas: i64,
    allocated_replicas: i64,
}

/// Counts what there is: nothing on a cluster without Agones.
pub(crate) async fn census(client: &Client, options: &AgonesOptions) -> Result<Census, AgonesError> {
    let groups = client.list_api_groups().await;
    let groups = groups.map_err(|source| AgonesError::Request { what: "its groups of APIs", source })?;
    let mut census = Census::new(options.max_fleets);
    if !groups.groups.iter().any(|group| group.name == GROUP) {
        return Ok(census);
    }
    each(client, options, ("Fleet", "fleets"), |fleet: Object<FleetSpec, FleetStatus>| {
        let (namespace, name) = place(fleet.metadata);
        let status = fleet.status.unwrap_or_default();
        let replicas = Replicas {
            desired: fleet.spec.replicas,
            current: status.replicas,
            ready: status.ready_replicas,
            reserved: status.reserved_replicas,
            allocated: status.allocated_replicas,
        };
        census.fleet(namespace, name, replicas);
    })
    .await?;
    each(client, options, ("GameServer", "gameservers"), |server: Object<IgnoredAny, GameServerStatus>| {
        let fleet = server.metadata.labels.as_ref().and_then(|labels| labels.get(FLEET_LABEL)).cloned();
        let (namespace, _) = place(server.metadata);
        census.game_server(namespace, fleet, server.status.unwrap_or_default().state);
    })
    .await?;
    Ok(census)
}

fn place(metadata: ObjectMeta) -> (String, String) {
    (metadata.namespace.unwrap_or_default(), metadata.name.unwrap_or_default())
}

/// Does something with each object of a kind, holding one page of them at a time.
async fn each<K>(
    client: &Client,
    options: &AgonesOptions,
    (kind, resource): (&'static str, &'static str),
    mut count: impl FnMut(K),
) -> Result<(), AgonesError>
where
    K: Clone + Debug + DeserializeOwned + Resource<DynamicType = ApiResource, Scope = DynamicResourceScope>,
{
    let kind = ApiResource::from_gvk_with_plural(&GroupVersionKind::gvk(GROUP, "v1", kind), resource);
    let api: Api<K> = match &options.namespace {
        Some(namespace) => Api::namespaced_with(client.clone(), namespace, &kind),
        None => Api::all_with(client.clone(), &kind),
    };
    let mut parameters = ListParams::default().limit(options.page_size);
    loop {
        let page = api.list(&parameters).await.map_err(|source| match source {
            kube::Error::Api(status) if status.code == 403 => {
                AgonesError::Forbidden { resource, namespace: options.namespace.clone() }
            }
            source => AgonesError::Request { what: resource, source },
        })?;
        page.items.into_iter().for_each(&mut count);
        parameters.continue_token = page.metadata.continue_.filter(|token| !token.is_empty());
        if parameters.continue_token.is_none() {
            return Ok(());
        }
    }
}
