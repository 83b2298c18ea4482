//! Connections to PostgreSQL.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use deadpool::managed::{Manager, Metrics, RecycleResult};
use diesel_async::{AsyncPgConnection, SimpleAsyncConnection};
use rustls::ClientConfig;
use secrecy::ExposeSecret;
use tokio_postgres::config::SslMode;
use tokio_postgres::error::SqlState;
use tokio_postgres::{Config, Error, NoTls};
use tokio_postgres_rustls::MakeRustlsConnect;

use super::{IDLE_TRANSACTION, chain, tls};
use crate::StoreError;
use crate::options::{Server, StoreOptions, TlsMode};

/// Opens connections to PostgreSQL.
pub(crate) struct Postgres {
    database: String,
    config: Config,
    tls: Option<ClientConfig>,
    /// Whether an unencrypted connection will do where TLS fails.
    plain_will_do: bool,
    plain_was_reported: AtomicBool,
    statement_timeout: Duration,
}

impl Postgres {
    pub(super) fn new(server: &Server, options: &StoreOptions) -> Result<Self, StoreError> {
        let mode = tls::mode(&options.tls);
        let mut config = Config::new();
        config
            .host(&server.host)
            .port(server.port)
            .user(&server.user)
            .dbname(&server.database)
            .application_name("taskserver")
            .connect_timeout(options.connect_timeout)
            .ssl_mode(if mode == TlsMode::Disable { SslMode::Disable } else { SslMode::Require });
        if let Some(password) = &server.password {
            config.password(password.expose_secret());
        }
        Ok(Self {
            database: server.to_string(),
            config,
            tls: match mode {
                TlsMode::Disable => None,
                mode => Some(tls::client_config(mode, options.tls.ca.as_deref())?),
            },
            plain_will_do: mode == TlsMode::Prefer,
            plain_was_reported: AtomicBool::new(false),
            statement_timeout: options.statement_timeout,
        })
    }

    async fn connect(&self) -> Result<AsyncPgConnection, StoreError> {
        let Some(tls) = &self.tls else { return self.connect_plain(&self.config).await };
        match self.config.connect(MakeRustlsConnect::new(tls.clone())).await {
            Ok((client, connection)) => {
                self.adopt(AsyncPgConnection::try_from_client_and_connection(client, connection).await)
            }
            Err(error) if self.plain_will_do && is_about_tls(&error) => {
                if !self.plain_was_reported.swap(true, Ordering::Relaxed) {
                    let reason = chain(&error);
                    tracing::warn!(database = %self.database, reason, "the connection to the database is not encrypted");
                }
                let mut config = self.config.clone();
                self.connect_plain(config.ssl_mode(SslMode::Disable)).await
            }
            Err(error) => Err(self.refusal(&error)),
        }
    }

    async fn connect_plain(&self, config: &Config) -> Result<AsyncPgConnection, StoreError> {
        let (client, connection) = config.connect(NoTls).await.map_err(|error| self.refusal(&error))?;
        self.adopt(AsyncPgConnection::try_from_client_and_connection(client, connection).await)
    }

    fn adopt(&self, connection: diesel::ConnectionResult<AsyncPgConnection>) -> Result<AsyncPgConnection, StoreError> {
        let unreachable = |reason| StoreError::Unreachable { database: self.database.clone(), reason };
        connection.map_err(|error| unreachable(error.to_string()))
    }

    fn refusal(&self, error: &Error) -> StoreError {
        let database = self.database.clone();
        let Some(answer) = error.as_db_error() else {
            return StoreError::Unreachable { database, reason: chain(error) };
        };
        let advice = match *answer.code() {
            SqlState::INVALID_PASSWORD | SqlState::INVALID_AUTHORIZATION_SPECIFICATION => {
                "; check the user and the password in the database URL"
            }
            SqlState::INVALID_CATALOG_NAME => "; create it, or correct its name in the database URL",
            _ => "",
        };
        StoreError::Refused { database, reason: format!("{}{advice}", answer.message()) }
    }
}

/// The driver tells this kind of error by its text alone.
fn is_about_tls(error: &Error) -> bool {
    error.to_string().starts_with("error performing TLS handshake")
}

impl Manager for Postgres {
    type Type = AsyncPgConnection;
    type Error = StoreError;

    async fn create(&self) -> Result<AsyncPgConnection, StoreError> {
        let mut connection = self.connect().await?;
        let limit = self.statement_timeout.as_millis();
        // ISO is how times are read.
        let setup = format!(
            "SET statement_timeout = {limit}; SET idle_in_transaction_session_timeout = {idle}; SET DateStyle = 'ISO'",
            idle = IDLE_TRANSACTION.as_millis(),
        );
        connection.batch_execute(&setup).await?;
        Ok(connection)
    }

    async fn recycle(&self, connection: &mut AsyncPgConnection, _: &Metrics) -> RecycleResult<StoreError> {
        connection.batch_execute("SELECT 1").await.map_err(StoreError::from)?;
        Ok(())
    }
}
