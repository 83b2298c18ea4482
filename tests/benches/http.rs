//! How many requests for `GET /analytics?$limit=100` are answered in a second: `just bench-http`.
//!
//! Two servers answer them from one MariaDB, each as a process of its own, with as many connections to it:
//!
//! - *ours*: the release build of the server, with authentication, access, hooks and all;
//! - *bare*: hyper and a pool of connections, with the same statements, whose rows it writes as JSON and nothing else.
//!
//! They are asked in turn over a few connections, so that a busy machine is busy for both. The benchmark fails where ours reaches
//! less than half of the other's requests.
#![allow(clippy::print_stdout, reason = "a benchmark prints its results")]

use std::io::{BufRead as _, BufReader};
use std::net::{Ipv4Addr, TcpListener as StdListener};
use std::path::PathBuf;
use std::process::{Child, Command, ExitCode, Stdio};
use std::time::{Duration, Instant};

use http_body_util::{BodyExt as _, Empty};
use hyper::Request;
use hyper::body::Bytes;
use hyper::client::conn::http1::{self, SendRequest};
use hyper_util::rt::TokioIo;
use serde_json::Value;
use taskserver_tests::TestDatabase;
use taskserver_tests::servers::mariadb;
use tokio::net::TcpStream;

const ROUNDS: usize = 7;
const ROUND: Duration = Duration::from_secs(3);
/// How many connections a server is asked over.
const CLIENTS: usize = 8;
/// How many connections each server may have to the database.
const POOL: usize = 10;
/// At least this part of the bare server's requests.
const BOUND: f64 = 0.5;

const ROWS: &str = r#"
    INSERT INTO "analytics" ("id", "count", "type", "createdAt", "updatedAt")
    WITH RECURSIVE "numbers" ("n") AS (SELECT 1 UNION ALL SELECT "n" + 1 FROM "numbers" WHERE "n" < 1000)
    SELECT UUID(), "n", 'instanceUsers', '2026-03-10 08:00:00', '2026-03-10 08:00:00' FROM "numbers";
    INSERT INTO "user" ("id", "name", "createdAt", "updatedAt") VALUES ('u', 'Ada', NOW(), NOW());
    INSERT INTO "user-api-key" ("id", "token", "userId", "createdAt", "updatedAt") VALUES ('k', 'a-key', 'u', NOW(), NOW());
    INSERT INTO "scope" ("id", "userId", "type", "createdAt", "updatedAt") VALUES ('s', 'u', 'admin:admin', NOW(), NOW())"#;

#[tokio::main]
async fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1);
    if let (Some("--bare"), Some(url)) = (arguments.next().as_deref(), arguments.next()) {
        bare::serve(&url).await;
    }
    let Some(server) = mariadb::start() else { return ExitCode::FAILURE };
    let database = TestDatabase::on(server.url());
    database.create_platform_tables();
    database.execute(ROWS);
    let (ours, bare) = (Server::ours(database.url()).await, Server::bare(database.url()));
    assert_eq!(ours.ids().await, bare.ids().await);

    let (mut of_ours, mut of_bare) = (Vec::new(), Vec::new());
    for round in 0..=ROUNDS {
        let rates = (ours.rate().await, bare.rate().await);
        // The first round only warms up.
        if round > 0 {
            of_ours.push(rates.0);
            of_bare.push(rates.1);
        }
    }
    let (ours, bare) = (report("ours", &mut of_ours), report("bare", &mut of_bare));
    let ratio = ours / bare;
    let verdict = if ratio >= BOUND { "" } else { "  TOO SLOW" };
    println!("{:<12} {ratio:.3}, at least {BOUND:.3}{verdict}", "ours / bare");
    if ratio >= BOUND { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// A process that answers, until this is dropped.
struct Server {
    process: Child,
    port: u16,
}

impl Server {
    async fn ours(database: &str) -> Self {
        let port = StdListener::bind((Ipv4Addr::LOCALHOST, 0)).and_then(|it| it.local_addr()).expect("a port").port();
        let folder = std::env::temp_dir();
        let process = Command::new(program())
            .args(["--set", "http.host=127.0.0.1", "--set", &format!("http.port={port}")])
            .args(["--set", &format!("database.url={database}"), "--set", &format!("database.max_connections={POOL}")])
            .args(["--set", "tasks.analytics.enabled=false"])
            .current_dir(folder)
            .env_clear()
            .stderr(Stdio::null())
            .spawn()
            .expect("the release build: `cargo build --release`");
        let server = Self { process, port };
        let start = Instant::now();
        while !server.is_ready().await {
            assert!(start.elapsed() < Duration::from_secs(60), "the server does not become ready");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        server
    }

    fn bare(database: &str) -> Self {
        let mut process = Command::new(std::env::current_exe().expect("the path of this program"))
            .args(["--bare", database])
            .stdout(Stdio::piped())
            .spawn()
            .expect("this program");
        let mut line = String::new();
        BufReader::new(process.stdout.take().expect("a pipe")).read_line(&mut line).expect("its port");
        Self { process, port: line.trim().parse().expect("a port") }
    }

    async fn connect(&self) -> std::io::Result<SendRequest<Empty<Bytes>>> {
        let stream = TcpStream::connect((Ipv4Addr::LOCALHOST, self.port)).await?;
        stream.set_nodelay(true)?;
        let (sender, connection) = http1::handshake(TokioIo::new(stream)).await.map_err(std::io::Error::other)?;
        tokio::spawn(connection);
        Ok(sender)
    }

    async fn is_ready(&self) -> bool {
        let Ok(mut sender) = self.connect().await else { return false };
        let request = Request::get("/readyz").header("host", "x").body(Empty::new()).expect("a request");
        sender.send_request(request).await.is_ok_and(|response| response.status().is_success())
    }

    /// The ids of the rows that are answered, and their total.
    async fn ids(&self) -> (Value, Vec<Value>) {
        let body = ask(&mut self.connect().await.expect("a connection")).await;
        let page: Value = serde_json::from_slice(&body).expect("JSON");
        let rows = page["data"].as_array().expect("rows");
        assert_eq!(rows.len(), 100);
        (page["total"].clone(), rows.iter().map(|row| row["id"].clone()).collect())
    }

    /// How many requests are answered in a second.
    async fn rate(&self) -> f64 {
        let start = Instant::now();
        let mut clients = Vec::new();
        for _ in 0..CLIENTS {
            let mut sender = self.connect().await.expect("a connection");
            clients.push(tokio::spawn(async move {
                let mut answered = 0_u32;
                while start.elapsed() < ROUND {
                    ask(&mut sender).await;
                    answered += 1;
                }
                answered
            }));
        }
        let mut answered = 0;
        for client in clients {
            answered += client.await.expect("no panic");
        }
        f64::from(answered) / start.elapsed().as_secs_f64()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

async fn ask(sender: &mut SendRequest<Empty<Bytes>>) -> Bytes {
    sender.ready().await.expect("an open connection");
    let request = Request::get("/analytics?$limit=100").header("host", "x").header("authorization", "Bearer a-key");
    let response = sender.send_request(request.body(Empty::new()).expect("a request")).await.expect("an answer");
    assert!(response.status().is_success(), "{}", response.status());
    response.into_body().collect().await.expect("a body").to_bytes()
}

/// The program beside this one: `target/release/taskserver`.
fn program() -> PathBuf {
    let mine = std::env::current_exe().expect("the path of this program");
    mine.ancestors().nth(2).expect("a folder of cargo's").join("taskserver")
}

/// Prints the rates of a server; gives their median.
fn report(name: &str, rates: &mut [f64]) -> f64 {
    rates.sort_by(f64::total_cmp);
    let median = rates[rates.len() / 2];
    let (first, last) = (rates[0], rates[rates.len() - 1]);
    println!("{name:<12} median {median:>7.0} requests/s, {first:.0} to {last:.0}, of {}", rates.len());
    median
}

/// The bare server. Its statements are those of ours, as the database logs them.
mod bare {
    use std::convert::Infallible;
    use std::net::Ipv4Addr;
    use std::sync::Arc;

    use diesel::sql_types::{Nullable, Text};
    use diesel::{QueryableByName, sql_query};
    use diesel_async::pooled_connection::AsyncDieselConnectionManager;
    use diesel_async::pooled_connection::deadpool::Pool;
    use diesel_async::{AsyncMysqlConnection, RunQueryDsl as _, SimpleAsyncConnection as _};
    use http_body_util::Full;
    use hyper::Response;
    use hyper::body::Bytes;
    use hyper::server::conn::http1;
    use hyper::service::service_fn;
    use hyper_util::rt::TokioIo;
    use serde::Serialize;
    use tokio::net::TcpListener;

    use super::POOL;

    const SNAPSHOT: &str =
        "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ; START TRANSACTION WITH CONSISTENT SNAPSHOT, READ ONLY";
    const COUNT: &str = "SELECT CAST(COUNT(*) AS CHAR CHARACTER SET utf8mb4) AS total FROM `analytics` WHERE 1 = 1";
    const PAGE: &str = "SELECT CAST(`id` AS CHAR CHARACTER SET utf8mb4) AS id, CAST(`count` AS CHAR CHARACTER SET utf8mb4) AS count, \
    CAST(`type` AS CHAR CHARACTER SET utf8mb4) AS type, CAST(`createdAt` AS CHAR CHARACTER SET utf8mb4) AS createdAt, \
    CAST(`updatedAt` AS CHAR CHARACTER SET utf8mb4) AS updatedAt \
    FROM `analytics` WHERE 1 = 1 ORDER BY CAST(`analytics`.`id` AS BINARY) ASC LIMIT 100 OFFSET 0";

    #[derive(QueryableByName)]
    struct Total {
        #[diesel(sql_type = Text)]
        total: String,
    }

    #[derive(QueryableByName, Serialize)]
    #[serde(rename_all = "camelCase")]
    struct Row {
        #[diesel(sql_type = Text)]
        id: String,
        #[diesel(sql_type = Nullable<Text>)]
        count: Option<String>,
        #[diesel(sql_type = Nullable<Text>)]
        r#type: Option<String>,
        #[diesel(sql_type = Text, column_name = "createdAt")]
        created_at: String,
        #[diesel(sql_type = Text, column_name = "updatedAt")]
        updated_at: String,
    }

    #[derive(Serialize)]
    struct Page {
        total: u64,
        limit: u64,
        skip: u64,
        data: Vec<Row>,
    }

    type Connections = Pool<AsyncMysqlConnection>;

    /// Serves on a port that it prints.
    pub(super) async fn serve(url: &str) -> ! {
        let manager = AsyncDieselConnectionManager::<AsyncMysqlConnection>::new(url);
        let pool: Arc<Connections> = Arc::new(Pool::builder(manager).max_size(POOL).build().expect("a pool"));
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("a port");
        println!("{}", listener.local_addr().expect("an address").port());
        loop {
            let (stream, _) = listener.accept().await.expect("a connection");
            stream.set_nodelay(true).expect("a socket");
            let pool = Arc::clone(&pool);
            let answer = service_fn(move |_| {
                let pool = Arc::clone(&pool);
                async move { Ok::<_, Infallible>(Response::new(Full::new(page(&pool).await))) }
            });
            tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(stream), answer));
        }
    }

    async fn page(pool: &Connections) -> Bytes {
        let mut connection = pool.get().await.expect("a connection");
        connection.batch_execute(SNAPSHOT).await.expect("a transaction");
        let total: Total = sql_query(COUNT).get_result(&mut connection).await.expect("a count");
        let data: Vec<Row> = sql_query(PAGE).load(&mut connection).await.expect("rows");
        connection.batch_execute("COMMIT").await.expect("an end");
        let page = Page { total: total.total.parse().expect("a number"), limit: 100, skip: 0, data };
        serde_json::to_vec(&page).expect("JSON").into()
    }
}
