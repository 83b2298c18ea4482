//! Health: `/healthcheck` as the platform has it, `/livez` and `/readyz` as Kubernetes components have them.
//!
//! A passing probe answers `ok`. With `?verbose`, and whenever it fails, it answers with a line per check, then the verdict,
//! laid out as kube-apiserver does:
//!
//! ```text
//! [+]shutdown ok
//! [-]database failed: connection refused
//! [+]redis excluded: ok
//! readyz check failed
//! ```
//!
//! A reason is shown only with `?verbose`, since it can hold names and addresses that concern only an operator.
//! `?exclude=NAME` leaves a check out of the verdict.
//!
//! A failed probe answers 503, not kube-apiserver's 500: the server is not broken, it cannot serve now. Probes take either
//! for a failure; a load balancer or an alert on 5xx causes takes 503 for what it is.
//!
//! `/livez` asks only whether the process answers: a restart would not bring back a database, so no component counts. It
//! stays 200 while the server shuts down, when `/readyz` fails at once so that nothing new is sent here.

use std::collections::BTreeSet;

use hyper::StatusCode;
use hyper::http::request::Parts;
use serde::Serialize;
use taskserver_core::{ComponentHealth, Health};

use crate::response::{self, Response};
use crate::state::State;

/// The platform's health check: how long the server has been up, in seconds.
pub(crate) fn healthcheck(state: &State) -> Response {
    #[derive(Serialize)]
    struct Uptime {
        uptime: f64,
    }
    response::json(&Uptime { uptime: state.uptime().as_secs_f64() })
}

pub(crate) fn livez(_: &State, head: &Parts) -> Response {
    probe("livez", head.uri.query(), vec![Check::passed("ping")])
}

pub(crate) fn readyz(state: &State, head: &Parts) -> Response {
    let shutdown = if state.app.shutdown().is_stopping() {
        Check::failed("shutdown", "the server is shutting down")
    } else {
        Check::passed("shutdown")
    };
    let components = state.app.health().components();
    let checks = std::iter::once(shutdown).chain(components.iter().map(Check::of)).collect();
    probe("readyz", head.uri.query(), checks)
}

/// One line of a probe's answer.
struct Check {
    name: String,
    works: bool,
    /// Whether the probe fails if this does not work.
    required: bool,
    reason: Option<String>,
}

impl Check {
    fn passed(name: &str) -> Self {
        Self { name: name.to_owned(), works: true, required: true, reason: None }
    }

    fn failed(name: &str, reason: &str) -> Self {
        Self { name: name.to_owned(), works: false, required: true, reason: Some(reason.to_owned()) }
    }

    fn of(component: &ComponentHealth) -> Self {
        let (works, reason) = match &component.health {
            Health::Ready => (true, None),
            Health::Degraded(reason) => (true, Some(format!("degraded: {reason}"))),
            Health::Disabled(reason) => (true, Some(format!("disabled: {reason}"))),
            Health::Starting => (false, Some("it has not reported yet".to_owned())),
            Health::Down(reason) => (false, Some(reason.clone())),
        };
        Self { name: component.name.clone(), works, required: component.required, reason }
    }

    fn line(&self, verbose: bool) -> String {
        let name = &self.name;
        // A reason with several lines must not look like further checks.
        let reason = self.reason.as_ref().filter(|_| verbose).map(|reason| reason.replace(char::is_control, " "));
        if self.works {
            let reason = reason.map(|reason| format!(" ({reason})")).unwrap_or_default();
            return format!("[+]{name} ok{reason}\n");
        }
        let consequence = if self.required { "" } else { " (not required)" };
        format!("[-]{name} failed{consequence}: {}\n", reason.as_deref().unwrap_or("reason withheld"))
    }
}

fn probe(name: &str, query: Option<&str>, checks: Vec<Check>) -> Response {
    let Query { verbose, mut excluded } = Query::parse(query.unwrap_or_default());
    let mut lines = String::new();
    let mut passed = true;
    for check in checks {
        if excluded.remove(&check.name) {
            lines += &format!("[+]{} excluded: ok\n", check.name);
        } else {
            passed &= check.works || !check.required;
            lines += &check.line(verbose);
        }
    }
    if !excluded.is_empty() {
        let names: Vec<_> = excluded.iter().map(|name| format!("{name:?}")).collect();
        lines += &format!("warn: some health checks cannot be excluded: no matches for {}\n", names.join(","));
    }
    match (passed, verbose) {
        (true, false) => response::text(StatusCode::OK, "ok".to_owned()),
        (true, true) => response::text(StatusCode::OK, format!("{lines}{name} check passed\n")),
        (false, _) => response::text(StatusCode::SERVICE_UNAVAILABLE, format!("{lines}{name} check failed\n")),
    }
}

/// What a probe asks for.
struct Query {
    verbose: bool,
    excluded: BTreeSet<String>,
}

impl Query {
    fn parse(query: &str) -> Self {
        let mut parsed = Self { verbose: false, excluded: BTreeSet::new() };
        for (key, value) in form_urlencoded::parse(query.as_bytes()) {
            match &*key {
                "verbose" => parsed.verbose = true,
                "exclude" => {
                    parsed.excluded.insert(value.into_owned());
                }
                _ => {}
            }
        }
        parsed
    }
}
