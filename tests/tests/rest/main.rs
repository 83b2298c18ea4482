//! A service over a table, asked over HTTP: what the database answers is what a plain evaluation in memory answers, in a few
//! statements on one state of the table.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails; clippy.toml excepts only the test functions")]

mod expected;
mod generate;
mod queries;
mod statements;
mod thing;
