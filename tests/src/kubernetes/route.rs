//! From a request's path and query to what it asks for.

use std::collections::BTreeMap;

use hyper::Method;

use super::resources::Resource;
use super::status::Status;

/// What a path names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Target {
    /// Objects of a resource: all (`namespace` and `name` empty), of a namespace, or one.
    Objects { resource: Resource, namespace: String, name: String },
    /// `selfsubjectaccessreviews` of `authorization.k8s.io/v1`.
    AccessReview,
    /// `/version`, `/api…`, `/apis…`: what the server is and serves.
    Discovery(String),
    /// No such path.
    Unknown,
}

impl Target {
    pub(super) fn of(path: &str) -> Self {
        let parts: Vec<&str> = path.split('/').filter(|part| !part.is_empty()).collect();
        let (group, rest) = match parts.as_slice() {
            ["api", "v1", rest @ ..] => ("", rest),
            ["apis", group, "v1", rest @ ..] => (*group, rest),
            _ => ("", [].as_slice()),
        };
        let (namespace, plural, name) = match rest {
            [] if matches!(parts.first(), Some(&("version" | "api" | "apis"))) => {
                return Self::Discovery(path.to_owned());
            }
            ["selfsubjectaccessreviews"] if group == "authorization.k8s.io" => return Self::AccessReview,
            ["namespaces", namespace, plural] => (*namespace, *plural, ""),
            ["namespaces", namespace, plural, name] => (*namespace, *plural, *name),
            [plural] => ("", *plural, ""),
            _ => return Self::Unknown,
        };
        match Resource::ALL.into_iter().find(|resource| resource.group() == group && resource.plural() == plural) {
            Some(resource) => Self::Objects { resource, namespace: namespace.to_owned(), name: name.to_owned() },
            None => Self::Unknown,
        }
    }
}

/// The RBAC verb of a request for objects (pkg/endpoints/request/requestinfo.go).
pub(super) fn verb(method: &Method, name: &str, query: &Query) -> &'static str {
    match *method {
        Method::POST => "create",
        Method::PUT => "update",
        Method::PATCH => "patch",
        Method::DELETE if name.is_empty() => "deletecollection",
        Method::DELETE => "delete",
        _ if !name.is_empty() => "get",
        _ if query.flag("watch") => "watch",
        _ => "list",
    }
}

/// The parameters of a query; absent ones are empty, as they are in Go.
#[derive(Debug, Clone, Default)]
pub(super) struct Query(BTreeMap<String, String>);

impl Query {
    pub(super) fn parse(query: &str) -> Self {
        Self(form_urlencoded::parse(query.as_bytes()).into_owned().collect())
    }

    pub(super) fn get(&self, name: &str) -> &str {
        self.0.get(name).map_or("", String::as_str)
    }

    pub(super) fn flag(&self, name: &str) -> bool {
        matches!(self.get(name), "true" | "1")
    }

    pub(super) fn number<T: std::str::FromStr>(&self, name: &str) -> Result<Option<T>, Status> {
        match self.get(name) {
            "" => Ok(None),
            text => text
                .parse()
                .map(Some)
                .map_err(|_| Status::bad_request(format!("strconv.ParseInt: parsing \"{text}\": invalid syntax"))),
        }
    }

    /// `resourceVersion`, when it is given.
    pub(super) fn revision(&self) -> Result<Option<u64>, Status> {
        match self.get("resourceVersion") {
            "" => Ok(None),
            text => text.parse().map(Some).map_err(|_| {
                Status::bad_request(format!(
                    "invalid resource version: strconv.ParseUint: parsing \"{text}\": invalid syntax"
                ))
            }),
        }
    }
}
