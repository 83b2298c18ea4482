//! The reader.

use serde_json::{Map, Value};

/// How deep a value may be nested.
const MAX_DEPTH: usize = 64;
/// What each value counts, beside its text, towards the size of what a document expands to.
const VALUE_SIZE: usize = 8;

/// Why a text cannot be read, or a value not be had of it.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FlattedError {
    /// It is not a JSON array.
    #[error("not a JSON array: {0}")]
    Json(#[from] serde_json::Error),
    /// It has no root.
    #[error("an empty array, which has no root")]
    Empty,
    /// A reference leads nowhere.
    #[error("the reference {0:?} names no element")]
    Reference(String),
    /// A value stands where only a reference to it may.
    #[error("an array or object stands within another in place of its index")]
    Nested,
    /// A value contains itself.
    #[error("a value contains itself")]
    Cycle,
    /// A value is nested too deep.
    #[error("a value is nested more than {MAX_DEPTH} levels deep")]
    Depth,
    /// Shared values have become too many copies.
    #[error("the value expands to more than {0} bytes")]
    Size(usize),
}

/// A flatted text that has been read, whose values can be had.
///
/// ```
/// use taskserver_redis::flatted::Document;
///
/// let document = Document::parse(br#"[{"path":"1","data":"2","itself":"0"},"analytics",{"type":"1"}]"#,
/// 1024).unwrap(); assert_eq!(document.field("data").unwrap().unwrap(), serde_json::json!({"type": "analytics"}));
/// assert_eq!(document.root().unwrap_err().to_string(), "a value contains itself");
/// ```
#[derive(Debug, Clone)]
pub struct Document {
    elements: Vec<Value>,
    max_size: usize,
}

impl Document {
    /// Reads a text. A value that is had of it may have `max_size` bytes.
    ///
    /// # Errors
    /// The text is not a JSON array with at least one element.
    pub fn parse(text: &[u8], max_size: usize) -> Result<Self, FlattedError> {
        let elements: Vec<Value> = serde_json::from_slice(text)?;
        if elements.is_empty() { Err(FlattedError::Empty) } else { Ok(Self { elements, max_size }) }
    }

    /// The whole value.
    ///
    /// # Errors
    /// It contains itself, is too deep or too large, or a reference leads nowhere.
    pub fn root(&self) -> Result<Value, FlattedError> {
        self.expansion().element(0)
    }

    /// One field of the root, without regard to the others; `None` if the root has no such field, or is no object.
    ///
    /// # Errors
    /// As [`root`](Self::root).
    pub fn field(&self, name: &str) -> Result<Option<Value>, FlattedError> {
        self.elements[0].get(name).map(|value| self.expansion().value(value)).transpose()
    }

    fn expansion(&self) -> Expansion<'_> {
        Expansion { document: self, open: Vec::new(), size: 0 }
    }
}

/// A value while it is being put together.
struct Expansion<'a> {
    document: &'a Document,
    /// The elements that the present one is part of.
    open: Vec<usize>,
    size: usize,
}

impl Expansion<'_> {
    fn element(&mut self, index: usize) -> Result<Value, FlattedError> {
        if self.open.contains(&index) {
            return Err(FlattedError::Cycle);
        }
        if self.open.len() == MAX_DEPTH {
            return Err(FlattedError::Depth);
        }
        self.open.push(index);
        let value = match &self.document.elements[index] {
            Value::String(string) => {
                self.count(string.len())?;
                Value::String(string.clone())
            }
            Value::Array(values) => values.iter().map(|value| self.value(value)).collect::<Result<_, _>>()?,
            Value::Object(fields) => {
                let mut object = Map::new();
                for (name, value) in fields {
                    self.count(name.len())?;
                    object.insert(name.clone(), self.value(value)?);
                }
                Value::Object(object)
            }
            primitive => primitive.clone(),
        };
        self.open.pop();
        Ok(value)
    }

    /// The value in whose place this stands.
    fn value(&mut self, reference: &Value) -> Result<Value, FlattedError> {
        self.count(VALUE_SIZE)?;
        match reference {
            Value::String(index) => {
                let element = index.parse().ok().filter(|index| *index < self.document.elements.len());
                self.element(element.ok_or_else(|| FlattedError::Reference(index.clone()))?)
            }
            Value::Array(_) | Value::Object(_) => Err(FlattedError::Nested),
            primitive => Ok(primitive.clone()),
        }
    }

    fn count(&mut self, bytes: usize) -> Result<(), FlattedError> {
        self.size += bytes;
        if self.size > self.document.max_size { Err(FlattedError::Size(self.document.max_size)) } else { Ok(()) }
    }
}
