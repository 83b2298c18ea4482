//! The writer.

use std::collections::HashMap;

use serde_json::{Map, Value};

/// Writes a value, as `stringify` of the npm package does.
///
/// ```
/// use serde_json::json;
///
/// let text = taskserver_redis::flatted::to_string(&json!({"type": "user", "count": 3, "again": "user"}));
/// assert_eq!(text, r#"[{"type":"1","count":3,"again":"1"},"user"]"#);
/// ```
#[must_use]
pub fn to_string(root: &Value) -> String {
    let mut writer = Writer::default();
    writer.index_of(root);
    let mut flat = Vec::new();
    // Elements are found while earlier ones are written.
    while let Some(element) = writer.elements.get(flat.len()).copied() {
        let element = match element {
            Value::Array(values) => values.iter().map(|value| writer.reference(value)).collect(),
            Value::Object(fields) => Value::Object(writer.fields(fields)),
            primitive => primitive.clone(),
        };
        flat.push(element);
    }
    Value::Array(flat).to_string()
}

#[derive(Default)]
struct Writer<'a> {
    elements: Vec<&'a Value>,
    strings: HashMap<&'a str, usize>,
}

impl<'a> Writer<'a> {
    fn fields(&mut self, fields: &'a Map<String, Value>) -> Map<String, Value> {
        fields.iter().map(|(name, value)| (name.clone(), self.reference(value))).collect()
    }

    /// What stands in a value's place.
    fn reference(&mut self, value: &'a Value) -> Value {
        match value {
            Value::Null | Value::Bool(_) | Value::Number(_) => value.clone(),
            Value::String(_) | Value::Array(_) | Value::Object(_) => Value::String(self.index_of(value).to_string()),
        }
    }

    fn index_of(&mut self, value: &'a Value) -> usize {
        let next = self.elements.len();
        let index = match value {
            Value::String(string) => *self.strings.entry(string).or_insert(next),
            _ => next,
        };
        if index == next {
            self.elements.push(value);
        }
        index
    }
}
