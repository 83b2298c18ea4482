//! The Feathers query language.
//!
//! A query in JSON, `{"type": "instanceUsers", "count": {"$gt": 1}, "$sort": {"createdAt": -1}, "$limit": 5}`, becomes a
//! [`Query`]: a [`Filter`], an order, a page and a selection. Services translate it (to SQL, say); [`Filter::matches`]
//! evaluates it in memory and so defines what it means:
//!
//! - comparisons follow SQL: a `null` field satisfies no comparison but `{"field": null}` and no `$ne` but `{"$ne": null}`;
//! - text compares exactly, byte by byte; moments compare as moments (see [`Query::normalize`]); `false` is less than `true`;
//! - in an order, `null` comes first when ascending and last when descending.

use std::cmp::Ordering;

use serde_json::{Map, Value};

use super::{Record, Schema, ServiceError};

/// How deep `$or` and `$and` may be nested: more is no query that anyone writes.
const MAX_DEPTH: usize = 8;

/// How a field is compared with a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Comparison {
    /// Equal; with `null`: is null.
    Eq,
    /// `$ne`: not equal; with `null`: is not null.
    Ne,
    /// `$lt`: less than.
    Lt,
    /// `$lte`: at most.
    Lte,
    /// `$gt`: greater than.
    Gt,
    /// `$gte`: at least.
    Gte,
}

impl Comparison {
    fn parse(operator: &str) -> Option<Self> {
        Some(match operator {
            "$ne" => Self::Ne,
            "$lt" => Self::Lt,
            "$lte" => Self::Lte,
            "$gt" => Self::Gt,
            "$gte" => Self::Gte,
            _ => return None,
        })
    }

    fn holds(self, ordering: Ordering) -> bool {
        match self {
            Self::Eq => ordering.is_eq(),
            Self::Ne => ordering.is_ne(),
            Self::Lt => ordering.is_lt(),
            Self::Lte => ordering.is_le(),
            Self::Gt => ordering.is_gt(),
            Self::Gte => ordering.is_ge(),
        }
    }
}

/// Which records a query is about.
#[derive(Debug, Clone, PartialEq)]
pub enum Filter {
    /// All of these hold. An empty list holds for every record.
    All(Vec<Filter>),
    /// At least one of these holds. An empty list holds for no record.
    Any(Vec<Filter>),
    /// A field compares so with a value.
    Compare {
        /// The field's name.
        field: String,
        /// The comparison.
        comparison: Comparison,
        /// The value.
        value: Value,
    },
    /// `$in` and `$nin`: a field's value is, or is not, one of these.
    OneOf {
        /// The field's name.
        field: String,
        /// The values, none of which is null.
        values: Vec<Value>,
        /// `true` for `$nin`.
        negated: bool,
    },
}

impl Filter {
    /// Holds for every record.
    #[must_use]
    pub fn everything() -> Self {
        Self::All(Vec::new())
    }

    fn parse(object: &Map<String, Value>, depth: usize) -> Result<Self, ServiceError> {
        if depth > MAX_DEPTH {
            return Err(ServiceError::bad_request(format!("The query is nested more than {MAX_DEPTH} deep")));
        }
        let mut all = Vec::new();
        for (key, value) in object {
            match key.as_str() {
                "$or" => all.push(Self::Any(Self::parse_list(key, value, depth)?)),
                "$and" => all.push(Self::All(Self::parse_list(key, value, depth)?)),
                _ if key.starts_with('$') => {
                    return Err(ServiceError::bad_request(format!("Invalid query parameter {key}")));
                }
                field => Self::parse_field(field, value, &mut all)?,
            }
        }
        Ok(Self::All(all))
    }

    fn parse_list(key: &str, value: &Value, depth: usize) -> Result<Vec<Self>, ServiceError> {
        let invalid = || ServiceError::bad_request(format!("{key} must be a list of queries"));
        let list = value.as_array().ok_or_else(invalid)?;
        list.iter().map(|each| Self::parse(each.as_object().ok_or_else(invalid)?, depth + 1)).collect()
    }

    fn parse_field(field: &str, value: &Value, all: &mut Vec<Self>) -> Result<(), ServiceError> {
        let Value::Object(operators) = value else {
            all.push(Self::Compare { field: field.to_owned(), comparison: Comparison::Eq, value: value.clone() });
            return Ok(());
        };
        for (operator, operand) in operators {
            let field = field.to_owned();
            all.push(match (operator.as_str(), Comparison::parse(operator)) {
                (_, Some(comparison)) => Self::Compare { field, comparison, value: operand.clone() },
                ("$in" | "$nin", _) => {
                    let values = operand
                        .as_array()
                        .ok_or_else(|| ServiceError::bad_request(format!("{operator} of `{field}` must be a list")))?
                        .clone();
                    if values.iter().any(Value::is_null) {
                        let message =
                            format!("{operator} of `{field}` must not contain null; compare with null itself");
                        return Err(ServiceError::bad_request(message));
                    }
                    Self::OneOf { field, values, negated: operator == "$nin" }
                }
                _ => return Err(ServiceError::bad_request(format!("Invalid query parameter {operator}"))),
            });
        }
        Ok(())
    }

    fn normalize(&mut self, schema: &Schema) -> Result<(), ServiceError> {
        let field = |name: &String| {
            schema.field(name).ok_or_else(|| ServiceError::bad_request(format!("Invalid query parameter {name}")))
        };
        match self {
            Self::All(filters) | Self::Any(filters) => {
                filters.iter_mut().try_for_each(|filter| filter.normalize(schema))
            }
            Self::Compare { field: name, value: Value::Null, .. } => field(name).map(|_| ()),
            Self::Compare { field: name, value, .. } => field(name)?.normalize(value),
            Self::OneOf { field: name, values, .. } => {
                let field = field(name)?;
                values.iter_mut().try_for_each(|value| field.normalize(value))
            }
        }
    }

    /// Whether a record satisfies the filter.
    #[must_use]
    pub fn matches(&self, record: &Record) -> bool {
        match self {
            Self::All(filters) => filters.iter().all(|filter| filter.matches(record)),
            Self::Any(filters) => filters.iter().any(|filter| filter.matches(record)),
            Self::Compare { field, comparison, value } => {
                let actual = record.get(field).unwrap_or(&Value::Null);
                match (actual.is_null(), value.is_null()) {
                    (is_null, true) => match comparison {
                        Comparison::Eq => is_null,
                        Comparison::Ne => !is_null,
                        _ => false,
                    },
                    (true, false) => false,
                    (false, false) => compare(actual, value).is_some_and(|ordering| comparison.holds(ordering)),
                }
            }
            Self::OneOf { field, values, negated } => {
                let actual = record.get(field).unwrap_or(&Value::Null);
                !actual.is_null()
                    && *negated != values.iter().any(|value| compare(actual, value) == Some(Ordering::Equal))
            }
        }
    }
}

/// Ascending (`1`) or descending (`-1`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Order {
    /// Least first; nulls before everything.
    Ascending,
    /// Greatest first; nulls after everything.
    Descending,
}

/// A query: which records, in which order, which page of them, which of their fields.
///
/// ```
/// use taskserver_core::Query;
/// use serde_json::json;
///
/// let query = Query::parse(&json!({"type": "instanceUsers", "$sort": {"createdAt": -1}, "$limit": 5}))?;
/// let same = Query::new().eq("type", "instanceUsers").descending("createdAt").limit(5);
/// assert_eq!(query, same);
/// # Ok::<_, taskserver_core::ServiceError>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Query {
    /// Which records.
    pub filter: Filter,
    /// In which order; the first field decides first.
    pub sort: Vec<(String, Order)>,
    /// At most this many; 0 for the total alone.
    pub limit: Option<u64>,
    /// Without the first so many.
    pub skip: u64,
    /// Only these fields, and the `id`.
    pub select: Option<Vec<String>>,
    /// Whether to count the records on all pages. Where there are very many, that takes longer than to find a page of them.
    pub counted: bool,
}

impl Default for Query {
    fn default() -> Self {
        Self { filter: Filter::everything(), sort: Vec::new(), limit: None, skip: 0, select: None, counted: true }
    }
}

impl Query {
    /// All records.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Reads a query from its JSON form.
    ///
    /// # Errors
    /// A `BadRequest` that names the parameter that is wrong.
    pub fn parse(query: &Value) -> Result<Self, ServiceError> {
        let object = query.as_object().ok_or_else(|| ServiceError::bad_request("The query must be an object"))?;
        let mut filter = Map::new();
        let mut parsed = Self::new();
        for (key, value) in object {
            match key.as_str() {
                "$limit" => parsed.limit = Some(whole_number(key, value)?),
                "$skip" => parsed.skip = whole_number(key, value)?,
                "$sort" => parsed.sort = parse_sort(value)?,
                "$select" => parsed.select = Some(parse_select(value)?),
                _ => {
                    filter.insert(key.clone(), value.clone());
                }
            }
        }
        parsed.filter = Filter::parse(&filter, 0)?;
        Ok(parsed)
    }

    /// Only records whose `field` is `value`.
    #[must_use]
    pub fn eq(self, field: &str, value: impl Into<Value>) -> Self {
        self.compare(field, Comparison::Eq, value)
    }

    /// Only records whose `field` compares so with `value`.
    #[must_use]
    pub fn compare(self, field: &str, comparison: Comparison, value: impl Into<Value>) -> Self {
        self.and(Filter::Compare { field: field.to_owned(), comparison, value: value.into() })
    }

    /// Only records that satisfy `filter` too.
    #[must_use]
    pub fn and(mut self, filter: Filter) -> Self {
        match &mut self.filter {
            Filter::All(all) => all.push(filter),
            _ => self.filter = Filter::All(vec![self.filter, filter]),
        }
        self
    }

    /// Then by `field`, least first.
    #[must_use]
    pub fn ascending(mut self, field: &str) -> Self {
        self.sort.push((field.to_owned(), Order::Ascending));
        self
    }

    /// Then by `field`, greatest first.
    #[must_use]
    pub fn descending(mut self, field: &str) -> Self {
        self.sort.push((field.to_owned(), Order::Descending));
        self
    }

    /// At most `limit` records.
    #[must_use]
    pub fn limit(mut self, limit: u64) -> Self {
        self.limit = Some(limit);
        self
    }

    /// Without the first `skip` records.
    #[must_use]
    pub fn skip(mut self, skip: u64) -> Self {
        self.skip = skip;
        self
    }

    /// Only these fields, and the `id`.
    #[must_use]
    pub fn select<'a>(mut self, fields: impl IntoIterator<Item = &'a str>) -> Self {
        self.select = Some(fields.into_iter().map(str::to_owned).collect());
        self
    }

    /// Without counting the records on all pages: a page's [`total`](super::Page::total) may then leave out those after it.
    #[must_use]
    pub fn uncounted(mut self) -> Self {
        self.counted = false;
        self
    }

    /// Takes a top-level `{field: value}` out of the filter: how a hook reads a parameter, such as `action=dailyUsers`, that
    /// is no field of the records.
    pub fn take(&mut self, field: &str) -> Option<Value> {
        let Filter::All(all) = &mut self.filter else { return None };
        let position = all.iter().position(
            |filter| matches!(filter, Filter::Compare { field: name, comparison: Comparison::Eq, .. } if name == field),
        )?;
        match all.remove(position) {
            Filter::Compare { value, .. } => Some(value),
            _ => None,
        }
    }

    /// Checks every field and value against a schema, and writes each value in its one form, as [`Schema::normalize`] does
    /// with the records that it is compared with.
    ///
    /// # Errors
    /// A `BadRequest` that names the field.
    pub fn normalize(&mut self, schema: &Schema) -> Result<(), ServiceError> {
        self.filter.normalize(schema)?;
        let names = self.sort.iter().map(|(name, _)| name).chain(self.select.iter().flatten());
        for name in names {
            if schema.field(name).is_none() {
                return Err(ServiceError::bad_request(format!("Invalid query parameter {name}")));
            }
        }
        Ok(())
    }

    /// How two records stand to each other in this query's order.
    #[must_use]
    pub fn order(&self, left: &Record, right: &Record) -> Ordering {
        let by = |(field, order): &(String, Order)| {
            let (left, right) = (left.get(field).unwrap_or(&Value::Null), right.get(field).unwrap_or(&Value::Null));
            let ordering = match (left.is_null(), right.is_null()) {
                (false, false) => compare(left, right).unwrap_or(Ordering::Equal),
                (left_is_null, right_is_null) => right_is_null.cmp(&left_is_null),
            };
            match order {
                Order::Ascending => ordering,
                Order::Descending => ordering.reverse(),
            }
        };
        self.sort.iter().map(by).find(|ordering| ordering.is_ne()).unwrap_or(Ordering::Equal)
    }

    /// Leaves only the selected fields, and the `id`, in a record.
    pub fn apply_select(&self, record: &mut Record) {
        if let Some(select) = &self.select {
            record.retain(|name, _| name == "id" || select.contains(name));
        }
    }
}

/// Two values of one type, neither null; `None` where their types differ.
fn compare(left: &Value, right: &Value) -> Option<Ordering> {
    match (left, right) {
        (Value::String(left), Value::String(right)) => Some(left.cmp(right)),
        (Value::Bool(left), Value::Bool(right)) => Some(left.cmp(right)),
        (Value::Number(left), Value::Number(right)) => match (left.as_i64(), right.as_i64()) {
            (Some(left), Some(right)) => Some(left.cmp(&right)),
            _ => left.as_f64()?.partial_cmp(&right.as_f64()?),
        },
        _ => None,
    }
}

fn whole_number(key: &str, value: &Value) -> Result<u64, ServiceError> {
    value
        .as_u64()
        .filter(|number| i64::try_from(*number).is_ok())
        .ok_or_else(|| ServiceError::bad_request(format!("{key} must be a whole number, 0 or more")))
}

fn parse_sort(value: &Value) -> Result<Vec<(String, Order)>, ServiceError> {
    let invalid = || ServiceError::bad_request("$sort must be an object of fields with 1 or -1");
    let parse = |(field, order): (&String, &Value)| match order.as_i64() {
        Some(1) => Ok((field.clone(), Order::Ascending)),
        Some(-1) => Ok((field.clone(), Order::Descending)),
        _ => Err(invalid()),
    };
    value.as_object().ok_or_else(invalid)?.iter().map(parse).collect()
}

fn parse_select(value: &Value) -> Result<Vec<String>, ServiceError> {
    let invalid = || ServiceError::bad_request("$select must be a list of fields");
    let parse = |field: &Value| field.as_str().map(str::to_owned).ok_or_else(invalid);
    value.as_array().ok_or_else(invalid)?.iter().map(parse).collect()
}
