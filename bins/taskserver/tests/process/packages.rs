//! The platform's own packages against the program: a Feathers app with `feathers-sync`, and `@feathersjs/rest-client`.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::TcpStream;
use std::process::{Child, ChildStdin, Stdio};
use std::sync::mpsc::{Receiver, channel};

use serde_json::{Value, json};
use taskserver_tests::tokens::{claims, hs256, jwt};
use taskserver_tests::{Backend, TestDatabase, node, servers};
use tempfile::tempdir;

use crate::platform::environment;
use crate::support::{CYCLE, PATIENCE, Server};

const SECRET: &str = "the platform's secret";

/// A process of the platform, which shares its events through Redis. Killed when dropped.
struct Peer {
    process: Child,
    input: ChildStdin,
    lines: Receiver<Value>,
}

impl Peer {
    fn start(redis: &str) -> Option<Self> {
        let mut process = node::command("peer.mjs")?;
        process.arg(redis).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut process = process.spawn().unwrap();
        let (input, output) = (process.stdin.take().unwrap(), BufReader::new(process.stdout.take().unwrap()));
        let (sender, lines) = channel();
        std::thread::spawn(move || {
            let mut lines = output.lines().map_while(Result::ok);
            lines.try_for_each(|line| sender.send(serde_json::from_str(&line).unwrap()))
        });
        let peer = Self { process, input, lines };
        assert_eq!(peer.next(), json!({"ready": true}));
        Some(peer)
    }

    /// The next event that it receives.
    fn next(&self) -> Value {
        self.lines.recv_timeout(PATIENCE).expect("another event")
    }

    fn call(&mut self, path: &str, method: &str, args: &Value) {
        writeln!(self.input, "{}", json!({"path": path, "method": method, "args": args})).unwrap();
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// A database of the platform, with an administrator and a guest.
fn platform() -> Option<TestDatabase> {
    let database = Backend::MariaDb.database()?;
    database.create_platform_tables();
    database.insert_platform_edges();
    database.execute(
        r#"SET SESSION time_zone = '+00:00';
        INSERT INTO "identity-provider" ("id", "type", "userId", "createdAt", "updatedAt")
        VALUES ('adas-provider', 'guest', '10000000-0000-4000-8000-000000000001', NOW(), NOW());
        INSERT INTO "scope" ("id", "userId", "type", "createdAt", "updatedAt")
        VALUES ('s', '10000000-0000-4000-8000-000000000001', 'admin:admin', NOW(), NOW());
        INSERT INTO "user-api-key" ("id", "token", "userId", "createdAt", "updatedAt")
        VALUES ('k', 'guest-key', '10000000-0000-4000-8000-000000000002', NOW(), NOW());"#,
    );
    Some(database)
}

/// A server in the place of the platform's own.
fn start(folder: &std::path::Path, database: &TestDatabase, redis: &str) -> Server {
    let port = redis.rsplit(':').next().unwrap().trim_end_matches('/').to_owned();
    let arguments = ["--set", "http.writes=true", "--set", "tasks.analytics.every=1s"];
    Server::start_with(folder, &arguments, |command| {
        environment(command, database.url());
        command.env("KUBERNETES", "false").env("AUTH_SECRET", SECRET);
        command.env("REDIS_ENABLED", "true").env("REDIS_ADDRESS", "127.0.0.1").env("REDIS_PORT", port);
    })
}

fn token() -> String {
    jwt("HS256", &claims("adas-provider"), hs256(SECRET.as_bytes()))
}

#[test]
fn a_feathers_app_hears_of_every_row_and_is_heard() {
    let (Some(database), Some(redis)) = (platform(), servers::redis::start()) else { return };
    let Some(mut peer) = Peer::start(redis.url()) else { return };
    let folder = tempdir().unwrap();
    let mut server = start(folder.path(), &database, redis.url());
    (0..3).for_each(|_| drop(server.wait_for(CYCLE)));
    let mut heard = vec![peer.next()];

    // The app's own events reach whoever listens to ours.
    let mut stream = TcpStream::connect(("127.0.0.1", server.port)).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    let token = token();
    let head = "GET /api/events?service=user HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer";
    write!(stream, "{head} {token}\r\n\r\n").unwrap();
    let mut lines = BufReader::new(stream).lines().map(Result::unwrap);
    let mut line = |start: &str| lines.find(|line| line.starts_with(start)).unwrap();
    assert_eq!(line("HTTP/1.1"), "HTTP/1.1 200 OK");
    line("retry:");
    let user = json!({"id": "u", "name": "Кай 🚀", "isGuest": true, "nested": {"tags": ["a", null, 1.5]}});
    peer.call("user", "create", &json!([user]));
    peer.call("user", "remove", &json!(["u"]));
    for (event, record) in [("created", user), ("removed", json!({"id": "u"}))] {
        assert_eq!(line("event:"), format!("event: {event}"));
        let data: Value = serde_json::from_str(line("data:").strip_prefix("data: ").unwrap()).unwrap();
        assert_eq!(data, json!({"service": "user", "event": event, "record": record}));
    }

    server.signal("TERM");
    assert_eq!(server.end().code(), Some(0));
    let rows =
        database.query(r#"SELECT "id", "count", "type", "createdAt", "updatedAt" FROM "analytics" ORDER BY "id""#);
    assert!(rows.len() >= 3 * 6, "{rows:?}");
    // Its own events come back to the app too.
    while heard.len() < rows.len() {
        heard.extend(Some(peer.next()).filter(|event| event["path"] != "user"));
    }
    heard.sort_by_key(|event| event["data"]["id"].as_str().unwrap().to_owned());
    let moment = |text: &str| format!("{}.000Z", text.replace(' ', "T"));
    for (row, heard) in rows.iter().zip(&heard) {
        let data = json!({
            "id": row[0], "count": row[1].parse::<i64>().unwrap(), "type": row[2],
            "createdAt": moment(&row[3]), "updatedAt": moment(&row[4])
        });
        let context = json!({"method": "create", "params": {}, "result": data});
        assert_eq!(*heard, json!({"path": "analytics", "event": "created", "data": data, "context": context}));
    }
    assert!(peer.lines.try_iter().all(|event| event["path"] == "user"), "an event of no row");
}

#[test]
fn the_platforms_own_client_finds_gets_creates_and_fails() {
    let (Some(database), Some(redis)) = (platform(), servers::redis::start()) else { return };
    let Some(mut client) = node::command("platform-client.mjs") else { return };
    let folder = tempdir().unwrap();
    let mut server = start(folder.path(), &database, redis.url());
    server.wait_for(CYCLE);
    let output = client.arg(format!("http://127.0.0.1:{}", server.port)).arg(token()).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let created = database.query(r#"SELECT "count" FROM "analytics" WHERE "type" = 'of a client'"#);
    assert_eq!(created, [["-8"]]);
}
