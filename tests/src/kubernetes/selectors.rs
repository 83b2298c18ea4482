//! `fieldSelector` and `labelSelector`, as far as `=`, `==`, `!=` and the existence of a label.

use serde_json::Value;

use super::resources::Resource;
use super::status::Status;

#[derive(Debug, Clone, Default)]
pub(super) struct Selectors {
    fields: Vec<Term>,
    labels: Vec<Term>,
}

#[derive(Debug, Clone)]
enum Term {
    Equal(String, String),
    NotEqual(String, String),
    Exists(String),
    Missing(String),
}

impl Selectors {
    pub(super) fn parse(resource: Resource, fields: &str, labels: &str) -> Result<Self, Status> {
        let fields = terms(fields);
        for term in &fields {
            let field = term.key();
            if !matches!(term, Term::Equal(..) | Term::NotEqual(..)) {
                return Err(Status::bad_request(format!("invalid selector: '{field}'; can't understand '{field}'")));
            }
            if !selectable(resource, field) {
                return Err(Status::bad_request(format!("field label not supported: {field}")));
            }
        }
        Ok(Self { fields, labels: terms(labels) })
    }

    pub(super) fn is_empty(&self) -> bool {
        self.fields.is_empty() && self.labels.is_empty()
    }

    pub(super) fn match_object(&self, object: &Value) -> bool {
        self.fields.iter().all(|term| term.holds(Some(field(object, term.key()))))
            && self.labels.iter().all(|term| term.holds(object["metadata"]["labels"][term.key()].as_str()))
    }
}

impl Term {
    fn key(&self) -> &str {
        match self {
            Self::Equal(key, _) | Self::NotEqual(key, _) | Self::Exists(key) | Self::Missing(key) => key,
        }
    }

    fn holds(&self, actual: Option<&str>) -> bool {
        match self {
            Self::Equal(_, value) => actual == Some(value),
            Self::NotEqual(_, value) => actual != Some(value),
            Self::Exists(_) => actual.is_some(),
            Self::Missing(_) => actual.is_none(),
        }
    }
}

fn terms(selector: &str) -> Vec<Term> {
    let split = |term: &str, operator: &str| {
        term.split_once(operator).map(|(key, value)| (key.trim().to_owned(), value.trim().to_owned()))
    };
    selector
        .split(',')
        .map(str::trim)
        .filter(|term| !term.is_empty())
        .map(|term| {
            if let Some((key, value)) = split(term, "!=") {
                Term::NotEqual(key, value)
            } else if let Some((key, value)) = split(term, "==").or_else(|| split(term, "=")) {
                Term::Equal(key, value)
            } else if let Some(key) = term.strip_prefix('!') {
                Term::Missing(key.trim().to_owned())
            } else {
                Term::Exists(term.to_owned())
            }
        })
        .collect()
}

/// The labels of AddFieldLabelConversionsForEvent in pkg/apis/core/v1/conversion.go, and those that every resource has.
fn selectable(resource: Resource, field: &str) -> bool {
    const EVENT_FIELDS: [&str; 11] = [
        "involvedObject.kind",
        "involvedObject.namespace",
        "involvedObject.name",
        "involvedObject.uid",
        "involvedObject.apiVersion",
        "involvedObject.resourceVersion",
        "involvedObject.fieldPath",
        "reason",
        "reportingComponent",
        "source",
        "type",
    ];
    matches!(field, "metadata.name" | "metadata.namespace")
        || (resource == Resource::Events && EVENT_FIELDS.contains(&field))
}

/// ToSelectableFields in pkg/registry/core/event/strategy.go: `source` is the component, or else the reporting one.
fn field<'a>(object: &'a Value, path: &str) -> &'a str {
    if path == "source" {
        let component = object["source"]["component"].as_str().unwrap_or_default();
        let reporting = object["reportingComponent"].as_str().unwrap_or_default();
        return if component.is_empty() { reporting } else { component };
    }
    path.split('.').fold(object, |value, name| &value[name]).as_str().unwrap_or_default()
}
