//! Statements as spans of a trace, by OpenTelemetry's conventions for databases
//! (<https://opentelemetry.io/docs/specs/semconv/database/database-spans/>).
//!
//! A span names what a statement does and the tables that it is about. It has neither the statement's values nor its text, in
//! which whoever wrote it may have put some.

use std::sync::Arc;

use taskserver_core::TRACE;
use tracing::Span;
use tracing::field::Empty;

use crate::options::{StoreOptions, Target};
use crate::{Backend, StoreError};

/// The name of the spans of statements.
pub const QUERY: &str = "query";

/// How many tables a summary names at most.
const MAX_TABLES: usize = 8;

/// Where statements are sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Peer {
    system: &'static str,
    database: Option<String>,
    host: Option<String>,
    port: Option<u16>,
}

impl Peer {
    pub(crate) fn new(options: &StoreOptions) -> Arc<Self> {
        let system = match options.backend() {
            Backend::Sqlite => "sqlite",
            Backend::Postgres => "postgresql",
            // MariaDB, too: they are told apart by nothing that is known here.
            Backend::Mysql => "mysql",
        };
        let server = match &options.target {
            Target::Server(server) => Some(server),
            Target::File(_) | Target::Memory => None,
        };
        Arc::new(Self {
            system,
            database: server.map(|server| server.database.clone()),
            host: server.map(|server| server.host.clone()),
            port: server.map(|server| server.port),
        })
    }

    /// The span of a statement.
    pub(super) fn span(&self, sql: &str) -> Span {
        // Nothing of it is worked out where nobody collects traces.
        tracing::trace_span!(
        target: TRACE,
                   QUERY,
                   otel.name = summary(sql),
                   otel.kind = "client",
                   otel.status_code = Empty,
                   otel.status_description = Empty,
                   db.system.name = self.system,
                   db.namespace = self.database,
                   db.query.summary = summary(sql),
                   db.operation.name = operation(sql),
                   db.response.returned_rows = Empty,
                   "error.type" = Empty,
                   server.address = self.host,
                   server.port = self.port,
               )
    }
}

/// Says in a statement's span why it failed. What the database says is left out: it often quotes values.
pub(super) fn failed(span: &Span, error: &StoreError) {
    span.record("error.type", error.kind());
    span.record("otel.status_code", "error");
}

/// The first word of a statement, as `SELECT`.
fn operation(sql: &str) -> String {
    tokens(sql).next().map(|token| token.text.to_ascii_uppercase()).unwrap_or_default()
}

/// What a statement does, and the tables that it names: `SELECT user analytics`.
fn summary(sql: &str) -> String {
    let mut summary = operation(sql);
    let mut tables: Vec<&str> = Vec::new();
    let mut table_follows = false;
    for token in tokens(sql) {
        let is_table = table_follows && (token.quoted || token.text.starts_with(|it: char| it.is_alphabetic()));
        if is_table && tables.len() < MAX_TABLES && !tables.contains(&token.text) {
            tables.push(token.text);
        }
        table_follows = !token.quoted
            && ["FROM", "JOIN", "INTO", "UPDATE", "TABLE"].iter().any(|word| token.text.eq_ignore_ascii_case(word));
    }
    for table in tables {
        summary.push(' ');
        summary.push_str(table);
    }
    summary
}

/// A word, a quoted name, or a sign.
struct Token<'a> {
    text: &'a str,
    quoted: bool,
}

/// The tokens of a statement, without its texts and comments.
fn tokens(sql: &str) -> impl Iterator<Item = Token<'_>> {
    let mut rest = sql;
    std::iter::from_fn(move || {
        loop {
            rest = rest.trim_start();
            let first = rest.chars().next()?;
            let is_word = |it: char| it.is_alphanumeric() || it == '_';
            let (text, skipped, quoted) = match first {
                '\'' => (None, quoted_length(rest, '\''), false),
                '-' if rest.starts_with("--") => (None, rest.find('\n').unwrap_or(rest.len()), false),
                '/' if rest.starts_with("/*") => (None, rest.find("*/").map_or(rest.len(), |end| end + 2), false),
                '"' | '`' => {
                    let length = quoted_length(rest, first);
                    (Some(rest[..length].trim_matches(first)), length, true)
                }
                _ if is_word(first) => {
                    let length = rest.find(|it| !is_word(it)).unwrap_or(rest.len());
                    (Some(&rest[..length]), length, false)
                }
                _ => (Some(&rest[..first.len_utf8()]), first.len_utf8(), false),
            };
            rest = &rest[skipped..];
            if let Some(text) = text {
                return Some(Token { text, quoted });
            }
        }
    })
}

/// The length of what begins with a quote, in bytes, up to its other end.
fn quoted_length(text: &str, quote: char) -> usize {
    text[1..].find(quote).map_or(text.len(), |end| end + 2)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_summary_names_the_operation_and_the_tables_and_no_values() {
        for (sql, expected) in [
            ("BEGIN IMMEDIATE", "BEGIN"),
            ("select count(*) from \"instance-attendance\" JOIN user ON 1", "SELECT instance-attendance user"),
            ("INSERT INTO `k8s-event` (id) VALUES (?)", "INSERT k8s-event"),
            ("UPDATE user SET name = 'UPDATE secret FROM secret' WHERE id = ?", "UPDATE user"),
            ("SELECT 1 FROM (\nSELECT 2 FROM user -- FROM secret\n) AS it /* FROM secret */ LIMIT 2", "SELECT user"),
            ("SELECT 'it''s FROM secret' FROM a, b WHERE c IN (SELECT d FROM a)", "SELECT a"),
            ("SELECT 'not closed FROM secret", "SELECT"),
            ("", ""),
        ] {
            assert_eq!(summary(sql), expected, "{sql}");
        }
    }
}
