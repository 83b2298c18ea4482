//! What a text must look like, key by key. A rule returns the value to use, or what is wrong with the given one.

use std::net::IpAddr;

use croner::parser::{CronParser, Year};
use jiff::{Timestamp, tz::TimeZone};

use crate::{settings::DatabaseUrl, suggest};

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
        refuse("holds no certificate in PEM form; a file is named with database.tls.ca_file")
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

/// A list in prose: `a, b or c`.
pub(crate) fn words(words: &[&str]) -> String {
    match words {
        [] => String::new(),
        [only] => (*only).to_owned(),
        [first @ .., last] => format!("{} or {last}", first.join(", ")),
    }
}
