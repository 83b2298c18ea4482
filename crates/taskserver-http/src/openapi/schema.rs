//! Fields and records as JSON Schema.

use serde_json::{Map, Value, json};
use taskserver_core::{Field, FieldType, Schema};

use crate::rest::SERVER_SET;

/// Adds the schemas of a service: its records, pages of them, and the data that it takes.
pub(super) fn add(schemas: &mut Map<String, Value>, name: &str, schema: &Schema) {
    schemas.insert(name.to_owned(), record(schema));
    schemas.insert(format!("{name}-page"), page(name));
    schemas.insert(format!("{name}-data"), data(schema, true));
    schemas.insert(format!("{name}-changes"), data(schema, false));
}

/// A value of this type, other than null.
pub(super) fn of_type(field_type: FieldType) -> Value {
    match field_type {
        FieldType::String { max } => json!({"type": "string", "maxLength": max}),
        FieldType::Integer { min, max } => json!({"type": "integer", "minimum": min, "maximum": max}),
        FieldType::Boolean => json!({"type": "boolean"}),
        FieldType::DateTime => json!({"type": "string", "format": "date-time"}),
        // Types that are still to come.
        _ => json!({}),
    }
}

fn of_field(field: &Field) -> Value {
    let mut schema = of_type(field.field_type);
    if field.nullable {
        let name = schema["type"].take();
        schema["type"] = json!([name, "null"]);
    }
    schema
}

/// Only the id is always there: a caller selects, and a deployment's table may lack a column.
fn record(schema: &Schema) -> Value {
    let properties: Map<_, _> = schema.fields().iter().map(|field| (field.name.clone(), of_field(field))).collect();
    json!({"type": "object", "properties": properties, "required": ["id"], "additionalProperties": false})
}

/// What a caller may send: all that a new record needs (`whole`), or some of it.
fn data(schema: &Schema, whole: bool) -> Value {
    let fields = || schema.fields().iter().filter(|field| !SERVER_SET.contains(&field.name.as_str()));
    let properties: Map<_, _> = fields().map(|field| (field.name.clone(), of_field(field))).collect();
    let required: Vec<_> = fields().filter(|field| whole && !field.nullable).map(|field| field.name.clone()).collect();
    json!({"type": "object", "properties": properties, "required": required, "additionalProperties": false})
}

fn page(name: &str) -> Value {
    let number = json!({"type": "integer", "minimum": 0});
    json!({
        "type": "object",
        "properties": {
            "total": number,
            "limit": number,
            "skip": number,
            "data": {"type": "array", "items": {"$ref": format!("#/components/schemas/{name}")}},
        },
        "required": ["total", "limit", "skip", "data"],
    })
}

/// An error as Feathers has it.
pub(super) fn error() -> Value {
    json!({
        "type": "object",
        "properties": {
            "name": {"type": "string"},
            "message": {"type": "string"},
            "code": {"type": "integer"},
            "className": {"type": "string"},
            "data": {},
        },
        "required": ["name", "message", "code", "className"],
    })
}
