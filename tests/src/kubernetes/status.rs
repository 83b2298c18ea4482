//! Errors as kube-apiserver words them: a `Status` object with the code of the HTTP answer.

use serde_json::{Value, json};

use super::resources::Resource;

/// An error answer.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Status {
    pub(super) code: u16,
    pub(super) reason: &'static str,
    pub(super) message: String,
    pub(super) details: Option<Box<Value>>,
    /// `metadata.continue`, which only an expired continuation has.
    pub(super) fresh_continue: Option<String>,
    /// The `Retry-After` header, in seconds.
    pub(super) retry_after: Option<u32>,
}

impl Status {
    pub(super) fn new(code: u16, reason: &'static str, message: impl Into<String>) -> Self {
        Self { code, reason, message: message.into(), details: None, fresh_continue: None, retry_after: None }
    }

    /// The object, in the order of fields that the server has.
    pub(super) fn object(&self) -> Value {
        let mut status = json!({
            "kind": "Status",
            "apiVersion": "v1",
            "metadata": {},
            "status": "Failure",
            "message": self.message,
            "reason": self.reason,
        });
        if let Some(token) = &self.fresh_continue {
            status["metadata"]["continue"] = json!(token);
        }
        if let Some(details) = &self.details {
            status["details"] = Value::clone(details);
        }
        status["code"] = json!(self.code);
        status
    }

    fn named(mut self, resource: Resource, name: &str) -> Self {
        let mut details = json!({});
        if !name.is_empty() {
            details["name"] = json!(name);
        }
        if !resource.group().is_empty() {
            details["group"] = json!(resource.group());
        }
        details["kind"] = json!(resource.plural());
        self.details = Some(Box::new(details));
        self
    }

    pub(super) fn bad_request(message: impl Into<String>) -> Self {
        Self::new(400, "BadRequest", message)
    }

    pub(super) fn unauthorised() -> Self {
        Self::new(401, "Unauthorized", "Unauthorized")
    }

    /// Worded by forbiddenMessage in pkg/endpoints/handlers/responsewriters/errors.go.
    pub(super) fn forbidden(verb: &str, resource: Resource, namespace: &str, name: &str) -> Self {
        let place = match namespace {
            "" => "at the cluster scope".to_owned(),
            namespace => format!("in the namespace \"{namespace}\""),
        };
        let subject = match name {
            "" => resource.qualified(),
            name => format!("{} \"{name}\"", resource.qualified()),
        };
        let message = format!(
            "{subject} is forbidden: User \"nobody\" cannot {verb} resource \"{}\" in API group \"{}\" {place}",
            resource.plural(),
            resource.group(),
        );
        Self::new(403, "Forbidden", message).named(resource, name)
    }

    pub(super) fn not_found(resource: Resource, name: &str) -> Self {
        Self::new(404, "NotFound", format!("{} \"{name}\" not found", resource.qualified())).named(resource, name)
    }

    pub(super) fn already_exists(resource: Resource, name: &str) -> Self {
        Self::new(409, "AlreadyExists", format!("{} \"{name}\" already exists", resource.qualified()))
            .named(resource, name)
    }

    pub(super) fn conflict(resource: Resource, name: &str) -> Self {
        let message = format!(
            "Operation cannot be fulfilled on {} \"{name}\": the object has been modified; please apply your changes to \
             the latest version and try again",
            resource.qualified(),
        );
        Self::new(409, "Conflict", message).named(resource, name)
    }

    pub(super) fn version_required(resource: Resource, name: &str) -> Self {
        let message = format!(
            "{} \"{name}\" is invalid: metadata.resourceVersion: Invalid value: 0: must be specified for an update",
            resource.qualified(),
        );
        Self::new(422, "Invalid", message).named(resource, name)
    }

    /// A watch from a compacted revision (interpretWatchError in pkg/storage/etcd3/errors.go).
    pub(super) fn expired_watch() -> Self {
        Self::new(410, "Expired", "The resourceVersion for the provided watch is too old.")
    }

    /// A list at a compacted revision (interpretListError in pkg/storage/etcd3/errors.go).
    pub(super) fn expired_list() -> Self {
        Self::new(410, "Expired", "The resourceVersion for the provided list is too old.")
    }

    /// A continuation at a compacted revision (handleCompactedErrorForPaging in pkg/storage/etcd3/errors.go).
    pub(super) fn expired_continue(fresh: String) -> Self {
        let message = "The provided continue parameter is too old to display a consistent list result. You can start a \
                       new list without the continue parameter, or use the continue token in this response to retrieve \
                       the remainder of the results. Continuing with the provided token results in an inconsistent list \
                       - objects that were created, modified, or deleted between the time the first chunk was returned \
                       and now may show up in the list.";
        Self { fresh_continue: Some(fresh), ..Self::new(410, "Expired", message) }
    }

    /// A revision that the server does not have yet (NewTooLargeResourceVersionError in pkg/storage/errors.go).
    pub(super) fn too_large(wanted: u64, current: u64) -> Self {
        let message = format!("Timeout: Too large resource version: {wanted}, current: {current}");
        let causes = json!([{ "reason": "ResourceVersionTooLarge", "message": "Too large resource version" }]);
        Self { details: Some(Box::new(json!({ "causes": causes }))), ..Self::new(504, "Timeout", message) }
    }

    /// For faults: an error of this code, in the words that the server has for it.
    pub(super) fn of_code(code: u16, verb: &str, resource: Resource, namespace: &str, name: &str) -> Self {
        match code {
            401 => Self::unauthorised(),
            403 => Self::forbidden(verb, resource, namespace, name),
            404 => Self::not_found(resource, name),
            409 => Self::conflict(resource, name),
            410 if verb == "watch" => Self::expired_watch(),
            410 => Self::expired_list(),
            429 => Self::new(429, "TooManyRequests", "Too many requests, please try again later."),
            503 => Self::new(503, "ServiceUnavailable", "apiserver is shutting down."),
            504 => Self::new(504, "Timeout", "Timeout: request did not complete within the allotted timeout"),
            code => Self::new(code, "InternalError", "Internal error occurred: etcdserver: request timed out"),
        }
    }
}
