//! A URL's query in the types of a service's fields.
//!
//! In a URL everything is text. A value for a number, a boolean or a moment is null where it is empty; the empty text is what
//! it is for a text, of which null is written by its name without `=`. What cannot be read as its field's type stays a text,
//! and is refused by the schema, which says what it expects.

use serde_json::{Map, Value};
use taskserver_core::{Field, FieldType, Method, Query, Schema, ServiceError};

use super::brackets;

/// Reads a URL's query for a call of `method`.
pub(super) fn parse(query: Option<&str>, method: Method, schema: &Schema) -> Result<Query, ServiceError> {
    let raw = brackets::parse(query.unwrap_or_default())?;
    let mut query = Query::parse(&Value::Object(typed(raw, schema)))?;
    if method != Method::Find {
        query.normalize(schema)?;
        let only_selects = Query { select: query.select.clone(), ..Query::new() };
        if query != only_selects {
            let message = format!("Only $select may go with `{}`", method.name());
            return Err(ServiceError::bad_request(message));
        }
    }
    Ok(query)
}

fn typed(query: Map<String, Value>, schema: &Schema) -> Map<String, Value> {
    let each = |(key, value): (String, Value)| {
        let value = match key.as_str() {
            "$limit" | "$skip" => number(value),
            "$select" => list(value, |field| field),
            "$sort" => operators(value, |_, order| number(order)),
            "$or" | "$and" => list(value, |query| match query {
                Value::Object(query) => Value::Object(typed(query, schema)),
                other => other,
            }),
            name => match schema.field(name) {
                Some(field) => comparisons(value, field),
                // A hook may know what to do with it; else the service refuses it.
                None => value,
            },
        };
        (key, value)
    };
    query.into_iter().map(each).collect()
}

fn comparisons(value: Value, field: &Field) -> Value {
    let value = operators(value, |operator, operand| match operator {
        "$in" | "$nin" => list(operand, |value| scalar(value, field.field_type)),
        _ => scalar(operand, field.field_type),
    });
    scalar(value, field.field_type)
}

/// Types the values of an object; everything else stays as it is.
fn operators(value: Value, typed: impl Fn(&str, Value) -> Value) -> Value {
    match value {
        Value::Object(operators) => {
            let each = |(key, value): (String, Value)| {
                let value = typed(&key, value);
                (key, value)
            };
            Value::Object(operators.into_iter().map(each).collect())
        }
        other => other,
    }
}

/// Makes a list of `{"0": a, "1": b}`, in the order of the numbers, gaps closed.
fn list(value: Value, typed: impl Fn(Value) -> Value) -> Value {
    match value {
        Value::Object(object) if object.keys().all(|key| key.parse::<u32>().is_ok()) => {
            let mut items: Vec<_> = object.into_iter().collect();
            items.sort_by_key(|(key, _)| key.parse::<u32>().ok());
            items.into_iter().map(|(_, value)| typed(value)).collect()
        }
        Value::Array(items) => items.into_iter().map(typed).collect(),
        other => other,
    }
}

fn scalar(value: Value, field_type: FieldType) -> Value {
    match (field_type, value) {
        (FieldType::String { .. }, value) => value,
        (_, Value::String(text)) if text.is_empty() => Value::Null,
        (FieldType::Integer { .. }, value) => number(value),
        (FieldType::Boolean, Value::String(text)) if text == "true" => true.into(),
        (FieldType::Boolean, Value::String(text)) if text == "false" => false.into(),
        (_, value) => value,
    }
}

/// A number as JSON writes it. Whether it may be one with a fraction is the schema's to say.
fn number(value: Value) -> Value {
    let number = value.as_str().and_then(|text| text.parse::<serde_json::Number>().ok());
    number.map_or(value, Value::Number)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn schema() -> Schema {
        Schema::new([
            Field::required("id", FieldType::ID),
            Field::nullable("type", FieldType::TEXT),
            Field::nullable("count", FieldType::INT),
            Field::nullable("ended", FieldType::Boolean),
            Field::required("createdAt", FieldType::DateTime),
        ])
    }

    /// What the query comes to, with its fields checked; or why it is refused.
    fn find(query: &str) -> Result<Query, String> {
        let mut query = parse(Some(query), Method::Find, &schema()).map_err(|error| error.to_string())?;
        query.normalize(&schema()).map_err(|error| error.to_string())?;
        Ok(query)
    }

    fn same(query: &str, json: Value) {
        assert_eq!(find(query).unwrap(), Query::parse(&json).unwrap(), "{query}");
    }

    #[test]
    fn every_operator_can_be_written() {
        same("", json!({}));
        same("count[$gt]=1e3&count[$ne]=-2.0", json!({"count": {"$gt": 1000, "$ne": -2}}));
        same("type=a&count=3&ended=true", json!({"type": "a", "count": 3, "ended": true}));
        same("count[$gt]=1&count[$lte]=-5", json!({"count": {"$gt": 1, "$lte": -5}}));
        same("count[$lt]=1&count[$gte]=2&type[$ne]=b", json!({"count": {"$lt": 1, "$gte": 2}, "type": {"$ne": "b"}}));
        same("type[$in][]=a&type[$in][]=b", json!({"type": {"$in": ["a", "b"]}}));
        same("count[$nin][1]=2&count[$nin][0]=1", json!({"count": {"$nin": [1, 2]}}));
        same("count[$in]=1&count[$in]=2", json!({"count": {"$in": [1, 2]}}));
        same("$sort[count]=-1&$sort[id]=1", json!({"$sort": {"count": -1, "id": 1}}));
        same("$select[]=count&$select[]=type", json!({"$select": ["count", "type"]}));
        same("$select[0]=count&$limit=5&$skip=10", json!({"$select": ["count"], "$limit": 5, "$skip": 10}));
        same(
            "$or[0][count][$gt]=1&$or[1][type]=a&$or[1][ended]=false",
            json!({"$or": [{"count": {"$gt": 1}}, {"type": "a", "ended": false}]}),
        );
        same("$and[0][$or][0][count]=1&$and[1][type]=a", json!({"$and": [{"$or": [{"count": 1}]}, {"type": "a"}]}));
        same("createdAt[$gte]=2026-11-24T01:34:02Z", json!({"createdAt": {"$gte": "2026-11-24T01:34:02.000Z"}}));
    }

    #[test]
    fn null_is_empty_where_there_is_no_empty_text_and_a_name_alone_everywhere() {
        same("count=&ended=", json!({"count": null, "ended": null}));
        same("count&type", json!({"count": null, "type": null}));
        same("type=", json!({"type": ""}));
        same("type[$ne]&count[$ne]=", json!({"type": {"$ne": null}, "count": {"$ne": null}}));
    }

    #[test]
    fn what_is_not_of_its_fields_type_is_refused_by_its_name() {
        let refused = |query: &str, message: &str| assert_eq!(find(query).unwrap_err(), message, "{query}");
        let integer = "`count` must be an integer from -2147483648 to 2147483647";
        for number in
            ["abc", "1.5", "0x10", "2147483648", "99999999999999999999", "1e999", "-", " 1", "NaN", "1&count=2"]
        {
            refused(&format!("count={number}"), integer);
        }
        refused("count[$in][]=1&count[$in][]=b", integer);
        refused("$or[0][count][$gt]=x", integer);
        refused("ended=1", "`ended` must be true or false");
        refused("type=a&type=b", "`type` must be a string");
        refused(
            "createdAt[$gt]=yesterday",
            "`createdAt` must be a moment as ISO 8601 writes it, such as 2026-11-24T01:34:02.000Z",
        );
        refused("$limit=ten", "$limit must be a whole number, 0 or more");
        refused("$limit=-1", "$limit must be a whole number, 0 or more");
        refused("$sort[count]=up", "$sort must be an object of fields with 1 or -1");
        refused("$sort=count", "$sort must be an object of fields with 1 or -1");
        refused("$select=count", "$select must be a list of fields");
        refused("$or=1", "$or must be a list of queries");
        refused("type[$in]=a", "$in of `type` must be a list");
        refused("type[$in][x]=a", "$in of `type` must be a list");
        refused("$foo=1", "Invalid query parameter $foo");
        refused("type[$regex]=a", "Invalid query parameter $regex");
        refused("foo=1", "Invalid query parameter foo");
        refused("$sort[foo]=1", "Invalid query parameter foo");
        refused(&format!("{}[count]=1", nested(9)), "The query is nested more than 8 deep");
    }

    fn nested(depth: usize) -> String {
        format!("$or[0]{}", "[$or][0]".repeat(depth - 1))
    }

    #[test]
    fn only_a_selection_goes_with_the_other_methods() {
        let get = |query: &str| parse(Some(query), Method::Get, &schema()).map_err(|error| error.to_string());
        assert_eq!(get("$select[]=count").unwrap(), Query::new().select(["count"]));
        assert_eq!(get("count=1").unwrap_err(), "Only $select may go with `get`");
        assert_eq!(get("$limit=1").unwrap_err(), "Only $select may go with `get`");
        assert_eq!(get("foo=1").unwrap_err(), "Invalid query parameter foo");
    }
}
