//! The fixtures themselves: a test can be trusted no further than these.

use std::net::TcpStream;
use std::time::Duration;

use taskserver_tests::platform::figures;
use taskserver_tests::servers::{self, Server};
use taskserver_tests::{Backend, TestDatabase, for_each_backend};

for_each_backend! {
    async fn every_test_has_a_database_of_its_own(database: TestDatabase) {
        let other = database.backend().database().expect("the server that the first one is on");
        database.execute("CREATE TABLE t (n integer); INSERT INTO t VALUES (1);");
        other.execute("CREATE TABLE t (n integer)");
        assert_eq!(database.query("SELECT n, NULL, 'a' || 'b' FROM t"), [["1", "NULL", "ab"]]);
        assert_eq!(other.query("SELECT COUNT(*) FROM t"), [["0"]]);
    }

    async fn a_failing_statement_fails_the_test(database: TestDatabase) {
        let run = || database.execute(r#"SELECT 1 FROM "no such table""#);
        let panic = std::panic::catch_unwind(std::panic::AssertUnwindSafe(run)).expect_err("a panic");
        let message = panic.downcast_ref::<String>().expect("a formatted message");
        assert!(message.starts_with(&format!("{:?} said: ", database.backend())), "{message}");
        assert!(message.contains("no such table"), "{message}");
    }

    async fn the_best_statement_gives_the_figures_of_the_edges(database: TestDatabase) {
        database.create_platform_tables();
        database.insert_platform_edges();
        let expected = [
            figures::ACTIVE_CHANNELS,
            figures::INSTANCE_USERS,
            figures::CHANNEL_USERS,
            figures::ACTIVE_INSTANCES,
            figures::ACTIVE_LOCATIONS,
            figures::ACTIVE_SCENES,
        ];
        assert_eq!(database.query(best_statement(database.backend())), [expected.map(|figure| figure.to_string())]);
    }

    async fn the_daily_figures_of_the_edges_hold_for_days_and_for_spans_of_24_hours(database: TestDatabase) {
        database.create_platform_tables();
        database.insert_platform_edges();
        for (day, (users, new_users)) in figures::DAILY_USERS.iter().zip(figures::DAILY_NEW_USERS).enumerate() {
            let date = format!("2026-03-{:02}", 10 - day);
            let before = format!("2026-03-{:02}", 9 - day);
            for span in [
                format!(r#""createdAt" >= '{date} 00:00:00' AND "createdAt" <= '{date} 23:59:59'"#),
                format!(r#""createdAt" > '{before} 23:59:59' AND "createdAt" <= '{date} 23:59:59'"#),
            ] {
                let counts = database.query(&format!(
                    r#"SELECT (SELECT COUNT(DISTINCT "userId") FROM "instance-attendance" WHERE {span}),
                              (SELECT COUNT(*) FROM "user" WHERE {span})"#
                ));
                assert_eq!(counts, [[users.to_string(), new_users.to_string()]], "{span}");
            }
        }
    }
}

fn best_statement(backend: Backend) -> &'static str {
    match backend {
        Backend::Sqlite => include_str!("../data/bench/analytics-best-sqlite.sql"),
        Backend::Postgres => include_str!("../data/bench/analytics-best-postgres.sql"),
        Backend::MariaDb => include_str!("../data/bench/analytics-best-mysql.sql"),
    }
}

#[test]
fn a_stopped_or_killed_postgres_refuses_connections_and_comes_back_with_its_data() {
    servers::postgres::start().into_iter().for_each(survives_stop_and_kill);
}

#[test]
fn a_stopped_or_killed_mariadb_refuses_connections_and_comes_back_with_its_data() {
    servers::mariadb::start().into_iter().for_each(survives_stop_and_kill);
}

fn survives_stop_and_kill(mut server: Server) {
    let database = TestDatabase::on(server.url());
    database.execute("CREATE TABLE t (n integer); INSERT INTO t VALUES (1);");
    for end in [Server::stop, Server::kill] {
        end(&mut server);
        connect(server.url()).expect_err("nobody listens");
        server.start_again();
        assert_eq!(database.query("SELECT n FROM t"), [["1"]]);
    }
}

#[test]
fn a_paused_server_accepts_connections_but_does_not_answer() {
    let Some(server) = servers::redis::start_with_password("secret1") else { return };
    server.pause();
    let mut connection = connect(server.url()).expect("the kernel accepts");
    connection.set_read_timeout(Some(Duration::from_millis(200))).expect("a socket");
    ask(&mut connection, "PING").expect_err("no answer in time");
    server.resume();
    connection.set_read_timeout(None).expect("a socket");
    assert_eq!(ask(&mut connection, "").expect("an answer"), "-NOAUTH Authentication required.\r\n");
}

#[test]
fn a_dropped_server_is_gone() {
    let Some(server) = servers::redis::start() else { return };
    let url = server.url().to_owned();
    connect(&url).expect("the server listens");
    drop(server);
    connect(&url).expect_err("nobody listens");
}

fn connect(url: &str) -> std::io::Result<TcpStream> {
    let address = url.rsplit_once('@').map_or_else(|| url.trim_start_matches("redis://"), |(_, address)| address);
    TcpStream::connect(address.split('/').next().expect("a first part"))
}

/// What Redis answers to a command.
fn ask(connection: &mut TcpStream, command: &str) -> std::io::Result<String> {
    use std::io::{Read, Write};
    connection.write_all(format!("{command}\r\n").as_bytes())?;
    let mut answer = [0; 100];
    let length = connection.read(&mut answer)?;
    Ok(String::from_utf8_lossy(&answer[..length]).into_owned())
}
