//! What a text must look like, key by key. A rule returns the value to use, or what is wrong with the given one.

use std::net::IpAddr;

use croner::parser::{CronParser, Year};
use ipnet::IpNet;
use jiff::{Timestamp, tz::TimeZone};
use url::Url;

use crate::{
    settings::{DatabaseUrl, Endpoint},
    suggest,
};

/// Why a value is refused, and what was probably meant.
#[derive(Debug, PartialEq)]
pub(crate) struct Refused {
    pub(crate) reason: String,
    pub(crate) suggestion: Option<String>,
}

/// Checks the form of a text.
pub(crate) type Rule = fn(&str) -> Result<String, Refused>;

pub(crate) fn refuse<T>(reason: impl Into<String>) -> Result<T, Refused> {
    Err(Refused { reason: reason.into(), suggestion: None })
}

pub(crate) fn refuse_with<T>(reason: impl Into<String>, suggestion: Option<impl Into<String>>) -> Result<T, Refused> {
    Err(Refused { reason: reason.into(), suggestion: suggestion.map(Into::into) })
}

pub(crate) fn any(text: &str) -> Result<String, Refused> {
    Ok(text.to_owned())
}

pub(crate) fn not_empty(text: &str) -> Result<String, Refused> {
    if text.trim().is_empty() { refuse("must not be empty") } else { Ok(text.to_owned()) }
}

pub(crate) fn sha256(text: &str) -> Result<String, Refused> {
    if text.len() == 64 && text.bytes().all(|digit| digit.is_ascii_hexdigit()) {
        return Ok(text.to_ascii_lowercase());
    }
    refuse("expected a SHA-256 in 64 hexadecimal digits; `printf %s TOKEN | sha256sum` prints it")
}

/// Names and patterns of namespaces, separated by commas, as the collector of events takes them.
pub(crate) fn namespaces(text: &str) -> Result<String, Refused> {
    let allowed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '-' | '*');
    for pattern in text.split(',').map(str::trim) {
        if pattern.is_empty() || pattern.len() > 63 || !pattern.chars().all(allowed) {
            return refuse("expected names of namespaces, or patterns such as ir-*, separated by commas");
        }
    }
    Ok(text.to_owned())
}

/// Checks each of the items that commas separate.
fn each(text: &str, rule: impl Fn(&str) -> Result<String, Refused>) -> Result<String, Refused> {
    let items: Result<Vec<_>, _> = text.split(',').map(str::trim).map(rule).collect();
    items.map(|items| items.join(", "))
}

/// Origins as browsers send them, or `*` for any, separated by commas.
pub(crate) fn origins(text: &str) -> Result<String, Refused> {
    each(text, |origin| match Url::parse(origin) {
        _ if origin == "*" => Ok(origin.to_owned()),
        Ok(url) if ["http", "https"].contains(&url.scheme()) => {
            let written = url.origin().ascii_serialization();
            if written == origin {
                return Ok(written);
            }
            refuse_with(format!("`{origin}` is not how a browser writes an origin"), Some(written))
        }
        _ => refuse(format!("`{origin}` is no origin: expected one such as https://ir.example.com, or * for any")),
    })
}

/// Addresses and networks, separated by commas. An address is a network of one.
pub(crate) fn networks(text: &str) -> Result<String, Refused> {
    each(text, |network| match network.parse::<IpNet>().or_else(|_| network.parse::<IpAddr>().map(IpNet::from)) {
        Ok(network) => Ok(network.to_string()),
        Err(_) => refuse(format!("`{network}` is neither an IP address nor a network such as 10.0.0.0/8")),
    })
}

const METHODS: [&str; 6] = ["find", "get", "create", "update", "patch", "remove"];

/// Methods of services, separated by commas; or none.
pub(crate) fn methods(text: &str) -> Result<String, Refused> {
    if text.trim().is_empty() {
        return Ok(String::new());
    }
    each(text, |method| match METHODS.contains(&method) {
        true => Ok(method.to_owned()),
        false => {
            let reason = format!("`{method}` is no method of a service: expected {}", words(&METHODS));
            refuse_with(reason, suggest::closest(method, METHODS))
        }
    })
}

/// Names of services, separated by commas. Whether there are such services is for the server to say.
pub(crate) fn services(text: &str) -> Result<String, Refused> {
    let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '/');
    each(text, |name| match !name.is_empty() && name.chars().all(allowed) {
        true => Ok(name.to_owned()),
        false => refuse("expected names of services, such as analytics, separated by commas"),
    })
}

/// Hosts with their ports, separated by commas.
pub(crate) fn endpoints(text: &str) -> Result<String, Refused> {
    each(text, |endpoint| match endpoint.parse::<Endpoint>() {
        Ok(_) => Ok(endpoint.to_owned()),
        Err(reason) => refuse(reason),
    })
}

pub(crate) fn queue_name(name: &str) -> Result<String, Refused> {
    let allowed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    if (1..=63).contains(&name.len()) && name.chars().all(allowed) {
        return Ok(name.to_owned());
    }
    refuse("the name of a queue consists of 1 to 63 lower-case letters, digits and hyphens")
}

/// The name of a process among its replicas: a part of a row, and of the holder of a lease.
pub(crate) fn instance(text: &str) -> Result<String, Refused> {
    match text.len() {
        1..=200 if text.chars().all(|c| c.is_ascii_graphic()) => Ok(text.to_owned()),
        _ => refuse("expected a name of at most 200 letters, digits and signs, without blanks"),
    }
}

/// The name of an object of Kubernetes' (RFC 1123).
pub(crate) fn object_name(text: &str) -> Result<String, Refused> {
    dns_name(text, 253, &['-', '.'])
}

/// The name of one namespace.
pub(crate) fn namespace(text: &str) -> Result<String, Refused> {
    dns_name(text, 63, &['-'])
}

fn dns_name(text: &str, longest: usize, inner: &[char]) -> Result<String, Refused> {
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    let is_name =
        text.starts_with(plain) && text.ends_with(plain) && text.chars().all(|c| plain(c) || inner.contains(&c));
    if is_name && text.len() <= longest {
        return Ok(text.to_owned());
    }
    let inner = inner.iter().map(|c| format!("`{c}`")).collect::<Vec<_>>().join(", ");
    refuse(format!("expected a name of at most {longest} lower-case letters, digits and, within it, {inner}"))
}

/// The cluster's name: what a column of text holds.
pub(crate) fn cluster(text: &str) -> Result<String, Refused> {
    if text.trim().is_empty() || text.len() > 255 { refuse("expected a name of 1 to 255 bytes") } else { any(text) }
}

/// The levels of alerts, the least urgent first.
pub(crate) const ALERT_LEVELS: [&str; 3] = ["info", "warning", "critical"];

/// Levels of alerts, separated by commas.
pub(crate) fn alert_levels(text: &str) -> Result<String, Refused> {
    each(text, |level| match ALERT_LEVELS.contains(&level) {
        true => Ok(level.to_owned()),
        false => {
            let reason = format!("`{level}` is no level: expected {}", words(&ALERT_LEVELS));
            refuse_with(reason, suggest::closest(level, ALERT_LEVELS))
        }
    })
}

/// The form only: what else may be wrong with a URL is seen where it is used. No text shows it: there may be a secret in it.
pub(crate) fn http_url(text: &str) -> Result<String, Refused> {
    let rest = text.strip_prefix("http://").or_else(|| text.strip_prefix("https://"));
    match rest {
        Some(rest) if !rest.is_empty() && !rest.contains(char::is_whitespace) => any(text),
        _ => refuse("expected http://… or https://…"),
    }
}

pub(crate) fn ip_address(text: &str) -> Result<String, Refused> {
    let plain = text.strip_prefix('[').and_then(|text| text.strip_suffix(']')).unwrap_or(text);
    match plain.parse::<IpAddr>() {
        Ok(address) => Ok(address.to_string()),
        Err(_) => {
            let suggestion = (text == "localhost").then_some("127.0.0.1");
            refuse_with("expected an IP address to listen on, such as 0.0.0.0, :: or 127.0.0.1", suggestion)
        }
    }
}

pub(crate) fn host(text: &str) -> Result<String, Refused> {
    if text.contains("://") {
        return refuse("expected a host name or an IP address, found a URL");
    }
    if text.is_empty() || text.contains(|c: char| c.is_whitespace() || c.is_control() || c == '/' || c == '@') {
        return refuse("expected a host name or an IP address");
    }
    Ok(text.to_owned())
}

pub(crate) fn database_url(text: &str) -> Result<String, Refused> {
    match text.parse::<DatabaseUrl>() {
        Ok(_) => Ok(text.to_owned()),
        Err(error) => refuse_with(error.to_string(), error.suggestion),
    }
}

const LEVELS: [&str; 6] = ["off", "error", "warn", "info", "debug", "trace"];

/// A subset of the filter syntax of tracing: `level` and `target=level`, separated by commas. In the full syntax a
/// misspelt level is a target that is logged in full, so that `inof` would silence everything else.
pub(crate) fn log_level(text: &str) -> Result<String, Refused> {
    for directive in text.split(',') {
        let (target, level) = match directive.split_once('=') {
            Some((target, level)) => (Some(target.trim()), level.trim()),
            None => (None, directive.trim()),
        };
        if !LEVELS.iter().any(|known| known.eq_ignore_ascii_case(level)) {
            let suggestion = suggest::closest(level, LEVELS).map(|closest| match target {
                Some(target) => format!("{target}={closest}"),
                None => closest.to_owned(),
            });
            let reason = format!("`{level}` is not a level: expected {}, or target=level", words(&LEVELS));
            return refuse_with(reason, suggestion);
        }
        let in_target = |c: char| c.is_ascii_alphanumeric() || "_:-.".contains(c);
        if target.is_some_and(|target| target.is_empty() || !target.chars().all(in_target)) {
            return refuse(format!("`{directive}` names no target: expected the path of a module, such as hyper=warn"));
        }
    }
    Ok(text.to_owned())
}

/// Five fields, or six with seconds first; no years. The date must come.
pub(crate) fn cron(text: &str) -> Result<String, Refused> {
    let expected = "expected five fields, such as */15 * * * *, or six with seconds first";
    match CronParser::builder().year(Year::Disallowed).build().parse(text) {
        Ok(cron) if cron.find_next_occurrence(&Timestamp::UNIX_EPOCH.to_zoned(TimeZone::UTC), false).is_ok() => {
            any(text)
        }
        Ok(_) => refuse("such a date never comes"),
        Err(error) => {
            let error = error.to_string();
            refuse(format!("not a cron pattern ({}): {expected}", error.trim_end_matches('.')))
        }
    }
}

pub(crate) fn time_zone(text: &str) -> Result<String, Refused> {
    if TimeZone::get(text).is_ok() {
        return Ok(text.to_owned());
    }
    let names: Vec<String> = jiff::tz::db().available().map(|name| name.to_string()).collect();
    let suggestion = suggest::closest(text, names.iter().map(String::as_str));
    refuse_with("unknown time zone: expected a name of the IANA database, such as Europe/Berlin", suggestion)
}

pub(crate) fn certificates(text: &str) -> Result<String, Refused> {
    if text.contains("-----BEGIN CERTIFICATE-----") && text.contains("-----END CERTIFICATE-----") {
        Ok(text.to_owned())
    } else {
        refuse("holds no certificate in PEM form; a file is named with ca_file")
    }
}

pub(crate) fn public_key(text: &str) -> Result<String, Refused> {
    if text.contains("-----BEGIN ") && text.contains("-----END ") {
        Ok(text.to_owned())
    } else {
        refuse("is not a key in PEM form; a file is named with authentication.jwt_public_key_file")
    }
}

/// The form only: that the statement reads and does not write is seen to where it runs.
pub(crate) fn select(text: &str) -> Result<String, Refused> {
    let statement = text.trim().trim_end_matches(';').trim_end();
    let verb = statement.split(|c: char| !c.is_ascii_alphabetic()).next().unwrap_or_default();
    if verb.eq_ignore_ascii_case("select") || verb.eq_ignore_ascii_case("with") {
        Ok(statement.to_owned())
    } else {
        refuse("expected one statement that starts with SELECT or WITH")
    }
}

const CHANGES: [&str; 5] = ["DELETE", "UPDATE", "INSERT", "REPLACE", "WITH"];

/// One statement that changes rows: only such can be taken back on all databases.
pub(crate) fn change(text: &str) -> Result<String, Refused> {
    let statement = text.trim().trim_end_matches(|c: char| c == ';' || c.is_whitespace());
    let verb = statement.split(|c: char| !c.is_ascii_alphabetic()).next().unwrap_or_default();
    if statement.is_empty() {
        refuse("must not be empty")
    } else if statement.contains(';') {
        refuse("expected one statement: there is a semicolon in it")
    } else if CHANGES.iter().any(|change| change.eq_ignore_ascii_case(verb)) {
        Ok(statement.to_owned())
    } else {
        refuse(format!("expected one statement that changes rows, and starts with {}", words(&CHANGES)))
    }
}

/// The name of a statement, of which that of a task is made.
pub(crate) fn maintenance_name(name: &str) -> Result<String, Refused> {
    let allowed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    if (1..=51).contains(&name.len()) && name.chars().all(allowed) {
        return Ok(name.to_owned());
    }
    refuse("the name of a statement consists of 1 to 51 lower-case letters, digits and hyphens")
}

/// A list in prose: `a, b or c`.
pub(crate) fn words(words: &[&str]) -> String {
    match words {
        [] => String::new(),
        [only] => (*only).to_owned(),
        [first @ .., last] => format!("{} or {last}", first.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_kubernetes_are_told_from_others() {
        let refused = |result: Result<String, Refused>| result.unwrap_err().reason;
        assert_eq!(object_name("taskserver-1.eu"), Ok("taskserver-1.eu".to_owned()));
        assert_eq!(namespace("ir-engine"), Ok("ir-engine".to_owned()));
        let expected = "expected a name of at most 63 lower-case letters, digits and, within it, `-`";
        for wrong in ["", "Ir", "ir_engine", "-ir", "ir-", "ir.engine", &"x".repeat(64)] {
            assert_eq!(refused(namespace(wrong)), expected, "{wrong}");
        }
        let expected = "expected a name of at most 253 lower-case letters, digits and, within it, `-`, `.`";
        assert_eq!(refused(object_name("a/b")), expected);
    }

    #[test]
    fn an_instance_has_a_name_that_fits_into_a_row() {
        assert_eq!(instance("pod-1:5050"), Ok("pod-1:5050".to_owned()));
        for wrong in ["", "a b", "ä", &"x".repeat(201)] {
            let reason = "expected a name of at most 200 letters, digits and signs, without blanks";
            assert_eq!(instance(wrong).unwrap_err().reason, reason, "{wrong}");
        }
    }
}
