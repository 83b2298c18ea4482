//! What is encrypted and verified, against a server of PostgreSQL with a certificate for `localhost`.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails; clippy.toml excepts only the test functions")]

use std::net::TcpListener;
use std::time::Duration;

use taskserver_store::{Store, StoreOptions};
use taskserver_tests::{Certificates, TestDatabase, servers};

/// Lets the server write a file into its own folder: a key has to belong to it, and to be for its eyes only.
fn write_file(database: &TestDatabase, name: &str, text: &str) {
    let directory = database.query("SHOW data_directory").concat().concat();
    let lines: Vec<String> = text.lines().map(|line| format!("('{line}')")).collect();
    database
        .execute(&format!("COPY (VALUES {}) TO PROGRAM 'umask 077; cat >\"{directory}/{name}\"'", lines.join(", ")));
}

/// Whether the connection is encrypted, or why there is none.
async fn encrypted(options: StoreOptions) -> Result<bool, String> {
    let store = Store::new(options).map_err(|error| error.to_string())?;
    let mut sql = store.sql();
    sql.push("SELECT 'encrypted' AS name, CAST(ssl AS int) AS value FROM pg_stat_ssl WHERE pid = pg_backend_pid()");
    let counts = store.named_counts(&sql).await.map_err(|error| error.to_string())?;
    Ok(counts[0].1 == 1)
}

#[tokio::test]
async fn the_mode_says_what_is_encrypted_and_verified() {
    let Some(server) = servers::postgres::start() else { return };
    let port = server.url().rsplit(':').next().unwrap().split('/').next().unwrap().to_owned();
    let database = TestDatabase::on(server.url());
    let url = |host: &str, mode: &str| format!("postgres://postgres@{host}:{port}/postgres{mode}");
    let at = |host: &str, mode: &str| StoreOptions::new(&url(host, mode)).unwrap();

    assert_eq!(encrypted(at("127.0.0.1", "")).await, Ok(false), "a server without TLS will do");
    assert_eq!(
        encrypted(at("127.0.0.1", "?sslmode=require")).await,
        Err(format!(
            "cannot reach the database postgres://postgres@127.0.0.1:{port}/postgres: error performing TLS handshake: \
             server does not support TLS"
        ))
    );

    let Certificates { authority, certificate, key } = Certificates::of(&["localhost"]);
    write_file(&database, "server.crt", &certificate);
    write_file(&database, "server.key", &key);
    for statement in ["ALTER SYSTEM SET ssl = on", "SELECT pg_reload_conf()"] {
        database.execute(statement);
    }
    let reloaded = async {
        while encrypted(at("127.0.0.1", "?sslmode=require")).await.is_err() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(10), reloaded).await.expect("the server has read its settings");

    let unknown = format!(
        "cannot reach the database postgres://postgres@localhost:{port}/postgres: error performing TLS handshake: \
         invalid peer certificate: UnknownIssuer"
    );
    let wrong_host = format!(
        "cannot reach the database postgres://postgres@127.0.0.1:{port}/postgres: error performing TLS handshake: \
         invalid peer certificate: certificate not valid for name \"127.0.0.1\"; certificate is only valid for \
         DnsName(\"localhost\")"
    );
    let trusting = |host: &str, mode: &str| at(host, mode).with_ca(authority.clone());
    for (options, expected) in [
        (at("127.0.0.1", ""), Ok(true)),
        (at("127.0.0.1", "?sslmode=disable"), Ok(false)),
        (at("127.0.0.1", "?sslmode=prefer"), Ok(true)),
        (at("127.0.0.1", "?ssl-mode=REQUIRED"), Ok(true)),
        (at("localhost", "?sslmode=verify-ca"), Err(unknown.clone())),
        (at("localhost", "?ssl-mode=VERIFY_IDENTITY"), Err(unknown)),
        (trusting("localhost", "?sslmode=verify-full"), Ok(true)),
        (trusting("localhost", ""), Ok(true)),
        (trusting("127.0.0.1", "?sslmode=verify-ca"), Ok(true)),
        (trusting("127.0.0.1", "?sslmode=require"), Ok(true)),
        (trusting("127.0.0.1", "?sslmode=verify-full"), Err(wrong_host.clone())),
        (trusting("127.0.0.1", ""), Err(wrong_host)),
    ] {
        let described = format!("{options:?}");
        assert_eq!(encrypted(options).await, expected, "{described}");
    }
}

#[tokio::test]
async fn wrong_tls_options_are_found_before_anything_connects() {
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let options =
        |scheme: &str, query: &str| StoreOptions::new(&format!("{scheme}://server@127.0.0.1:{port}/db{query}"));
    let refused = |options: StoreOptions| Store::new(options).err().map(|error| error.to_string());
    let no_certificate =
        Some("TLS to the database: there is no certificate (PEM) among those of the authorities to trust".to_owned());
    for scheme in ["postgres", "mysql"] {
        assert_eq!(refused(options(scheme, "").unwrap().with_ca("not a certificate")), no_certificate);
    }
    assert_eq!(
        refused(options("mysql", "?sslmode=verify-ca").unwrap()).as_deref(),
        Some("MySQL's driver cannot verify a certificate's authority alone: use sslmode=verify-full")
    );
}
