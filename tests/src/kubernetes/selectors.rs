//! `fieldSelector` and `labelSelector` (pkg/fields/selector.go and pkg/labels/selector.go of
//! staging/src/k8s.io/apimachinery), but for `<` and `>` of labels.

use serde_json::Value;

use super::resources::Resource;
use super::status::Status;

#[derive(Debug, Clone, Default)]
pub(super) struct Selectors {
    fields: Vec<Term>,
    labels: Vec<Term>,
}

/// What is asked of one field or label.
#[derive(Debug, Clone)]
struct Term {
    key: String,
    test: Test,
}

#[derive(Debug, Clone)]
enum Test {
    In(Vec<String>),
    NotIn(Vec<String>),
    Exists,
    Missing,
}

impl Selectors {
    pub(super) fn parse(resource: Resource, fields: &str, labels: &str) -> Result<Self, Status> {
        let fields = split_fields(fields)
            .into_iter()
            .map(|term| {
                let Some(parsed) = comparison(term) else {
                    return Err(Status::bad_request(format!(
                        "invalid selector: '{fields}'; can't understand '{term}'"
                    )));
                };
                if !selectable(resource, &parsed.key) {
                    return Err(Status::bad_request(format!("field label not supported: {}", parsed.key)));
                }
                Ok(unescaped(parsed))
            })
            .collect::<Result<_, _>>()?;
        Ok(Self { fields, labels: split_labels(labels).into_iter().map(label_term).collect() })
    }

    pub(super) fn is_empty(&self) -> bool {
        self.fields.is_empty() && self.labels.is_empty()
    }

    pub(super) fn match_object(&self, object: &Value) -> bool {
        self.fields.iter().all(|term| term.holds(Some(field(object, &term.key))))
            && self.labels.iter().all(|term| term.holds(object["metadata"]["labels"][&term.key].as_str()))
    }
}

impl Term {
    /// Whether it holds for this value, or for none. What is not there is in no set.
    fn holds(&self, actual: Option<&str>) -> bool {
        let is_in = |values: &[String]| actual.is_some_and(|actual| values.iter().any(|value| value == actual));
        match &self.test {
            Test::In(values) => is_in(values),
            Test::NotIn(values) => !is_in(values),
            Test::Exists => actual.is_some(),
            Test::Missing => actual.is_none(),
        }
    }
}

/// `key=value`, `key==value` or `key!=value`.
fn comparison(term: &str) -> Option<Term> {
    let at = term.find('=')?;
    let value = term[at + 1..].strip_prefix('=').unwrap_or(&term[at + 1..]).trim().to_owned();
    let (key, test) = match term[..at].strip_suffix('!') {
        Some(key) => (key, Test::NotIn(vec![value])),
        None => (&term[..at], Test::In(vec![value])),
    };
    Some(Term { key: key.trim().to_owned(), test })
}

/// One requirement for a label.
fn label_term(term: &str) -> Term {
    if let Some(term) = comparison(term) {
        return term;
    }
    let set = |operator: &str| {
        let (key, values) = term.split_once(operator)?;
        let values = values.trim().strip_prefix('(')?.strip_suffix(')')?;
        Some((key.trim().to_owned(), values.split(',').map(|value| value.trim().to_owned()).collect()))
    };
    let is_there = |key: &str, test| Term { key: key.trim().to_owned(), test };
    match (set(" notin "), set(" in "), term.strip_prefix('!')) {
        (Some((key, values)), ..) => Term { key, test: Test::NotIn(values) },
        (_, Some((key, values)), _) => Term { key, test: Test::In(values) },
        (.., Some(key)) => is_there(key, Test::Missing),
        _ => is_there(term, Test::Exists),
    }
}

/// The parts between commas that no backslash stands before.
fn split_fields(selector: &str) -> Vec<&str> {
    let mut escaped = false;
    let parts = selector.split(|c: char| {
        let separates = c == ',' && !escaped;
        escaped = c == '\\' && !escaped;
        separates
    });
    parts.map(str::trim).filter(|term| !term.is_empty()).collect()
}

/// The parts between commas outside of parentheses.
fn split_labels(selector: &str) -> Vec<&str> {
    let mut depth = 0_usize;
    let parts = selector.split(|c: char| {
        depth = match c {
            '(' => depth + 1,
            ')' => depth.saturating_sub(1),
            _ => depth,
        };
        c == ',' && depth == 0
    });
    parts.map(str::trim).filter(|term| !term.is_empty()).collect()
}

/// UnescapeValue of pkg/fields: `\\`, `\,` and `\=` stand for what follows the backslash.
fn unescaped(mut term: Term) -> Term {
    if let Test::In(values) | Test::NotIn(values) = &mut term.test {
        for value in values {
            let escaped = std::mem::take(value);
            let mut characters = escaped.chars();
            while let Some(c) = characters.next() {
                value.extend(if c == '\\' { characters.next() } else { Some(c) });
            }
        }
    }
    term
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
