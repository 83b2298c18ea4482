//! What a client asks about the server itself: its version, the groups and resources that it serves, and what the client
//! may do.

use serde_json::{Value, json};

use super::resources::Resource;
use super::state::State;

/// The document at `/version`, `/api`, `/apis` or a group's version below them; nothing when the server has no such path.
pub(super) fn document(state: &State, path: &str) -> Option<Value> {
    let groups = ["coordination.k8s.io", "agones.dev"];
    let served = |group: &str| Resource::ALL.iter().any(|it| it.group() == group && state.serves(*it));
    match path.trim_end_matches('/') {
        "/version" => Some(json!({
            "major": "1", "minor": "36", "gitVersion": "v1.36.0", "gitCommit": "", "gitTreeState": "clean",
            "buildDate": "2026-04-22T00:00:00Z", "goVersion": "go1.26", "compiler": "gc", "platform": "linux/amd64",
        })),
        "/api" => Some(json!({ "kind": "APIVersions", "versions": ["v1"], "serverAddressByClientCIDRs": [] })),
        "/apis" => {
            let groups = groups.into_iter().filter(|group| served(group)).map(|group| {
                let version = json!({ "groupVersion": format!("{group}/v1"), "version": "v1" });
                json!({ "name": group, "versions": [&version], "preferredVersion": &version })
            });
            Some(json!({ "kind": "APIGroupList", "apiVersion": "v1", "groups": groups.collect::<Vec<_>>() }))
        }
        "/api/v1" => Some(resources("", "v1")),
        other => {
            let group = other.strip_prefix("/apis/")?.strip_suffix("/v1")?;
            served(group).then(|| resources(group, &format!("{group}/v1")))
        }
    }
}

fn resources(group: &str, group_version: &str) -> Value {
    let verbs = ["create", "delete", "get", "list", "patch", "update", "watch"];
    let resources = Resource::ALL.into_iter().filter(|resource| resource.group() == group).map(|resource| {
        json!({
            "name": resource.plural(), "singularName": resource.kind().to_lowercase(), "namespaced": true,
            "kind": resource.kind(), "verbs": verbs,
        })
    });
    json!({
        "kind": "APIResourceList",
        "apiVersion": "v1",
        "groupVersion": group_version,
        "resources": resources.collect::<Vec<_>>(),
    })
}

/// Answers a SelfSubjectAccessReview from what [`ApiServer::deny`](super::ApiServer::deny) has taken away.
pub(super) fn review(state: &State, mut review: Value) -> Value {
    let asked = &review["spec"]["resourceAttributes"];
    let text = |field: &str| asked[field].as_str().unwrap_or_default();
    let resource = Resource::ALL.into_iter().find(|it| it.plural() == text("resource") && it.group() == text("group"));
    let allowed = resource.is_some_and(|resource| state.allows(text("verb"), resource));
    review["status"] = json!({ "allowed": allowed });
    review
}
