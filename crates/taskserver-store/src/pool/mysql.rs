//! Connections to MySQL and MariaDB.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use deadpool::managed::{Manager, Metrics, RecycleResult};
use diesel_async::{AsyncMysqlConnection, SimpleAsyncConnection};
use mysql_async::{Conn, DriverError, Error, IoError, Opts, OptsBuilder};
use secrecy::ExposeSecret;

use super::{IDLE_TRANSACTION, chain, tls};
use crate::StoreError;
use crate::options::{Server, StoreOptions, TlsMode};

/// Opens connections to MySQL and MariaDB.
pub(crate) struct Mysql {
    database: String,
    options: Opts,
    /// Whether an unencrypted connection will do where TLS fails.
    plain_will_do: bool,
    plain_was_reported: AtomicBool,
    setup: String,
}

impl Mysql {
    pub(super) fn new(server: &Server, options: &StoreOptions) -> Result<Self, StoreError> {
        let mode = tls::mode(&options.tls);
        let password = server.password.as_ref().map(|password| password.expose_secret().to_owned());
        let driver = OptsBuilder::default()
            .ip_or_hostname(server.host.clone())
            .tcp_port(server.port)
            .user(Some(server.user.clone()))
            .pass(password)
            .db_name(Some(server.database.clone()))
            .prefer_socket(false)
            .stmt_cache_size(0)
            // An update counts the rows that it found, changed or not, as with the other databases.
            .client_found_rows(true)
            .ssl_opts(tls::mysql_options(mode, options.tls.ca.as_deref())?);
        Ok(Self {
            database: server.to_string(),
            options: driver.into(),
            plain_will_do: mode == TlsMode::Prefer,
            plain_was_reported: AtomicBool::new(false),
            setup: setup(options.statement_timeout),
        })
    }

    async fn connect(&self) -> Result<Conn, StoreError> {
        match Conn::new(self.options.clone()).await {
            Err(error) if self.plain_will_do && is_about_tls(&error) => {
                if !self.plain_was_reported.swap(true, Ordering::Relaxed) {
                    let reason = chain(&error);
                    tracing::warn!(database = %self.database, reason, "the connection to the database is not encrypted");
                }
                let plain = OptsBuilder::from_opts(self.options.clone()).ssl_opts(None);
                Conn::new(plain).await.map_err(|error| self.refusal(&error))
            }
            result => result.map_err(|error| self.refusal(&error)),
        }
    }

    fn refusal(&self, error: &Error) -> StoreError {
        let database = self.database.clone();
        // The outer errors say nothing but that theirs is the inner one.
        let answer = match error {
            Error::Server(answer) => answer,
            Error::Driver(error) => return StoreError::Unreachable { database, reason: chain(error) },
            Error::Io(IoError::Io(error)) => return StoreError::Unreachable { database, reason: chain(error) },
            Error::Io(IoError::Tls(error)) => {
                return StoreError::Unreachable { database, reason: format!("TLS: {}", chain(error)) };
            }
            error => return StoreError::Unreachable { database, reason: chain(error) },
        };
        let advice = match answer.code {
            1045 => "; check the user and the password in the database URL",
            1044 | 1049 => "; create it and grant access to it, or correct its name in the database URL",
            _ => "",
        };
        StoreError::Refused { database, reason: format!("{}{advice}", answer.message) }
    }
}

fn is_about_tls(error: &Error) -> bool {
    matches!(error, Error::Driver(DriverError::NoClientSslFlagFromServer) | Error::Io(IoError::Tls(_)))
}

/// The settings of a session: the same whatever the server's own are.
fn setup(statement_timeout: Duration) -> String {
    let limit = limit_statements(statement_timeout);
    let (lock_wait, idle) = (statement_timeout.as_secs().max(1), IDLE_TRANSACTION.as_secs());
    // MySQL itself has no limit for transactions.
    format!(
        "SET SESSION sql_mode = 'STRICT_TRANS_TABLES,STRICT_ALL_TABLES,NO_ENGINE_SUBSTITUTION', \
         SESSION innodb_lock_wait_timeout = {lock_wait} /*M!100300 , SESSION idle_transaction_timeout = {idle} */; {limit}"
    )
}

/// Limits the time of the statements that follow. The two servers have different variables for it, and tell by these
/// comments which part is theirs.
pub(crate) fn limit_statements(limit: Duration) -> String {
    let (seconds, milliseconds) = (limit.as_secs_f64(), limit.as_millis());
    format!(
        "SET @taskserver = 0 /*M!100100 , SESSION max_statement_time = {seconds:.3} */ \
         /*!50708 , SESSION max_execution_time = {milliseconds} */"
    )
}

impl Manager for Mysql {
    type Type = AsyncMysqlConnection;
    type Error = StoreError;

    async fn create(&self) -> Result<AsyncMysqlConnection, StoreError> {
        let connection = self.connect().await?;
        let unreachable = |reason| StoreError::Unreachable { database: self.database.clone(), reason };
        // This sets the time zone to UTC and the character set to utf8mb4.
        let adopted = AsyncMysqlConnection::try_from(connection).await;
        let mut connection = adopted.map_err(|error| unreachable(error.to_string()))?;
        connection.batch_execute(&self.setup).await?;
        Ok(connection)
    }

    async fn recycle(&self, connection: &mut AsyncMysqlConnection, _: &Metrics) -> RecycleResult<StoreError> {
        connection.batch_execute("SELECT 1").await.map_err(StoreError::from)?;
        Ok(())
    }
}
