//! The flatted format: agreement with the npm package, and what hostile texts can do.

use proptest::prelude::*;
use serde_json::{Value, json};
use taskserver_redis::flatted::{Document, FlattedError, to_string};

use super::node;

const VALUES: usize = 10_000;

fn read(text: &str) -> Result<Value, FlattedError> {
    Document::parse(text.as_bytes(), 1 << 20)?.root()
}

#[tokio::test]
async fn what_the_package_writes_is_read_and_what_contains_itself_is_refused() {
    let Some(mut package) = node::start("flatted.mjs", &["generate", &VALUES.to_string(), "1"]) else { return };
    let (mut trees, mut cycles) = (0, 0);
    while let Some(line) = package.line().await {
        let text = line["text"].as_str().unwrap();
        match line.get("value") {
            Some(value) => {
                assert_eq!(&read(text).unwrap(), value, "{text}");
                trees += 1;
            }
            None => {
                assert!(matches!(read(text), Err(FlattedError::Cycle)), "{text}");
                cycles += 1;
            }
        }
    }
    assert_eq!(trees + cycles, VALUES);
    assert!(cycles > VALUES / 20, "only {cycles} cycles");
}

#[tokio::test]
async fn what_is_written_is_what_the_package_writes_and_reads() {
    let Some(mut values) = node::start("flatted.mjs", &["generate", &VALUES.to_string(), "2"]) else { return };
    let Some(mut check) = node::start("flatted.mjs", &["check"]) else { return };
    let mut checked = 0;
    while let Some(line) = values.line().await {
        if let Some(value) = line.get("value") {
            check.send(&json!({"text": to_string(value), "value": value})).await;
            checked += 1;
        }
    }
    assert!(checked > VALUES / 2);
    assert!(check.finish().await, "the package reads or writes it otherwise");
}

#[test]
fn a_value_that_is_too_deep_is_refused() {
    let nested = |depth: usize| {
        let elements: Vec<Value> = (1..depth).map(|next| json!([next.to_string()])).chain([json!([])]).collect();
        Value::Array(elements).to_string()
    };
    assert!(read(&nested(64)).is_ok());
    assert_eq!(read(&nested(65)).unwrap_err().to_string(), "a value is nested more than 64 levels deep");
    assert!(matches!(read(&nested(100_000)), Err(FlattedError::Depth)));
    assert!(matches!(read(&format!("[{}", "[".repeat(100_000))), Err(FlattedError::Json(_))));
}

#[test]
fn a_value_that_shares_what_shares_again_is_refused() {
    let doubling: Vec<Value> =
        (1..60).map(|next| json!([next.to_string(), next.to_string()])).chain([json!(1)]).collect();
    let error = read(&Value::Array(doubling).to_string()).unwrap_err();
    assert_eq!(error.to_string(), "the value expands to more than 1048576 bytes");

    let mut long = json!([[], "x".repeat(1000)]);
    long[0] = std::iter::repeat_n(json!("1"), 2000).collect();
    assert!(matches!(read(&long.to_string()), Err(FlattedError::Size(_))));
}

/// Texts that are nearly flatted.
fn nearly() -> impl Strategy<Value = String> {
    let reference = prop_oneof![
        (0..12_usize).prop_map(|index| json!(index.to_string())),
        any::<i64>().prop_map(Value::from),
        Just(Value::Null),
        "[a-z0-9]{0,3}".prop_map(Value::from),
        Just(json!([])),
    ];
    let fields = prop::collection::btree_map("(event|path|data|sender|[a-z])", reference.clone(), 0..6);
    let element = prop_oneof![
        prop::collection::vec(reference, 0..6).prop_map(Value::Array),
        fields.prop_map(|fields| fields.into_iter().collect()),
        "[a-z]{0,8}".prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
    ];
    prop::collection::vec(element, 0..12).prop_map(|elements| Value::Array(elements).to_string())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(5_000))]

    #[test]
    fn any_bytes_are_read_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        if let Ok(document) = Document::parse(&bytes, 10_000) {
            let _ = document.root();
        }
    }

    #[test]
    fn what_is_read_is_written_as_the_same_value(text in nearly()) {
        let Ok(document) = Document::parse(text.as_bytes(), 10_000) else { return Ok(()) };
        for name in ["event", "path", "data", "sender"] {
            let _ = document.field(name);
        }
        if let Ok(value) = document.root() {
            prop_assert_eq!(read(&to_string(&value)).unwrap(), value);
        }
    }
}
