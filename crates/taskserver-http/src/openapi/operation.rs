//! One method of a service as an operation.

use serde_json::{Map, Value, json};
use taskserver_core::{Field, FieldType, Method, Parameter, Schema};

use super::schema::of_type;

pub(super) fn describe(service: &str, method: Method, schema: &Schema, of_hooks: &[Parameter], scope: &str) -> Value {
    let mut operation = json!({
        "operationId": format!("{service}.{}", method.name()),
        "tags": [service],
        "summary": summary(method),
        "description": format!("Needs the scope `{scope}`."),
        "parameters": parameters(method, schema, of_hooks),
        "responses": responses(service, method),
    });
    let data = match method {
        Method::Create | Method::Update => Some("data"),
        Method::Patch => Some("changes"),
        Method::Find | Method::Get | Method::Remove => None,
    };
    if let Some(data) = data {
        operation["requestBody"] = json!({"required": true, "content": content(&format!("{service}-{data}"))});
    }
    operation
}

fn summary(method: Method) -> &'static str {
    match method {
        Method::Find => "A page of records",
        Method::Get => "The record with this id",
        Method::Create => "Stores a new record",
        Method::Update => "Replaces the record with this id",
        Method::Patch => "Replaces some fields of the record with this id",
        Method::Remove => "Removes the record with this id, and answers it",
    }
}

fn parameters(method: Method, schema: &Schema, of_hooks: &[Parameter]) -> Vec<Value> {
    let mut parameters = Vec::new();
    if !matches!(method, Method::Find | Method::Create) {
        let id = json!({"type": "string", "minLength": 1});
        parameters.push(json!({"name": "id", "in": "path", "required": true, "schema": id}));
    }
    let names: Vec<_> = schema.fields().iter().map(|field| &field.name).collect();
    parameters.push(list("$select[]", &json!({"enum": names})));
    if method == Method::Find {
        let number = json!({"type": "integer", "minimum": 0, "maximum": i64::MAX});
        parameters.extend(["$limit", "$skip"].map(|name| parameter(name, &number)));
        parameters.extend(names.iter().map(|name| parameter(&format!("$sort[{name}]"), &json!({"enum": [1, -1]}))));
        parameters.extend(schema.fields().iter().flat_map(comparisons));
    }
    parameters.extend(of_hooks.iter().map(|Parameter { name, description, values }| {
        json!({"name": name, "in": "query", "description": description, "schema": {"enum": values}})
    }));
    parameters
}

fn comparisons(Field { name, field_type, .. }: &Field) -> Vec<Value> {
    let item = of_type(*field_type);
    // In a URL, the empty text is null where it is no value of the type.
    let value = match field_type {
        FieldType::String { .. } => item.clone(),
        _ => json!({"anyOf": [item, {"const": ""}]}),
    };
    let mut parameters = vec![parameter(name, &value), parameter(&format!("{name}[$ne]"), &value)];
    if *field_type != FieldType::Boolean {
        let operators = ["$lt", "$lte", "$gt", "$gte"];
        parameters.extend(operators.map(|operator| parameter(&format!("{name}[{operator}]"), &value)));
        parameters.extend(["$in", "$nin"].map(|operator| list(&format!("{name}[{operator}][]"), &item)));
    }
    parameters
}

fn parameter(name: &str, schema: &Value) -> Value {
    json!({"name": name, "in": "query", "schema": schema})
}

fn list(name: &str, items: &Value) -> Value {
    parameter(name, &json!({"type": "array", "items": items}))
}

fn responses(service: &str, method: Method) -> Value {
    let (status, body) = match method {
        Method::Find => ("200", format!("{service}-page")),
        Method::Create => ("201", service.to_owned()),
        _ => ("200", service.to_owned()),
    };
    let mut responses = Map::new();
    responses.insert(status.to_owned(), json!({"description": summary(method), "content": content(&body)}));
    // No more can be said, where not even the path is known.
    for (status, description) in [("414", "The URI is too long"), ("431", "The head of the request is too large")] {
        responses.insert(status.to_owned(), json!({ "description": description }));
    }
    let errors = ERRORS.iter().filter(|(.., methods)| methods.contains(&method));
    responses.extend(errors.map(|(status, description, _)| {
        ((*status).to_owned(), json!({"description": description, "content": content("error")}))
    }));
    Value::Object(responses)
}

const ERRORS: [(&str, &str, &[Method]); 12] = [
    ("400", "The query or the data are wrong", &Method::ALL),
    ("401", "The caller is not known", &Method::ALL),
    ("403", "The caller lacks the scope", &Method::ALL),
    ("404", "There is no such record", &[Method::Get, Method::Update, Method::Patch, Method::Remove]),
    ("405", "Several records at once are not taken", &[Method::Create]),
    ("408", "It took too long", &Method::ALL),
    ("409", "A record with one of these values exists already", &Method::WRITES),
    ("413", "The body is too large", &Method::ALL),
    ("422", "The data are refused", &Method::WRITES),
    ("429", "The caller failed to authenticate too often", &Method::ALL),
    ("500", "A fault of the server's", &Method::ALL),
    ("503", "Something that the service depends on is not available", &Method::ALL),
];

fn content(schema: &str) -> Value {
    json!({"application/json": {"schema": {"$ref": format!("#/components/schemas/{schema}")}}})
}
