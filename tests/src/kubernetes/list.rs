//! Lists as the etcd storage of kube-apiserver answers them (GetList in pkg/storage/etcd3/store.go). Events are not in
//! the watch cache, so that every list of them is such a read.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Serialize;
use serde_json::{Value, json};

use super::resources::Resource;
use super::route::Query;
use super::selectors::Selectors;
use super::status::Status;
use super::store::Store;

#[derive(Serialize)]
struct Page<'a> {
    kind: String,
    #[serde(rename = "apiVersion")]
    api_version: &'a str,
    metadata: Value,
    items: Vec<&'a Value>,
}

/// One page of a list, as JSON.
pub(super) fn list(store: &Store, resource: Resource, namespace: &str, query: &Query) -> Result<String, Status> {
    let selectors = Selectors::parse(resource, query.get("fieldSelector"), query.get("labelSelector"))?;
    let limit: usize = query.number("limit")?.unwrap_or(0);
    let prefix = if namespace.is_empty() { String::new() } else { format!("{namespace}/") };

    let (revision, start) = match query.get("continue") {
        "" => (revision_asked(store, query, limit)?, String::new()),
        token => continuation(store, query, token, &prefix)?,
    };
    let limit = if limit == 0 { usize::MAX } else { limit };
    let page = store.range(resource, &prefix, &start, revision, limit, |object| selectors.match_object(object));

    let mut metadata = json!({ "resourceVersion": revision.to_string() });
    if let Some(next) = page.next {
        metadata["continue"] = json!(token(Some(revision), &next[prefix.len()..]));
        // Only without selectors is the number known (PrepareContinueToken in pkg/storage/continue.go).
        if selectors.is_empty() {
            metadata["remainingItemCount"] = json!(page.remaining);
        }
    }
    let page = Page {
        kind: format!("{}List", resource.kind()),
        api_version: resource.api_version(),
        metadata,
        items: page.items.iter().map(AsRef::as_ref).collect(),
    };
    Ok(serde_json::to_string(&page).expect("a page is JSON"))
}

/// The revision of a first page (ValidateListOptions in pkg/storage/interfaces.go).
fn revision_asked(store: &Store, query: &Query, limit: usize) -> Result<u64, Status> {
    let asked = query.revision()?.unwrap_or(0);
    let exact = match query.get("resourceVersionMatch") {
        "Exact" if asked == 0 => {
            return Err(Status::new(
                422,
                "Invalid",
                "ListOptions.meta.k8s.io \"\" is invalid: resourceVersionMatch: Forbidden: resourceVersionMatch \"exact\" \
                 is forbidden for resourceVersion \"0\"",
            ));
        }
        "Exact" => true,
        "NotOlderThan" => false,
        // Without a match, a limit makes a version exact: the legacy rule.
        _ => limit > 0 && asked > 0,
    };
    if asked > store.revision() {
        return Err(Status::too_large(asked, store.revision()));
    }
    if exact && asked < store.compacted() {
        return Err(Status::expired_list());
    }
    Ok(if exact { asked } else { store.revision() })
}

fn continuation(store: &Store, query: &Query, token: &str, prefix: &str) -> Result<(u64, String), Status> {
    let (revision, start) = parse_token(token)?;
    if query.revision()?.is_some_and(|asked| asked > 0) {
        return Err(Status::bad_request("specifying resource version is not allowed when using continue"));
    }
    let start_key = format!("{prefix}{start}");
    match revision {
        // The fresh token of an expired continuation: the rest, as it is now.
        None => Ok((store.revision(), start_key)),
        Some(revision) if revision < store.compacted() => Err(Status::expired_continue(self::token(None, &start))),
        Some(revision) => Ok((revision, start_key)),
    }
}

/// The token of EncodeContinue in pkg/storage/continue.go, where -1 stands for the latest revision.
fn token(revision: Option<u64>, start: &str) -> String {
    let revision = revision.map_or(json!(-1), |revision| json!(revision));
    URL_SAFE_NO_PAD.encode(json!({ "v": "meta.k8s.io/v1", "rv": revision, "start": start }).to_string())
}

fn parse_token(token: &str) -> Result<(Option<u64>, String), Status> {
    let invalid = || Status::bad_request("invalid continue token: continue key is not valid");
    let bytes = URL_SAFE_NO_PAD.decode(token).map_err(|_| invalid())?;
    let token: Value = serde_json::from_slice(&bytes).map_err(|_| invalid())?;
    match (token["v"].as_str(), token["rv"].as_i64(), token["start"].as_str()) {
        (Some("meta.k8s.io/v1"), Some(revision), Some(start)) if revision != 0 && !start.is_empty() => {
            Ok((u64::try_from(revision).ok(), start.to_owned()))
        }
        _ => Err(invalid()),
    }
}
