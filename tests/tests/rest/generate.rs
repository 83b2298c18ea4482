//! Rows and queries in which nothing is quite the same, and much is nearly so.

use proptest::prelude::*;
use serde_json::{Map, Value, json};
use taskserver_tests::ALIKE_TEXTS;
use url::form_urlencoded::byte_serialize;

const FIELDS: [&str; 7] = ["id", "name", "code", "count", "big", "flag", "at"];

fn text() -> impl Strategy<Value = String> {
    prop_oneof![9 => prop::sample::select(ALIKE_TEXTS).prop_map(str::to_owned), 1 => "[^\0]{0,3}"]
}

/// What `char(n)` keeps: no blanks at the end.
fn code() -> impl Strategy<Value = String> {
    text().prop_map(|text| text.trim_end_matches(' ').to_owned())
}

fn count() -> impl Strategy<Value = i64> {
    prop_oneof![6 => -2..3_i64, 1 => prop::sample::select(vec![i64::from(i32::MIN), i64::from(i32::MAX)])]
}

/// Numbers that a float would take for one another.
fn big() -> impl Strategy<Value = i64> {
    prop::sample::select(vec![0, 1, 1 << 53, (1 << 53) + 1, -(1 << 53) - 1, i64::MAX, i64::MAX - 1, i64::MIN])
}

/// Moments to the second, as columns keep them.
fn moment() -> impl Strategy<Value = String> {
    prop_oneof![
        4 => (0..3_u8).prop_map(|second| format!("2026-01-01T00:00:0{second}.000Z")),
        1 => prop::sample::select(vec!["1000-01-01T00:00:00.000Z", "1969-12-31T23:59:59.000Z", "9999-12-30T00:00:00.000Z"])
            .prop_map(str::to_owned),
    ]
}

/// Moments as callers write them.
fn written_moment() -> impl Strategy<Value = String> {
    prop_oneof![
        3 => moment(),
        1 => (0..3_u8).prop_map(|second| format!("2026-01-01T01:00:0{second}+01:00")),
        1 => (0..3_u8).prop_map(|second| format!("2026-01-01T00:00:0{second}.5Z")),
    ]
}

fn nullable<T: std::fmt::Debug + Into<Value> + 'static>(
    strategy: impl Strategy<Value = T> + 'static,
) -> BoxedStrategy<Value> {
    prop_oneof![1 => Just(Value::Null), 5 => strategy.prop_map(Into::into)].boxed()
}

fn row() -> impl Strategy<Value = Value> {
    let cells = (
        nullable(text()),
        nullable(code()),
        nullable(count()),
        nullable(big()),
        nullable(any::<bool>()),
        nullable(moment()),
    );
    cells.prop_map(|(name, code, count, big, flag, at)| {
        json!({"id": null, "name": name, "code": code, "count": count, "big": big, "flag": flag, "at": at})
    })
}

/// Rows, few mostly, and sometimes more than a page holds.
pub(crate) fn rows() -> impl Strategy<Value = Vec<Value>> {
    let rows = prop_oneof![4 => prop::collection::vec(row(), 0..30), 1 => prop::collection::vec(row(), 101..120)];
    rows.prop_map(|mut rows| {
        for (index, row) in rows.iter_mut().enumerate() {
            let prefix = ["a", "B", "Ä", "b", "A"][index % 5];
            row["id"] = format!("{prefix}{}", index * 7 % 120).into();
        }
        rows
    })
}

/// A value to compare a field with.
fn operand(field: &str) -> BoxedStrategy<Value> {
    match field {
        "id" => prop_oneof![
            prop::sample::select(vec!["a0", "A0", "a0 ", "B7", "b7", "Ä14"]).prop_map(str::to_owned),
            text()
        ]
        .prop_map(Value::from)
        .boxed(),
        "name" | "code" => text().prop_map(Value::from).boxed(),
        "count" => count().prop_map(Value::from).boxed(),
        "big" => big().prop_map(Value::from).boxed(),
        "flag" => any::<bool>().prop_map(Value::from).boxed(),
        _ => written_moment().prop_map(Value::from).boxed(),
    }
}

fn operand_or_null(field: &str) -> BoxedStrategy<Value> {
    prop_oneof![1 => Just(Value::Null), 8 => operand(field)].boxed()
}

/// One or two conditions on one field.
fn condition() -> impl Strategy<Value = Value> {
    prop::sample::select(&FIELDS[..]).prop_flat_map(|field| {
        let one = || {
            let comparison = (prop::sample::select(vec!["$ne", "$lt", "$lte", "$gt", "$gte"]), operand_or_null(field));
            // A null in a list is refused; rarely, or hardly any query would be answered.
            let item = prop_oneof![1 => Just(Value::Null), 60 => operand(field)];
            let list = (prop::sample::select(vec!["$in", "$nin"]), prop::collection::vec(item, 1..4));
            prop_oneof![comparison.boxed(), list.prop_map(|(operator, list)| (operator, list.into())).boxed()]
        };
        prop_oneof![
            3 => operand_or_null(field).prop_map(move |value| json!({field: value})),
            3 => one().prop_map(move |(operator, value)| json!({field: {operator: value}})),
            1 => (one(), one()).prop_map(move |(first, second)| json!({field: {first.0: first.1, second.0: second.1}})),
        ]
    })
}

/// Conditions of which all hold: one query's, or those of an alternative.
fn conditions(inner: impl Strategy<Value = Value>) -> impl Strategy<Value = Value> {
    prop::collection::vec(inner, 1..3).prop_map(|parts| {
        let parts = parts.into_iter().filter_map(|part| part.as_object().cloned());
        Value::Object(parts.flatten().collect::<Map<_, _>>())
    })
}

fn filter() -> impl Strategy<Value = Value> {
    condition().prop_recursive(3, 16, 3, |inner| {
        let nested =
            (prop::sample::select(vec!["$or", "$and"]), prop::collection::vec(conditions(inner.clone()), 1..4))
                .prop_map(|(operator, list)| json!({operator: list}));
        conditions(prop_oneof![nested, inner])
    })
}

/// A query in JSON.
pub(crate) fn query() -> impl Strategy<Value = Value> {
    let sort = prop::collection::vec((prop::sample::select(&FIELDS[..]), prop::sample::select(vec![1, -1])), 0..4);
    let select = prop::option::weighted(0.3, prop::collection::vec(prop::sample::select(&FIELDS[..]), 1..4));
    let limit = prop::option::of(prop_oneof![0..12_u64, 90..300_u64]);
    let skip = prop::option::of(prop_oneof![0..5_u64, 90..110_u64]);
    let filter = prop_oneof![1 => Just(json!({})), 8 => filter()];
    (filter, sort, select, limit, skip).prop_map(|(mut query, sort, select, limit, skip)| {
        if !sort.is_empty() {
            let order = sort.into_iter().map(|(field, order)| (field.to_owned(), order.into()));
            query["$sort"] = Value::Object(order.collect());
        }
        for (name, value) in
            [("$select", select.map(Value::from)), ("$limit", limit.map(Value::from)), ("$skip", skip.map(Value::from))]
        {
            if let Some(value) = value {
                query[name] = value;
            }
        }
        query
    })
}

/// How a client writes the same query.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Style {
    /// Brackets and dollars as they are.
    plain_names: bool,
    /// Lists with numbers, `[0]`, rather than `[]`.
    numbered: bool,
    /// Null as the name with an empty value, where the field's type has no empty text.
    empty_null: bool,
}

pub(crate) fn style() -> impl Strategy<Value = Style> {
    any::<[bool; 3]>().prop_map(|[plain_names, numbered, empty_null]| Style { plain_names, numbered, empty_null })
}

/// A query as a URL has it.
pub(crate) fn url(query: &Value, style: Style) -> String {
    let mut pairs = Vec::new();
    for (key, value) in query.as_object().unwrap() {
        write(key.clone(), value, style, &mut pairs);
    }
    pairs.join("&")
}

fn write(name: String, value: &Value, style: Style, pairs: &mut Vec<String>) {
    let encode = |text: &str| byte_serialize(text.as_bytes()).collect::<String>();
    let written = if style.plain_names { name.clone() } else { encode(&name) };
    match value {
        Value::Object(object) => {
            object.iter().for_each(|(key, value)| write(format!("{name}[{key}]"), value, style, pairs));
        }
        Value::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                let number = if style.numbered || item.is_object() { index.to_string() } else { String::new() };
                write(format!("{name}[{number}]"), item, style, pairs);
            }
        }
        Value::Null if style.empty_null && ["count", "big", "flag", "at"].iter().any(|field| name.contains(field)) => {
            pairs.push(format!("{written}="));
        }
        Value::Null => pairs.push(written),
        Value::String(text) => pairs.push(format!("{written}={}", encode(text))),
        other => pairs.push(format!("{written}={other}")),
    }
}
