//! The database URL: its form is checked here once, and its password never shows.
//!
//! A malformed URL is shown as well, in the error that says what is wrong with it. There the parts cannot be told apart
//! reliably, so that everything which could belong to a password is hidden.

use std::fmt;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Deserializer, de};
use url::Url;

use crate::{rules::words, suggest};

/// What stands for a secret wherever one would be shown.
pub(crate) const REDACTED: &str = "***";

/// Everything but the unreserved characters of RFC 3986, which mean themselves in every part of a URL.
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// The values of `sslmode`: PostgreSQL's, then those of MySQL's `ssl-mode` that differ.
const SSL_MODES: [&str; 9] = [
    "disable",
    "prefer",
    "require",
    "verify-ca",
    "verify-full",
    "disabled",
    "preferred",
    "required",
    "verify-identity",
];

/// The kind of database that a URL names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Backend {
    /// SQLite, inside this process.
    Sqlite,
    /// PostgreSQL.
    Postgres,
    /// MySQL or MariaDB.
    Mysql,
}

/// A database URL of good form. `Debug` and `Display` hide the password.
///
/// ```
/// use taskserver_config::settings::{Backend, DatabaseUrl};
///
/// let url: DatabaseUrl = "postgres://server:s3cret@db.internal/ir-engine".parse()?;
/// assert_eq!(url.backend(), Backend::Postgres);
/// assert_eq!(url.to_string(), "postgres://server:***@db.internal/ir-engine");
/// # Ok::<(), taskserver_config::settings::DatabaseUrlError>(())
/// ```
#[derive(Clone)]
pub struct DatabaseUrl {
    backend: Backend,
    url: SecretString,
}

/// Why a database URL is not one. The text names no part of the URL that could be secret.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{reason}")]
pub struct DatabaseUrlError {
    reason: String,
    pub(crate) suggestion: Option<String>,
}

impl DatabaseUrl {
    /// The kind of database.
    #[must_use]
    pub fn backend(&self) -> Backend {
        self.backend
    }

    /// The whole URL, with the password.
    #[must_use]
    pub fn expose(&self) -> &str {
        self.url.expose_secret()
    }

    /// Puts a password into the URL, unless it has one or the database is a file. Says whether it did.
    pub(crate) fn set_password(&mut self, password: &str) -> bool {
        let Ok(mut url) = Url::parse(self.expose()) else { return false };
        // `set_password` leaves some characters as they are which MySQL's and PostgreSQL's drivers read otherwise.
        let encoded = utf8_percent_encode(password, RESERVED).to_string();
        if self.backend == Backend::Sqlite || url.password().is_some() || url.set_password(Some(&encoded)).is_err() {
            return false;
        }
        self.url = SecretString::from(String::from(url));
        true
    }
}

impl std::str::FromStr for DatabaseUrl {
    type Err = DatabaseUrlError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let backend = check(text)?;
        Ok(Self { backend, url: SecretString::from(text) })
    }
}

impl fmt::Display for DatabaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&redact(self.expose()))
    }
}

impl fmt::Debug for DatabaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "DatabaseUrl({self})")
    }
}

impl<'de> Deserialize<'de> for DatabaseUrl {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
    }
}

/// Writes the URL of a MySQL server, whatever characters its parts have.
pub(crate) fn mysql_url(user: &str, password: Option<&str>, host: &str, port: &str, database: &str) -> String {
    let encode = |part| utf8_percent_encode(part, RESERVED);
    let password = password.map(|password| format!(":{}", encode(password))).unwrap_or_default();
    let host = if host.contains(':') && !host.starts_with('[') { format!("[{host}]") } else { host.to_owned() };
    format!("mysql://{}{password}@{host}:{port}/{}", encode(user), encode(database))
}

fn check(text: &str) -> Result<Backend, DatabaseUrlError> {
    if text == "sqlite::memory:" {
        return Ok(Backend::Sqlite);
    }
    let Some((scheme, rest)) = text.split_once("://") else {
        return Err(if let Some(path) = text.strip_prefix("sqlite:") {
            error("not a database URL", Some(format!("sqlite://{path}")))
        } else {
            error("not a database URL: expected sqlite://FILE, postgres://… or mysql://…", None)
        });
    };
    let backend = match scheme {
        "sqlite" if rest.split('?').next().is_none_or(str::is_empty) => {
            return Err(error("names no file", Some("sqlite://taskserver.db".to_owned())));
        }
        "sqlite" => return Ok(Backend::Sqlite),
        "postgres" | "postgresql" => Backend::Postgres,
        "mysql" => Backend::Mysql,
        _ => {
            let closest = match scheme {
                "mariadb" => Some("mysql"),
                _ => suggest::closest(scheme, ["sqlite", "postgres", "postgresql", "mysql"]),
            };
            let reason = "unknown kind of database: expected sqlite://, postgres:// or mysql://";
            return Err(error(reason, closest.map(|scheme| format!("{scheme}://…"))));
        }
    };
    // Such a password would be taken for a port, a database or a parameter, and be shown as one.
    if rest.split_once(['/', '?', '#']).is_some_and(|(_, rest)| rest.contains('@')) {
        let reason = "has an @ after a / ? or #: in a user name or password these are percent-encoded (/ is %2F)";
        return Err(error(reason, None));
    }
    // The parser's own messages name no part of its input.
    let url = Url::parse(text).map_err(|reason| error(&format!("not a URL: {reason}"), None))?;
    if url.host_str().is_none_or(str::is_empty) {
        return Err(error("names no host", None));
    }
    if url.path().trim_matches('/').is_empty() {
        return Err(error("names no database: expected …/DATABASE after the host", None));
    }
    if url.fragment().is_some() {
        return Err(error("has a # in it: in a password it is written %23", None));
    }
    for part in [url.username(), url.password().unwrap_or_default(), url.path()] {
        if percent_decode_str(part).decode_utf8().is_err() {
            return Err(error("is not UTF-8 once its percent-encoding is undone", None));
        }
    }
    check_parameters(&url)?;
    Ok(backend)
}

/// The parameters that say how the connection is encrypted: a misspelt one must not leave it open.
fn check_parameters(url: &Url) -> Result<(), DatabaseUrlError> {
    for (name, value) in url.query_pairs() {
        match name.to_ascii_lowercase().replace(['-', '_'], "").as_str() {
            "sslmode" => {
                let mode = value.to_ascii_lowercase().replace('_', "-");
                if !SSL_MODES.contains(&mode.as_str()) {
                    let closest = suggest::closest(&mode, SSL_MODES);
                    let reason = format!("has an unknown {name}: expected {}", words(&SSL_MODES[..5]));
                    return Err(error(&reason, closest.map(|mode| format!("{name}={mode}"))));
                }
            }
            "sslrootcert" | "sslca" => {}
            other if other.starts_with("ssl") || other.starts_with("tls") => {
                let reason = format!("has an unknown parameter {name}: TLS is set by sslmode and sslrootcert");
                return Err(error(&reason, None));
            }
            _ => {}
        }
    }
    Ok(())
}

fn error(reason: &str, suggestion: Option<String>) -> DatabaseUrlError {
    DatabaseUrlError { reason: reason.to_owned(), suggestion }
}

/// The text with everything hidden that is, or in a malformed URL could be, a password.
pub(crate) fn redact(text: &str) -> String {
    let Some((scheme, rest)) = text.split_once("://") else {
        return if text.starts_with("sqlite:") { text.to_owned() } else { REDACTED.to_owned() };
    };
    if scheme == "sqlite" {
        return text.to_owned();
    }
    if let Ok(url) = Url::parse(text)
        && check(text).is_ok()
    {
        return redact_url(url);
    }
    // The last @ ends the password even when it has an unencoded @ in it; without one, the text may stop in the password.
    match rest.rsplit_once('@') {
        Some((credentials, place)) => {
            let user = credentials.split_once(':').map_or(credentials, |(user, _)| user);
            let place = place.split(['?', '#']).next().unwrap_or_default();
            format!("{scheme}://{user}:{REDACTED}@{place}")
        }
        None => match rest.split_once([':', '?', '#']) {
            Some((start, _)) => format!("{scheme}://{start}{REDACTED}"),
            None => text.to_owned(),
        },
    }
}

fn redact_url(mut url: Url) -> String {
    let hidden = |name: &str| name.to_ascii_lowercase().contains("pass");
    if url.password().is_some() && url.set_password(Some(REDACTED)).is_err() {
        return REDACTED.to_owned();
    }
    if url.query_pairs().any(|(name, _)| hidden(&name)) {
        let pairs: Vec<_> = url.query_pairs().into_owned().collect();
        url.query_pairs_mut().clear().extend_pairs(
            pairs.iter().map(|(name, value)| (name, if hidden(name) { REDACTED } else { value.as_str() })),
        );
    }
    url.into()
}
