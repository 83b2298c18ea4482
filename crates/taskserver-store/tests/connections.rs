//! Connections that fail, break, hang or are cut off in the middle.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails; clippy.toml excepts only the test functions")]

use std::net::TcpListener;
use std::time::{Duration, Instant};

use serde_json::json;
use taskserver_core::{App, Query, ServiceHandle};
use taskserver_store::{PoolStatus, Reading, Store, StoreError, StoreOptions, platform_services};
use taskserver_tests::{Backend, TestDatabase, for_each_backend, servers};

fn options(url: &str) -> StoreOptions {
    StoreOptions::new(url).unwrap()
}

fn store(url: &str) -> Store {
    Store::new(options(url)).unwrap()
}

fn analytics(store: &Store) -> ServiceHandle {
    let (path, service) = platform_services(store).into_iter().find(|(path, _)| *path == "analytics").unwrap();
    App::builder().service(path, service).build().unwrap().service(path)
}

async fn refusal(url: &str) -> String {
    store(url).ping().await.unwrap_err().to_string()
}

for_each_backend! {
    async fn a_store_connects_when_it_is_first_used(database: TestDatabase) {
        let store = store(database.url());
        let max = if database.backend() == Backend::Sqlite { 4 } else { 8 };
        assert_eq!(store.pool_status(), PoolStatus { size: 0, max, available: 0, waiting: 0 });
        assert!(store.ping().await.unwrap() < Duration::from_secs(1));
        assert_eq!(store.pool_status(), PoolStatus { size: 1, max, available: 1, waiting: 0 });
    }

    async fn a_caller_who_finds_no_connection_free_is_told_so(database: TestDatabase) {
        let mut options = options(database.url());
        options.max_connections = 1;
        options.acquire_timeout = Duration::from_millis(50);
        let store = Store::new(options).unwrap();
        let busy = tokio::spawn(sleep_in_database(store.clone(), database.backend()));
        while store.pool_status().available > 0 || store.pool_status().size == 0 {
            tokio::task::yield_now().await;
        }
        assert_eq!(
            store.ping().await.unwrap_err().to_string(),
            "none of the 1 connections to the database became free within 50ms"
        );
        busy.await.unwrap();
        store.ping().await.unwrap();
    }

    async fn a_caller_who_is_cancelled_leaves_nothing_behind(database: TestDatabase) {
        let mut options = options(database.url());
        options.max_connections = 1;
        let store = Store::new(options).unwrap();
        let sleep = sleep_in_database(store.clone(), database.backend());
        assert!(tokio::time::timeout(Duration::from_millis(100), sleep).await.is_err());
        // The one connection was in a transaction that only reads.
        store.create_platform_tables().await.unwrap();
        let data = json!({"type": "x", "count": 1});
        analytics(&store).create(data).await.unwrap();
    }

    async fn a_closed_store_says_so(database: TestDatabase) {
        let store = store(database.url());
        store.ping().await.unwrap();
        store.close();
        assert_eq!(store.ping().await, Err(StoreError::Lost("the store is closed".into())));
    }
}

async fn sleep_in_database(store: Store, backend: Backend) {
    let sql = match backend {
        Backend::Sqlite => {
            "WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n WHERE x < 2000000) SELECT SUM(x) FROM n"
        }
        Backend::Postgres => "SELECT COUNT(*) FROM pg_sleep(0.5)",
        Backend::MariaDb => "SELECT SLEEP(0.5)",
    };
    let reading = Reading::number(sql, Duration::from_secs(10));
    let results = store.take_readings(&[reading]).await.unwrap();
    assert!(results[0].is_ok(), "{results:?}");
}

#[tokio::test(flavor = "current_thread")]
async fn a_caller_who_is_cancelled_does_not_block_a_runtime_of_one_thread() {
    let database = TestDatabase::sqlite();
    let store = store(database.url());
    store.ping().await.unwrap();
    let start = Instant::now();
    let sleep = sleep_in_database(store.clone(), Backend::Sqlite);
    assert!(tokio::time::timeout(Duration::from_millis(50), sleep).await.is_err());
    assert!(start.elapsed() < Duration::from_millis(200), "{:?}", start.elapsed());
    store.ping().await.unwrap();
}

#[tokio::test]
async fn a_server_that_is_not_there_is_named_without_the_password() {
    // A port at which nobody listens.
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    for scheme in ["postgres", "mysql"] {
        let message = refusal(&format!("{scheme}://server:s3cret@127.0.0.1:{port}/ir-engine")).await;
        let expected = format!("cannot reach the database {scheme}://server@127.0.0.1:{port}/ir-engine: ");
        assert!(message.starts_with(&expected), "{message}");
        assert!(message.ends_with("Connection refused (os error 111)"), "{message}");
    }
}

#[tokio::test]
async fn a_server_that_does_not_answer_is_given_up() {
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = silent.local_addr().unwrap().port();
    for scheme in ["postgres", "mysql"] {
        let mut options = options(&format!("{scheme}://server@127.0.0.1:{port}/ir-engine"));
        options.connect_timeout = Duration::from_millis(200);
        let error = Store::new(options).unwrap().ping().await.unwrap_err();
        assert_eq!(
            error.to_string(),
            format!("cannot reach the database {scheme}://server@127.0.0.1:{port}/ir-engine: no answer within 0.2 s")
        );
        assert!(error.is_outage());
    }
}

#[tokio::test]
async fn a_file_that_cannot_be_opened_is_named() {
    assert_eq!(
        refusal("sqlite:///nowhere/taskserver.db").await,
        "cannot reach the database sqlite:///nowhere/taskserver.db: unable to open database file; check that its \
         folder exists and can be written to"
    );
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("notes.txt");
    std::fs::write(
        &file,
        "not a database, but a text that is as long as the header of one: a hundred bytes or more, and more",
    )
    .unwrap();
    let url = format!("sqlite://{}", file.display());
    assert_eq!(refusal(&url).await, format!("the database {url} refuses the connection: file is not a database"));
}

#[tokio::test]
async fn a_wrong_password_user_or_database_is_named_with_advice() {
    let Some(postgres) = servers::postgres::start() else { return };
    let admin = TestDatabase::on(postgres.url());
    let at = postgres.url().strip_prefix("postgres://postgres@").unwrap().trim_end_matches("/postgres").to_owned();
    assert_eq!(
        refusal(&format!("postgres://postgres@{at}/nowhere")).await,
        format!(
            "the database postgres://postgres@{at}/nowhere refuses the connection: database \"nowhere\" does not exist; \
             create it, or correct its name in the database URL"
        )
    );
    assert_eq!(
        refusal(&format!("postgres://nobody:s3cret@{at}/postgres")).await,
        format!(
            "the database postgres://nobody@{at}/postgres refuses the connection: role \"nobody\" does not exist; check \
             the user and the password in the database URL"
        )
    );
    drop(admin);

    let Some(mariadb) = servers::mariadb::start() else { return };
    let admin = TestDatabase::on(mariadb.url());
    admin.execute("CREATE USER server@'%' IDENTIFIED BY 'right'");
    let at = mariadb.url().strip_prefix("mysql://root@").unwrap().trim_end_matches('/').to_owned();
    assert_eq!(
        refusal(&format!("mysql://server:s3cret@{at}/nowhere")).await,
        format!(
            "the database mysql://server@{at}/nowhere refuses the connection: Access denied for user \
             'server'@'127.0.0.1' (using password: YES); check the user and the password in the database URL"
        )
    );
    assert_eq!(
        refusal(&format!("mysql://root@{at}/nowhere")).await,
        format!(
            "the database mysql://root@{at}/nowhere refuses the connection: Unknown database 'nowhere'; create it and \
             grant access to it, or correct its name in the database URL"
        )
    );
}

/// Does the same with a server of PostgreSQL and one of MariaDB.
async fn with_servers(test: impl AsyncFn(servers::Server, TestDatabase)) {
    for server in [servers::postgres::start(), servers::mariadb::start()].into_iter().flatten() {
        let database = TestDatabase::on(server.url());
        test(server, database).await;
    }
}

#[tokio::test]
async fn a_restart_of_the_server_goes_unnoticed() {
    with_servers(async |mut server, database| {
        let store = store(database.url());
        store.create_platform_tables().await.unwrap();
        let analytics = analytics(&store);
        analytics.find(Query::new()).await.unwrap();
        let data = json!({"id": "before"});
        analytics.create(data).await.unwrap();

        server.kill();
        let error = analytics.find(Query::new()).await.unwrap_err();
        assert_eq!(error.message(), "The database is not available");

        server.start_again();
        let page = analytics.find(Query::new()).await.unwrap();
        assert_eq!(page.data[0]["id"], "before");
        let data = json!({"id": "after"});
        analytics.create(data).await.unwrap();
    })
    .await;
}

#[tokio::test]
async fn a_server_that_is_killed_while_it_reads_is_an_outage() {
    with_servers(async |mut server, database| {
        let store = store(database.url());
        let backend = database.backend();
        store.ping().await.unwrap();
        let sql = if backend == Backend::Postgres { "SELECT COUNT(*) FROM pg_sleep(30)" } else { "SELECT SLEEP(30)" };
        let reading = Reading::number(sql, Duration::from_secs(60));
        let taking = tokio::spawn({
            let store = store.clone();
            async move { store.take_readings(&[reading]).await }
        });
        while store.pool_status().available > 0 {
            tokio::task::yield_now().await;
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
        server.kill();
        let error = taking.await.unwrap().unwrap_err();
        assert!(error.is_outage(), "{error:?}");
    })
    .await;
}

#[tokio::test]
async fn a_server_that_freezes_is_given_up_after_the_statements_time() {
    with_servers(async |server, database| {
        let mut options = options(database.url());
        options.statement_timeout = Duration::from_millis(200);
        options.connect_timeout = Duration::from_millis(200);
        let store = Store::new(options).unwrap();
        store.create_platform_tables().await.unwrap();
        let analytics = analytics(&store);
        analytics.find(Query::new()).await.unwrap();
        server.pause();
        let start = Instant::now();
        let error = analytics.find(Query::new()).await.unwrap_err();
        assert!(start.elapsed() < Duration::from_secs(3), "{:?}", start.elapsed());
        server.resume();
        assert_eq!(error.message(), "The database is not available");
        analytics.find(Query::new()).await.unwrap();
    })
    .await;
}

#[tokio::test]
async fn a_database_in_memory_lasts_as_long_as_its_store_and_belongs_to_it_alone() {
    let store = store("sqlite::memory:");
    store.create_platform_tables().await.unwrap();
    let service = analytics(&store);
    let data = |number: usize| json!({"id": number.to_string()});
    let created = futures_util::future::join_all((0..20).map(|number| service.create(data(number)))).await;
    assert!(created.iter().all(Result::is_ok), "{created:?}");
    assert!(store.pool_status().size > 1);
    assert_eq!(service.find(Query::new()).await.unwrap().total, 20);
    let other = Store::new(options("sqlite::memory:")).unwrap();
    assert_eq!(other.columns("analytics").await, Ok(None));
}
