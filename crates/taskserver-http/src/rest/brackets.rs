//! Bracket syntax, as the npm package `qs` writes it: `$or[0][count][$gt]=1` is `{"$or": {"0": {"count": {"$gt": "1"}}}}`.
//!
//! What comes out are texts in objects; which of them stand for lists, numbers or null is known only where their fields are
//! (see [`query`](super::query)). Two values of one name become a list. A name without `=` is null, as `qs` writes it where
//! it is told to tell null from the empty text.

use serde_json::map::Entry;
use serde_json::{Map, Value};
use taskserver_core::ServiceError;

/// How many parameters a query may have.
const MAX_PARAMETERS: usize = 1000;
/// How many brackets one name may have: as many as the deepest query of the core needs, `$or[0]` eight times and an operator
/// with a list, and a few more, so that it is the core which says that a query is too deep.
const MAX_BRACKETS: usize = 24;

/// Reads the query of a URL.
pub(super) fn parse(query: &str) -> Result<Map<String, Value>, ServiceError> {
    let mut root = Map::new();
    for (count, pair) in query.split('&').filter(|pair| !pair.is_empty()).enumerate() {
        if count == MAX_PARAMETERS {
            return Err(ServiceError::bad_request(format!("The query has more than {MAX_PARAMETERS} parameters")));
        }
        let Some((name, value)) = form_urlencoded::parse(pair.as_bytes()).next() else { continue };
        let value = if pair.contains('=') { Value::String(value.into_owned()) } else { Value::Null };
        insert(&mut root, &keys(&name)?, value).ok_or_else(|| invalid(&name))?;
    }
    Ok(root)
}

fn invalid(name: &str) -> ServiceError {
    ServiceError::bad_request(format!("Invalid query parameter {name}"))
}

/// The keys of `a[b][c]`: `a`, `b` and `c`.
fn keys(name: &str) -> Result<Vec<&str>, ServiceError> {
    let Some((first, rest)) = name.split_once('[').filter(|_| name.ends_with(']')) else { return Ok(vec![name]) };
    let rest = &rest[..rest.len() - 1];
    let keys: Vec<_> = std::iter::once(first).chain(rest.split("][")).collect();
    if keys.len() > MAX_BRACKETS {
        return Err(ServiceError::bad_request(format!("The query is nested more than {MAX_BRACKETS} deep")));
    }
    match first.is_empty() || keys.iter().any(|key| key.contains(['[', ']'])) {
        true => Err(invalid(name)),
        false => Ok(keys),
    }
}

/// Puts a value where its keys say; `None` where something else stands in the way.
fn insert(object: &mut Map<String, Value>, keys: &[&str], value: Value) -> Option<()> {
    let (key, rest) = keys.split_first()?;
    // `[]` appends.
    let key = if key.is_empty() { object.len().to_string() } else { (*key).to_owned() };
    if !rest.is_empty() {
        let inner = object.entry(key).or_insert_with(|| Value::Object(Map::new()));
        return insert(inner.as_object_mut()?, rest, value);
    }
    match object.entry(key) {
        Entry::Vacant(vacant) => {
            vacant.insert(value);
        }
        Entry::Occupied(mut occupied) => match occupied.get_mut() {
            Value::Object(_) => return None,
            Value::Array(values) => values.push(value),
            first => *first = Value::Array(vec![first.take(), value]),
        },
    }
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    fn parsed(query: &str) -> Value {
        parse(query).map_or_else(|error| Value::String(error.to_string()), Value::Object)
    }

    #[test]
    fn brackets_become_objects() {
        assert_eq!(parsed(""), json!({}));
        assert_eq!(parsed("&a=1&&b=&c&d=%26+%3D&"), json!({"a": "1", "b": "", "c": null, "d": "& ="}));
        assert_eq!(parsed("a[$in][]=x&a[$in][]=y"), json!({"a": {"$in": {"0": "x", "1": "y"}}}));
        assert_eq!(parsed("%24sort%5Bcount%5D=-1&$sort[id]=1"), json!({"$sort": {"count": "-1", "id": "1"}}));
        assert_eq!(parsed("$or[0][a][$gt]=1&$or[1][b]=2"), json!({"$or": {"0": {"a": {"$gt": "1"}}, "1": {"b": "2"}}}));
        assert_eq!(parsed("a=1&a=2&a=3"), json!({"a": ["1", "2", "3"]}));
        assert_eq!(parsed("a=b=c"), json!({"a": "b=c"}));
    }

    #[test]
    fn what_is_misshapen_is_refused_or_the_name_of_no_field() {
        assert_eq!(parsed("a[b=1&a]=2"), json!({"a[b": "1", "a]": "2"}));
        for name in ["[a]", "a[b]]", "a[[b]", "a[b]c[d]"] {
            assert_eq!(parsed(&format!("{name}=1")), json!(format!("Invalid query parameter {name}")));
        }
        assert_eq!(parsed("a=1&a[b]=1"), json!("Invalid query parameter a[b]"));
        assert_eq!(parsed("a[b]=1&a=1"), json!("Invalid query parameter a"));
    }

    #[test]
    fn the_number_of_parameters_and_their_depth_are_bounded() {
        assert_eq!(parsed(&"a=1&".repeat(1001)), json!("The query has more than 1000 parameters"));
        assert_eq!(parsed(&format!("a{}=1", "[b]".repeat(24))), json!("The query is nested more than 24 deep"));
        assert!(parsed(&format!("a{}=1", "[b]".repeat(23))).is_object());
    }

    proptest! {
        #[test]
        fn no_query_makes_it_panic(query in "[a-b$%0-9\\[\\]=&+]{0,60}|.{0,60}") {
            let _ = parse(&query);
        }
    }
}
