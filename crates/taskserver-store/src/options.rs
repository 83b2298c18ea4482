//! The options of a store, and its URL.

use std::fmt;
use std::path::Path;
use std::str::FromStr;
use std::time::Duration;

use percent_encoding::percent_decode_str;
use secrecy::SecretString;
use url::Url;

use crate::{Backend, StoreError};

/// How a [`Store`](crate::Store) reaches its database.
///
/// ```
/// use taskserver_store::StoreOptions;
///
/// let options = StoreOptions::new("postgres://server:s3cret@db.internal/ir-engine?sslmode=require")?;
/// assert_eq!(options.database(), "postgres://server@db.internal:5432/ir-engine");
/// # Ok::<_, taskserver_store::StoreError>(())
/// ```
#[derive(Debug, Clone)]
pub struct StoreOptions {
    pub(crate) target: Target,
    pub(crate) tls: TlsOptions,
    /// How many connections the pool may hold, 1 or more.
    pub max_connections: usize,
    /// How long opening one connection may take.
    pub connect_timeout: Duration,
    /// How long a caller may wait for a connection to become free.
    pub acquire_timeout: Duration,
    /// How long one statement may take.
    pub statement_timeout: Duration,
}

/// Where the database is.
#[derive(Debug, Clone)]
pub(crate) enum Target {
    /// A file of SQLite's.
    File(String),
    /// A database of SQLite's that lives as long as its store.
    Memory,
    /// A database of a server's.
    Server(Server),
}

/// A database of a server's.
#[derive(Debug, Clone)]
pub(crate) struct Server {
    pub(crate) backend: Backend,
    pub(crate) host: String,
    pub(crate) port: u16,
    pub(crate) user: String,
    pub(crate) password: Option<SecretString>,
    pub(crate) database: String,
}

/// How the connection to a server is encrypted.
#[derive(Debug, Clone, Default)]
pub(crate) struct TlsOptions {
    /// As the URL says.
    pub(crate) mode: Option<TlsMode>,
    /// Certificates (PEM) of the authorities to trust.
    pub(crate) ca: Option<String>,
}

/// The modes of libpq's `sslmode` and of MySQL's `ssl-mode`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum TlsMode {
    /// Never encrypted.
    Disable,
    /// Encrypted where the server can, whoever it is.
    Prefer,
    /// Encrypted, whoever the server is.
    Require,
    /// Encrypted, and the server's certificate comes from a trusted authority.
    VerifyCa,
    /// Encrypted, and the certificate is for this very host.
    VerifyFull,
}

impl FromStr for TlsMode {
    type Err = StoreError;

    fn from_str(text: &str) -> Result<Self, StoreError> {
        Ok(match text.to_ascii_lowercase().replace('_', "-").as_str() {
            "disable" | "disabled" => Self::Disable,
            "prefer" | "preferred" => Self::Prefer,
            "require" | "required" => Self::Require,
            "verify-ca" => Self::VerifyCa,
            "verify-full" | "verify-identity" => Self::VerifyFull,
            _ => {
                let message =
                    format!("the sslmode `{text}` is none of disable, prefer, require, verify-ca and verify-full");
                return Err(StoreError::Options(message));
            }
        })
    }
}

impl StoreOptions {
    /// Reads a URL: `sqlite://FILE`, `sqlite::memory:`, `postgres://USER:PASSWORD@HOST:PORT/DATABASE` or `mysql://…`.
    ///
    /// The URL of a server may say how the connection is encrypted: `?sslmode=` with `disable`, `prefer` (the default),
    /// `require`, `verify-ca` or `verify-full` (MySQL's names `DISABLED`, `PREFERRED`, `REQUIRED`, `VERIFY_CA` and
    /// `VERIFY_IDENTITY` serve too, as does `ssl-mode`), and `sslrootcert=` (or `ssl-ca=`) with a file of trusted
    /// authorities. With such authorities and no mode, the server is verified in full.
    ///
    /// # Errors
    /// [`StoreError::Options`], which says what is wrong and holds no part of the URL that could be secret.
    pub fn new(url: &str) -> Result<Self, StoreError> {
        let mut tls = TlsOptions::default();
        let target = match url.strip_prefix("sqlite:") {
            Some(":memory:") => Target::Memory,
            Some(rest) => Target::File(sqlite_file(rest)?),
            None => Target::Server(server(url, &mut tls)?),
        };
        Ok(Self {
            target,
            tls,
            max_connections: 8,
            connect_timeout: Duration::from_secs(10),
            acquire_timeout: Duration::from_secs(5),
            statement_timeout: Duration::from_secs(30),
        })
    }

    /// Trusts these authorities' certificates (PEM) in place of the public ones.
    #[must_use]
    pub fn with_ca(mut self, pem: impl Into<String>) -> Self {
        self.tls.ca = Some(pem.into());
        self
    }

    /// The kind of the database.
    #[must_use]
    pub fn backend(&self) -> Backend {
        match &self.target {
            Target::File(_) | Target::Memory => Backend::Sqlite,
            Target::Server(server) => server.backend,
        }
    }

    /// The database's URL, without the password: what messages call it.
    #[must_use]
    pub fn database(&self) -> String {
        self.target.to_string()
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => write!(f, "sqlite://{path}"),
            Self::Memory => f.write_str("sqlite::memory:"),
            Self::Server(server) => server.fmt(f),
        }
    }
}

impl fmt::Display for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { backend, host, port, user, database, .. } = self;
        let scheme = if *backend == Backend::Mysql { "mysql" } else { "postgres" };
        let host = if host.contains(':') { format!("[{host}]") } else { host.clone() };
        write!(f, "{scheme}://{user}@{host}:{port}/{database}")
    }
}

fn sqlite_file(rest: &str) -> Result<String, StoreError> {
    let path = rest.strip_prefix("//").map(|rest| rest.split('?').next().unwrap_or_default());
    match path {
        None | Some("") => Err(StoreError::Options("the database URL names no file: expected sqlite://FILE".into())),
        Some(path) => Ok(path.to_owned()),
    }
}

fn server(url: &str, tls: &mut TlsOptions) -> Result<Server, StoreError> {
    let options = |message: String| StoreError::Options(format!("the database URL {message}"));
    // The parser's own messages name no part of its input.
    let url = Url::parse(url).map_err(|error| options(format!("is malformed: {error}")))?;
    let (backend, default_port, default_user) = match url.scheme() {
        "postgres" | "postgresql" => (Backend::Postgres, 5432, "postgres"),
        "mysql" => (Backend::Mysql, 3306, "root"),
        _ => return Err(options("begins with none of sqlite:, postgres: and mysql:".into())),
    };
    let decode = |text: &str, part: &str| match percent_decode_str(text).decode_utf8() {
        Ok(text) => Ok(text.into_owned()),
        Err(_) => Err(options(format!("has a {part} that is not UTF-8"))),
    };
    let host = url.host_str().filter(|host| !host.is_empty()).ok_or_else(|| options("names no host".into()))?;
    let database = decode(url.path().trim_matches('/'), "database name")?;
    if database.is_empty() {
        return Err(options("names no database".into()));
    }
    for (name, value) in url.query_pairs() {
        match name.to_ascii_lowercase().replace(['-', '_'], "").as_str() {
            "sslmode" => tls.mode = Some(value.parse()?),
            "sslrootcert" | "sslca" => {
                let pem = std::fs::read_to_string(Path::new(&*value));
                tls.ca = Some(pem.map_err(|error| options(format!("names the file {value}, unreadable: {error}")))?);
            }
            other if other.starts_with("ssl") || other.starts_with("tls") => {
                let message = format!("has the parameter `{name}`; for TLS there are sslmode and sslrootcert");
                return Err(options(message));
            }
            _ => tracing::warn!(parameter = %name, "a parameter of the database URL is not known and takes no effect"),
        }
    }
    Ok(Server {
        backend,
        host: host.trim_matches(['[', ']']).to_owned(),
        port: url.port().unwrap_or(default_port),
        user: match url.username() {
            "" => default_user.to_owned(),
            user => decode(user, "user name")?,
        },
        password: url.password().map(|password| decode(password, "password")).transpose()?.map(SecretString::from),
        database,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(url: &str) -> String {
        StoreOptions::new(url).unwrap_err().to_string()
    }

    #[test]
    fn urls_are_read_with_everything_that_may_be_encoded_in_them() {
        let database = |url: &str| StoreOptions::new(url).unwrap().database();
        assert_eq!(database("sqlite://taskserver.db"), "sqlite://taskserver.db");
        assert_eq!(database("sqlite:///var/lib/taskserver.db?mode=rwc"), "sqlite:///var/lib/taskserver.db");
        assert_eq!(database("sqlite::memory:"), "sqlite::memory:");
        assert_eq!(database("postgresql://db/ir-engine"), "postgres://postgres@db:5432/ir-engine");
        assert_eq!(database("mysql://a%40b:p%2F%40@[::1]:3307/ir%20engine"), "mysql://a@b@[::1]:3307/ir engine");
        let Target::Server(server) = StoreOptions::new("mysql://a:p%2F%40@h/d").unwrap().target else { panic!() };
        assert_eq!(secrecy::ExposeSecret::expose_secret(&server.password.unwrap()), "p/@");
    }

    #[test]
    fn wrong_urls_are_refused_and_the_password_never_shown() {
        assert_eq!(
            refused("oracle://a:s3cret@h/d"),
            "the database URL begins with none of sqlite:, postgres: and mysql:"
        );
        assert_eq!(refused("postgres://a:s3cret@h"), "the database URL names no database");
        assert_eq!(refused("postgres://a:s3cret@h:port/d"), "the database URL is malformed: invalid port number");
        assert_eq!(refused("sqlite://"), "the database URL names no file: expected sqlite://FILE");
        assert_eq!(refused("sqlite:taskserver.db"), "the database URL names no file: expected sqlite://FILE");
        assert_eq!(
            refused("postgres://a:s3cret@h/d?sslmode=maybe"),
            "the sslmode `maybe` is none of disable, prefer, require, verify-ca and verify-full"
        );
        assert_eq!(
            refused("mysql://a:s3cret@h/d?ssl=true"),
            "the database URL has the parameter `ssl`; for TLS there are sslmode and sslrootcert"
        );
        assert!(
            refused("postgres://a:s3cret@h/d?sslrootcert=/nowhere")
                .starts_with("the database URL names the file /nowhere, unreadable: ")
        );
        let options = StoreOptions::new("mysql://a:s3cret@h/d").unwrap();
        assert!(!format!("{options:?}").contains("s3cret"));
    }
}
