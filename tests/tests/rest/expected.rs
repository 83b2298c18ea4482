//! The plain evaluation: what a query means, without a database and without the server's own code.

use std::cmp::Ordering;

use serde_json::{Map, Value, json};

/// The status and body of the answer to a query over these rows.
pub(crate) fn answer(rows: &[Value], query: &Value) -> (u16, Value) {
    if let Some((operator, field)) = null_in_a_list(query) {
        let message = format!("{operator} of `{field}` must not contain null; compare with null itself");
        return (400, json!({"name": "BadRequest", "message": message, "code": 400, "className": "bad-request"}));
    }
    let mut found: Vec<&Value> = rows.iter().filter(|row| holds(row, query)).collect();
    found.sort_by(|left, right| order(left, right, query));
    let limit = query["$limit"].as_u64().unwrap_or(10).min(100);
    let skip = query["$skip"].as_u64().unwrap_or(0);
    let page = found.iter().skip(skip as usize).take(limit as usize).map(|row| select(row, query));
    (200, json!({"total": found.len(), "limit": limit, "skip": skip, "data": page.collect::<Vec<_>>()}))
}

/// The first list of values with a null in it: its operator and field.
fn null_in_a_list(query: &Value) -> Option<(&str, &str)> {
    query.as_object()?.iter().find_map(|(key, value)| match key.as_str() {
        "$or" | "$and" => value.as_array()?.iter().find_map(null_in_a_list),
        field => value
            .as_object()?
            .iter()
            .find_map(|(operator, list)| list.as_array()?.contains(&Value::Null).then_some((operator.as_str(), field))),
    })
}

fn holds(row: &Value, query: &Value) -> bool {
    let all = |list: &Value| list.as_array().unwrap().iter().map(|each| holds(row, each)).collect::<Vec<_>>();
    query.as_object().unwrap().iter().all(|(key, value)| match key.as_str() {
        "$sort" | "$select" | "$limit" | "$skip" => true,
        "$or" => all(value).contains(&true),
        "$and" => !all(value).contains(&false),
        field => match value {
            Value::Object(operators) => {
                operators.iter().all(|(operator, operand)| compares(field, &row[field], operator, operand))
            }
            operand => compares(field, &row[field], "$eq", operand),
        },
    })
}

/// As SQL has it: null is not equal to anything, and not unequal to anything either; to be null is another question.
fn compares(field: &str, value: &Value, operator: &str, operand: &Value) -> bool {
    match (operator, value.is_null(), operand.is_null()) {
        ("$eq", is_null, true) => is_null,
        ("$ne", is_null, true) => !is_null,
        (_, true, _) | (_, _, true) => false,
        ("$in", ..) => operand.as_array().unwrap().iter().any(|item| compare(field, value, item).is_eq()),
        ("$nin", ..) => operand.as_array().unwrap().iter().all(|item| compare(field, value, item).is_ne()),
        _ => {
            let ordering = compare(field, value, operand);
            match operator {
                "$eq" => ordering.is_eq(),
                "$ne" => ordering.is_ne(),
                "$lt" => ordering.is_lt(),
                "$lte" => ordering.is_le(),
                "$gt" => ordering.is_gt(),
                "$gte" => ordering.is_ge(),
                other => panic!("no operator is called {other}"),
            }
        }
    }
}

/// Two values that are not null.
fn compare(field: &str, left: &Value, right: &Value) -> Ordering {
    let moment = |value: &Value| value.as_str().unwrap().parse::<jiff::Timestamp>().unwrap();
    match (field, left, right) {
        ("at", left, right) => moment(left).cmp(&moment(right)),
        (_, Value::String(left), Value::String(right)) => left.as_bytes().cmp(right.as_bytes()),
        (_, Value::Bool(left), Value::Bool(right)) => left.cmp(right),
        (_, left, right) => left.as_i64().unwrap().cmp(&right.as_i64().unwrap()),
    }
}

/// By the query's order, nulls first; then by the id.
fn order(left: &Value, right: &Value, query: &Value) -> Ordering {
    let none = Map::new();
    let by = |(field, direction): (&String, &Value)| {
        let (left, right) = (&left[field], &right[field]);
        let ordering = match (left.is_null(), right.is_null()) {
            (false, false) => compare(field, left, right),
            (left, right) => right.cmp(&left),
        };
        if direction == 1 { ordering } else { ordering.reverse() }
    };
    let mut fields = query["$sort"].as_object().unwrap_or(&none).iter().map(by);
    fields.find(|ordering| ordering.is_ne()).unwrap_or_else(|| compare("id", &left["id"], &right["id"]))
}

fn select(row: &Value, query: &Value) -> Value {
    let Some(selected) = query["$select"].as_array() else { return row.clone() };
    let fields = row.as_object().unwrap().iter().filter(|(name, _)| *name == "id" || selected.contains(&json!(name)));
    Value::Object(fields.map(|(name, value)| (name.clone(), value.clone())).collect())
}
