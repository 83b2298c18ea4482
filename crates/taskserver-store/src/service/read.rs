//! Finding and getting records.

use serde_json::Value;
use taskserver_core::{Comparison, Filter, Order, Page, Query, Record, ServiceError};

use super::table::{Column, Table};
use crate::pool::Lease;
use crate::sql::read_moment;
use crate::{Backend, Sql, Store, StoreError};

/// How many conditions a query may have: SQLite nests no deeper than a thousand.
const MAX_CONDITIONS: usize = 500;
/// How many values a statement may have: SQLite takes 32766.
const MAX_VALUES: usize = 30_000;

/// A query as statements.
pub(super) struct Find {
    /// `None` where it is not asked for.
    total: Option<Sql>,
    /// `None` where the total alone is asked for.
    page: Option<Rows>,
    limit: Option<u64>,
    skip: u64,
    select: Option<Vec<String>>,
}

/// The rows of a page.
struct Rows {
    /// Where the page ends, if that is looked up first.
    edge: Option<Edge>,
    /// The statement without its end.
    statement: Sql,
    /// Their order, and how many.
    rest: String,
}

/// The moment of a page's last row.
///
/// No index is in the order of a moment *and* the id, by which rows of the same moment are told apart. Other databases go through the
/// one that there is and order what is equal; MySQL orders all the rows that match. So it is asked for this moment first, which it
/// finds in the index, and then for the rows up to it.
struct Edge {
    lookup: Sql,
    /// What follows the statement, before the moment.
    up_to: String,
}

impl Edge {
    fn new(table: &Table, query: &Query, condition: &Sql, from: &str) -> Option<Self> {
        let (name, order) = query.sort.first()?;
        let is_needed = table.backend == Backend::Mysql && table.indexed.contains(&name.as_str());
        let last = (query.skip + query.limit?).checked_sub(1).filter(|_| is_needed)?;
        let column = table.column(name)?;
        let (direction, comparison) = match order {
            Order::Ascending => ("ASC", "<="),
            Order::Descending => ("DESC", ">="),
        };
        let (quoted, text) = (&column.quoted, column.as_text(table.backend));
        let lookup = condition.clone().map_text(|_, condition| {
            format!("SELECT {text} AS edge FROM {from} WHERE {condition} ORDER BY {quoted} {direction} LIMIT 1 OFFSET {last}")
        });
        Some(Self { lookup, up_to: format!(" AND {quoted} {comparison} ") })
    }
}

impl Find {
    /// Writes the statements of a query that was normalized by the table's schema.
    pub(super) fn new(table: &Table, query: Query) -> Result<Self, ServiceError> {
        let mut conditions = Conditions { table, sql: Sql::new(table.backend), count: 0 };
        conditions.push(&query.filter)?;
        let condition = conditions.sql;
        if condition.binds() > MAX_VALUES {
            return Err(ServiceError::bad_request(format!("The query has more than {MAX_VALUES} values")));
        }
        let from = table.backend.quote(table.name);
        let statement = |select: &str, rest: &str| {
            condition.clone().map_text(|_, condition| format!("SELECT {select} FROM {from} WHERE {condition}{rest}"))
        };
        // The total is all that there is to answer where no record is asked for.
        let is_counted = query.counted || query.limit == Some(0);
        let total = is_counted.then(|| statement(&table.backend.as_text("COUNT(*)"), ""));
        let page = (query.limit != Some(0)).then(|| {
            // Without a name of its own, PostgreSQL's cast keeps the column's, and then the order is that of the texts.
            let columns: Vec<String> = selected(table, query.select.as_deref())
                .enumerate()
                .map(|(index, column)| format!("{} AS text{index}", column.as_text(table.backend)))
                .collect();
            let limit = query.limit.unwrap_or(i64::MAX as u64);
            let rest = format!(" ORDER BY {} LIMIT {limit} OFFSET {}", order(table, &query), query.skip);
            let edge = Edge::new(table, &query, &condition, &from);
            Rows { edge, statement: statement(&columns.join(", "), ""), rest }
        });
        Ok(Self { total, page, limit: query.limit, skip: query.skip, select: query.select })
    }
}

/// A page of records, and how many there are on all pages, in one state of the table.
pub(super) async fn find(store: &Store, table: &Table, find: &Find) -> Result<Page, StoreError> {
    let mut lease = store.lease().await?;
    lease.begin_snapshot().await?;
    let result = page(&mut lease, table, find).await;
    lease.conclude(result).await
}

async fn page(lease: &mut Lease, table: &Table, find: &Find) -> Result<Page, StoreError> {
    let total = match &find.total {
        Some(total) => Some(count(lease, total).await?),
        None => None,
    };
    let rows = match &find.page {
        Some(Rows { edge, statement, rest }) => {
            let mut statement = statement.clone();
            if let Some(Edge { lookup, up_to }) = edge {
                let found = lease.load(lookup.clone()).await?.into_iter().flat_map(|row| row.0).flatten().next();
                // Where there are fewer rows, all of them are on the page.
                if let Some(moment) = found.as_deref().and_then(read_moment) {
                    statement.push(up_to).moment(moment);
                }
            }
            statement.push(rest);
            lease.load(statement).await?
        }
        None => Vec::new(),
    };
    let record = |row| table.record(selected(table, find.select.as_deref()), row);
    let data: Vec<Record> = rows.into_iter().map(record).collect();
    let total = total.unwrap_or(find.skip + data.len() as u64);
    Ok(Page { total, limit: find.limit.unwrap_or(total), skip: find.skip, data })
}

async fn count(lease: &mut Lease, total: &Sql) -> Result<u64, StoreError> {
    let rows = lease.load(total.clone()).await?;
    let total = rows.into_iter().flat_map(|row| row.0).flatten().next().and_then(|total| total.parse().ok());
    total.ok_or_else(|| StoreError::Answer("a count yields no number".into()))
}

/// The record with an id, whole.
pub(super) async fn get(lease: &mut Lease, table: &Table, id: &str) -> Result<Option<Record>, StoreError> {
    let columns: Vec<String> = table.columns().iter().map(|column| column.as_text(table.backend)).collect();
    let mut sql = Sql::new(table.backend);
    sql.push(&format!("SELECT {} FROM ", columns.join(", "))).name(table.name).push(" WHERE ");
    match push_id(&mut sql, table, id) {
        Ok(()) => {}
        // No record has an id that cannot be stored.
        Err(_) => return Ok(None),
    }
    let rows = lease.load(sql).await?;
    Ok(rows.into_iter().next().map(|row| table.record(table.columns(), row)))
}

/// Appends the condition that a row has this id.
pub(super) fn push_id(sql: &mut Sql, table: &Table, id: &str) -> Result<(), ServiceError> {
    let column = table.column("id").ok_or_else(|| ServiceError::no_record(id))?;
    if id.contains('\0') {
        return Err(ServiceError::no_record(id));
    }
    push_equal(sql, column, &[id.into()])
}

/// The columns that a query selects, the id among them, in the table's order.
fn selected<'a>(table: &'a Table, select: Option<&'a [String]>) -> impl Iterator<Item = &'a Column> {
    table.columns().iter().filter(move |Column { field, .. }| {
        field.name == "id" || select.is_none_or(|select| select.contains(&field.name))
    })
}

/// The order that a query asks for, and by the id where it leaves it open: pages must not overlap.
fn order(table: &Table, query: &Query) -> String {
    let id = ("id".to_owned(), Order::Ascending);
    let is_decided = query.sort.iter().any(|(name, _)| *name == id.0);
    let by = |(name, order): &(String, Order)| {
        let column = table.column(name)?.exact(table.backend);
        // There is always an id; and where PostgreSQL is told of nulls, it does not use the primary key's index.
        let nulls = if *name == id.0 { "" } else { table.backend.nulls(*order == Order::Ascending) };
        Some(match order {
            Order::Ascending => format!("{column} ASC{nulls}"),
            Order::Descending => format!("{column} DESC{nulls}"),
        })
    };
    query.sort.iter().chain((!is_decided).then_some(&id)).filter_map(by).collect::<Vec<_>>().join(", ")
}

/// Writes a filter.
struct Conditions<'a> {
    table: &'a Table,
    sql: Sql,
    count: usize,
}

impl<'a> Conditions<'a> {
    fn push(&mut self, filter: &Filter) -> Result<(), ServiceError> {
        self.count += 1;
        if self.count > MAX_CONDITIONS {
            return Err(ServiceError::bad_request(format!("The query has more than {MAX_CONDITIONS} conditions")));
        }
        match filter {
            Filter::All(filters) => self.push_list(filters, " AND ", "1 = 1"),
            Filter::Any(filters) => self.push_list(filters, " OR ", "1 = 0"),
            Filter::Compare { field, comparison, value } => self.push_comparison(field, *comparison, value),
            Filter::OneOf { field, values, negated } => self.push_one_of(field, values, *negated),
        }
    }

    fn push_list(&mut self, filters: &[Filter], operator: &str, none: &str) -> Result<(), ServiceError> {
        if filters.is_empty() {
            self.sql.push(none);
            return Ok(());
        }
        for (index, filter) in filters.iter().enumerate() {
            self.sql.push(if index == 0 { "(" } else { operator });
            self.push(filter)?;
        }
        self.sql.push(")");
        Ok(())
    }

    fn push_comparison(&mut self, field: &str, comparison: Comparison, value: &Value) -> Result<(), ServiceError> {
        let column = self.column(field)?;
        let backend = self.table.backend;
        let null_test = match comparison {
            Comparison::Eq => " IS NULL",
            Comparison::Ne => " IS NOT NULL",
            _ => "",
        };
        let operator = match comparison {
            Comparison::Eq => " = ",
            Comparison::Ne => " <> ",
            Comparison::Lt => " < ",
            Comparison::Lte => " <= ",
            Comparison::Gt => " > ",
            Comparison::Gte => " >= ",
        };
        if value.is_null() && null_test.is_empty() {
            self.sql.push("1 = 0");
        } else if value.is_null() {
            self.sql.push(&column.quoted).push(null_test);
        } else if comparison == Comparison::Eq {
            push_equal(&mut self.sql, column, std::slice::from_ref(value))?;
        } else {
            self.sql.push(&column.exact(backend)).push(operator);
            column.push_exact(&mut self.sql, value)?;
        }
        Ok(())
    }

    fn push_one_of(&mut self, field: &str, values: &[Value], negated: bool) -> Result<(), ServiceError> {
        let column = self.column(field)?;
        match (values.is_empty(), negated) {
            (true, false) => {
                self.sql.push("1 = 0");
            }
            (true, true) => {
                self.sql.push(&column.quoted).push(" IS NOT NULL");
            }
            (false, false) => push_equal(&mut self.sql, column, values)?,
            (false, true) => {
                self.sql.push(&column.exact(self.table.backend)).push(" NOT IN ");
                push_values(&mut self.sql, values, |sql, value| column.push_exact(sql, value))?;
            }
        }
        Ok(())
    }

    fn column(&self, name: &str) -> Result<&'a Column, ServiceError> {
        self.table.column(name).ok_or_else(|| ServiceError::bad_request(format!("Invalid query parameter {name}")))
    }
}

/// Appends the condition that a column has one of these values. Where the exact comparison cannot use an index, the
/// database's own goes before it.
fn push_equal(sql: &mut Sql, column: &Column, values: &[Value]) -> Result<(), ServiceError> {
    let inexact = column.is_inexact(sql.backend());
    if inexact {
        sql.push("(").push(&column.quoted).push(" IN ");
        push_values(sql, values, |sql, value| column.push_inexact(sql, value))?;
        sql.push(" AND ");
    }
    let exact = if inexact { column.exact(sql.backend()) } else { column.quoted.clone() };
    sql.push(&exact).push(" IN ");
    push_values(sql, values, |sql, value| column.push_exact(sql, value))?;
    sql.push(if inexact { ")" } else { "" });
    Ok(())
}

fn push_values(
    sql: &mut Sql,
    values: &[Value],
    push: impl Fn(&mut Sql, &Value) -> Result<(), ServiceError>,
) -> Result<(), ServiceError> {
    for (index, value) in values.iter().enumerate() {
        sql.push(if index == 0 { "(" } else { ", " });
        push(sql, value)?;
    }
    sql.push(")");
    Ok(())
}
