//! What the records of a service look like: enough to type a query, to check data and to describe the service.

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::Offset;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{Record, ServiceError};

/// The type of a field.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum FieldType {
    /// Text of at most this many characters, compared exactly.
    String {
        /// The greatest number of characters.
        max: u32,
    },
    /// A 32-bit or 64-bit signed integer.
    Integer {
        /// The least value.
        min: i64,
        /// The greatest value.
        max: i64,
    },
    /// `true` or `false`.
    Boolean,
    /// A moment, in JSON as ISO 8601 in UTC: `2026-11-24T01:34:02.000Z`.
    DateTime,
}

impl FieldType {
    /// A UUID in its text form.
    pub const ID: Self = Self::String { max: 36 };
    /// A `varchar(255)`.
    pub const TEXT: Self = Self::String { max: 255 };
    /// A 32-bit integer.
    pub const INT: Self = Self::Integer { min: i32::MIN as i64, max: i32::MAX as i64 };

    /// Checks that `value` is of this type, and writes it in its one form. `null` is the field's to judge.
    fn normalize(self, value: &mut Value) -> Result<(), String> {
        match (self, value) {
            (Self::String { max }, Value::String(text)) => match text.chars().count() {
                length if length > max as usize => Err(format!("has {length} characters; at most {max} are stored")),
                // PostgreSQL keeps none.
                _ if text.contains('\0') => Err("must not contain the character NUL".into()),
                _ => Ok(()),
            },
            (Self::String { .. }, _) => Err("must be a string".into()),
            (Self::Integer { min, max }, value) => match whole(value) {
                Some(number) if (min..=max).contains(&number) => {
                    *value = number.into();
                    Ok(())
                }
                _ => Err(format!("must be an integer from {min} to {max}")),
            },
            (Self::Boolean, Value::Bool(_)) => Ok(()),
            (Self::Boolean, _) => Err("must be true or false".into()),
            (Self::DateTime, value) => match value.as_str().and_then(parse_moment) {
                // What all databases can hold.
                Some(moment) if !(1000..=9999).contains(&moment.year()) => {
                    Err("must lie between the years 1000 and 9999".into())
                }
                Some(moment) => {
                    *value = date_time_utc(moment);
                    Ok(())
                }
                None => Err("must be a moment as ISO 8601 writes it, such as 2026-11-24T01:34:02.000Z".into()),
            },
        }
    }
}

/// A whole number, also one that is written as `3.0`: to JSON it is the same. Greater ones than a float holds exactly have to be
/// written without a point.
fn whole(value: &Value) -> Option<i64> {
    const EXACT: f64 = 9_007_199_254_740_992.0;
    let of_float = |number: &f64| number.fract() == 0.0 && number.abs() <= EXACT;
    value.as_i64().or_else(|| value.as_f64().filter(of_float).map(|number| number as i64))
}

/// The date and time in UTC of a moment in any form of ISO 8601.
fn parse_moment(text: &str) -> Option<DateTime> {
    match text.parse::<Timestamp>() {
        Ok(moment) => Some(Offset::UTC.to_datetime(moment)),
        // The end of the year 9999, by which many mean `never`, is beyond a timestamp's range.
        Err(_) => text.strip_suffix('Z')?.parse().ok().filter(|moment: &DateTime| moment.year() == 9999),
    }
}

/// A moment as records carry it: ISO 8601 in UTC to the millisecond, so that the order of the texts is that of the moments.
///
/// ```
/// let moment = "2026-11-24T02:34:02+01:00".parse().unwrap();
/// assert_eq!(taskserver_core::date_time(moment), "2026-11-24T01:34:02.000Z");
/// ```
#[must_use]
pub fn date_time(moment: Timestamp) -> Value {
    date_time_utc(Offset::UTC.to_datetime(moment))
}

/// A date and time in UTC as records carry it, as [`date_time`] writes moments.
#[must_use]
pub fn date_time_utc(moment: DateTime) -> Value {
    Value::String(moment.strftime("%Y-%m-%dT%H:%M:%S%.3fZ").to_string())
}

/// A field of a record.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Field {
    /// Its name, such as `createdAt`.
    pub name: String,
    /// Its type.
    #[serde(flatten)]
    pub field_type: FieldType,
    /// Whether it may be null.
    pub nullable: bool,
}

impl Field {
    /// A field that is never null.
    #[must_use]
    pub fn required(name: &str, field_type: FieldType) -> Self {
        Self { name: name.to_owned(), field_type, nullable: false }
    }

    /// A field that may be null.
    #[must_use]
    pub fn nullable(name: &str, field_type: FieldType) -> Self {
        Self { name: name.to_owned(), field_type, nullable: true }
    }

    /// Checks a value for this field, and writes it in its one form (see [`date_time`]).
    ///
    /// # Errors
    /// A `BadRequest` that names the field, and what it takes.
    pub fn normalize(&self, value: &mut Value) -> Result<(), ServiceError> {
        if value.is_null() {
            return match self.nullable {
                true => Ok(()),
                false => Err(ServiceError::bad_request(format!("`{}` must not be null", self.name))),
            };
        }
        self.field_type
            .normalize(value)
            .map_err(|reason| ServiceError::bad_request(format!("`{}` {reason}", self.name)))
    }
}

/// The fields of a service's records. Every record has an `id`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Schema {
    fields: Vec<Field>,
}

impl Schema {
    /// A schema of these fields.
    #[must_use]
    pub fn new(fields: impl IntoIterator<Item = Field>) -> Self {
        Self { fields: fields.into_iter().collect() }
    }

    /// The fields, in their order.
    #[must_use]
    pub fn fields(&self) -> &[Field] {
        &self.fields
    }

    /// The field of this name.
    #[must_use]
    pub fn field(&self, name: &str) -> Option<&Field> {
        self.fields.iter().find(|field| field.name == name)
    }

    /// Checks that every field of `record` exists and has a value of its type, and writes each value in its one form. What
    /// is absent is not looked for.
    ///
    /// # Errors
    /// A `BadRequest` that names the first field that is wrong.
    pub fn normalize(&self, record: &mut Record) -> Result<(), ServiceError> {
        for (name, value) in record {
            let field = self.field(name);
            let field = field.ok_or_else(|| ServiceError::bad_request(format!("there is no field `{name}`")))?;
            field.normalize(value)?;
            // `char(36)` does not keep it.
            if field.field_type == FieldType::ID && value.as_str().is_some_and(|id| id.ends_with(' ')) {
                return Err(ServiceError::bad_request(format!("`{name}` must not end with a blank")));
            }
        }
        Ok(())
    }

    /// Makes a whole record, with its fields in their order, of data that are checked as by [`normalize`](Self::normalize): what is
    /// absent is null.
    ///
    /// # Errors
    /// As `normalize`, and a `BadRequest` for an absent field that must not be null.
    pub fn complete(&self, record: &mut Record) -> Result<(), ServiceError> {
        self.normalize(record)?;
        let mut data = std::mem::take(record);
        for field in &self.fields {
            let mut value = data.remove(&field.name).unwrap_or(Value::Null);
            field.normalize(&mut value)?;
            record.insert(field.name.clone(), value);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn schema() -> Schema {
        Schema::new([
            Field::required("id", FieldType::ID),
            Field::nullable("count", FieldType::INT),
            Field::nullable("ended", FieldType::Boolean),
            Field::required("createdAt", FieldType::DateTime),
        ])
    }

    fn check(record: Value) -> String {
        let Value::Object(mut record) = record else { panic!("not an object") };
        schema().normalize(&mut record).map_or_else(|error| error.to_string(), |()| "fine".into())
    }

    #[test]
    fn values_are_checked_by_the_type_of_their_field() {
        assert_eq!(
            check(json!({"id": "a", "count": 3, "ended": null, "createdAt": "2026-11-24T01:34:02.000Z"})),
            "fine"
        );
        assert_eq!(check(json!({"count": 3.0})), "fine");
        assert_eq!(check(json!({"id": null})), "`id` must not be null");
        assert_eq!(check(json!({"id": "x".repeat(37)})), "`id` has 37 characters; at most 36 are stored");
        assert_eq!(
            check(json!({"count": 2_147_483_648_i64})),
            "`count` must be an integer from -2147483648 to 2147483647"
        );
        assert_eq!(check(json!({"count": 1.5})), "`count` must be an integer from -2147483648 to 2147483647");
        assert_eq!(check(json!({"ended": 1})), "`ended` must be true or false");
        assert_eq!(
            check(json!({"createdAt": "yesterday"})),
            "`createdAt` must be a moment as ISO 8601 writes it, such as 2026-11-24T01:34:02.000Z"
        );
        assert_eq!(check(json!({"id": "a "})), "`id` must not end with a blank");
        assert_eq!(check(json!({"id": "a\0"})), "`id` must not contain the character NUL");
        assert_eq!(check(json!({"cuont": 1})), "there is no field `cuont`");
    }

    #[test]
    fn moments_of_the_years_that_databases_hold_have_one_form() {
        let normal = |text: &str| {
            let mut value = json!(text);
            FieldType::DateTime.normalize(&mut value).map(|()| value.as_str().unwrap().to_owned())
        };
        for (written, form) in [
            ("2026-11-24T02:34:02.1239+01:00", "2026-11-24T01:34:02.123Z"),
            ("1000-01-01T00:00:00Z", "1000-01-01T00:00:00.000Z"),
            ("9999-12-31T23:59:59Z", "9999-12-31T23:59:59.000Z"),
            ("9999-12-31T23:59:59.999Z", "9999-12-31T23:59:59.999Z"),
        ] {
            assert_eq!(normal(written).as_deref(), Ok(form));
        }
        for written in ["0999-12-31T23:59:59Z", "-000001-01-01T00:00:00Z"] {
            assert_eq!(normal(written), Err("must lie between the years 1000 and 9999".to_owned()), "{written}");
        }
        for written in ["9999-12-31T23:59:59", "2026-11-24", "2026-13-01T00:00:00Z", "2026-11-24T01:34:02+01:00Z", ""] {
            assert!(normal(written).unwrap_err().starts_with("must be a moment"), "{written}");
        }
    }
}
