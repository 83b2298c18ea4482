//! The status page in a real browser: `tests/browser` meets the built program.

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::json;
use taskserver_tests::kubernetes::{ApiServer, Resource};
use taskserver_tests::{TestDatabase, skip};
use tempfile::tempdir;

use crate::rest::TOKEN;
use crate::support::{CYCLE, Server, text};

/// Fails with what the browser finds wrong in a server.
fn browse(scenario: &str, server: &Server) {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let browser = root.join("tests/browser");
    let chromium = std::env::var_os("TASKSERVER_TEST_CHROMIUM").map_or("/usr/bin/chromium".into(), PathBuf::from);
    for (needed, place) in [("Chromium", chromium), ("`npm ci --prefix tests/browser`", browser.join("node_modules"))] {
        if !place.exists() {
            skip(needed, &format!("there is no {}", place.display()));
            return;
        }
    }
    let base = format!("http://127.0.0.1:{}", server.port);
    let output = Command::new("node")
        .arg(browser.join("page.js"))
        .args([scenario, &base])
        .arg(root.join("target/screenshots"))
        .arg("hunter2")
        .output()
        .expect("node runs");
    assert!(output.status.success(), "{}{}", text(&output.stdout), text(&output.stderr));
}

/// A month of figures, as the platform's own server would have stored them.
fn insert_figures(database: &TestDatabase) {
    let names =
        ["activeChannels", "instanceUsers", "channelUsers", "activeInstances", "activeLocations", "activeScenes"];
    for (place, name) in names.into_iter().enumerate() {
        database.execute(&format!(
            r#"INSERT INTO "analytics" ("id", "type", "count", "createdAt", "updatedAt")
               WITH RECURSIVE cycle(n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM cycle WHERE n < 1440)
               SELECT printf('%08x-0000-4000-8000-%012d', abs(random()) % 4294967296, n * 10 + {place}), '{name}', abs((n * {factor}) % 60 - 30) + {place},
               strftime('%Y-%m-%d %H:%M:%S', 'now', '-' || (n * 30) || ' minutes'), strftime('%Y-%m-%d %H:%M:%S', 'now') FROM cycle"#,
            factor = place + 1
        ));
    }
}

fn kubeconfig(folder: &Path, cluster: &ApiServer) -> PathBuf {
    let path = folder.join("kubeconfig.json");
    let config = json!({
        "apiVersion": "v1", "kind": "Config", "current-context": "it",
        "clusters": [{"name": "it", "cluster": {"server": cluster.url()}}],
        "users": [{"name": "it", "user": {}}],
        "contexts": [{"name": "it", "context": {"cluster": "it", "user": "it"}}],
    });
    std::fs::write(&path, config.to_string()).unwrap();
    path
}

fn write(cluster: &ApiServer, name: &str, kind: &str, reason: &str, message: &str) {
    let now = jiff::Timestamp::now().to_string();
    let event = json!({
        "metadata": {"name": name}, "type": kind, "reason": reason, "message": message, "count": 3, "lastTimestamp": now,
        "involvedObject": {"kind": "Pod", "namespace": "ir-engine", "name": format!("pod-of-{name}")},
    });
    cluster.create(Resource::Events, "ir-engine", event);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_page_works_in_a_browser_with_real_data_and_hostile_events() {
    let (folder, cluster, database) = (tempdir().unwrap(), ApiServer::start().await, TestDatabase::sqlite());
    database.create_platform_tables();
    insert_figures(&database);
    write(&cluster, "back-off", "Warning", "BackOff", "Back-off restarting failed container");
    write(&cluster, "started", "Normal", "Started", "Started container");
    let hostile = format!("<img src=x onerror=alert(1)> \u{202e}gnp.exe \u{7}\u{0} {}", "W".repeat(3000));
    write(&cluster, "hostile", "<script>alert(2)</script>", "Hostile", &hostile);
    let url = format!("database.url={}", database.url());
    let kubeconfig = kubeconfig(folder.path(), &cluster);
    let mut server = Server::start_with(folder.path(), &["--set", &url, "--set", TOKEN], |command| {
        command.env("KUBERNETES", "true").env("KUBECONFIG", kubeconfig);
    });
    server.wait_for("taskserver:analytics-rollup");
    let deadline = std::time::Instant::now() + crate::support::PATIENCE;
    while database.query(r#"SELECT COUNT(*) FROM "k8s-event" "#) != [["3"]] {
        assert!(std::time::Instant::now() < deadline, "the events are not stored");
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    tokio::task::block_in_place(|| browse("full", &server));
}

#[test]
fn what_an_operator_does_is_seen_elsewhere_within_a_second() {
    let folder = tempdir().unwrap();
    let mut server = Server::start(folder.path(), &["--set", TOKEN]);
    server.wait_for(CYCLE);
    browse("live", &server);
}

#[test]
fn a_server_to_which_nothing_has_happened_has_a_page() {
    let folder = tempdir().unwrap();
    let mut server = Server::start(folder.path(), &["--set", "tasks.analytics.enabled=false"]);
    server.wait_for("Task server listening");
    browse("empty", &server);
}

#[test]
fn nobody_sees_a_protected_page_before_they_have_signed_in() {
    let folder = tempdir().unwrap();
    let mut server = Server::start(folder.path(), &["--set", TOKEN, "--set", "http.protect_pages=true"]);
    server.wait_for("Task server listening");
    browse("protected", &server);
}

#[test]
fn a_session_lasts_as_long_as_it_is_set_to() {
    let folder = tempdir().unwrap();
    let mut server = Server::start(folder.path(), &["--set", TOKEN, "--set", "http.session_lifetime=90m"]);
    server.wait_for("Task server listening");
    let base = format!("http://127.0.0.1:{}", server.port);
    let output = Command::new("curl")
        .args(["-s", "-o", "/dev/null", "-D", "-", "-H", &format!("origin: {base}"), "-d", "token=hunter2"])
        .arg(format!("{base}/login"))
        .output()
        .unwrap();
    let head = text(&output.stdout);
    assert!(head.contains("Max-Age=5400"), "{head}");
}

#[test]
fn a_server_whose_database_is_down_has_a_page_that_says_so() {
    let folder = tempdir().unwrap();
    let port = crate::support::free_port();
    let url = format!("database.url=postgres://nobody@127.0.0.1:{port}/nothing");
    let server = Server::start(folder.path(), &["--set", &url]);
    let deadline = std::time::Instant::now() + crate::support::PATIENCE;
    loop {
        if std::net::TcpStream::connect(("127.0.0.1", server.port)).is_ok()
            && server.get("/readyz?verbose").1.contains("[-]database failed: ")
        {
            break;
        }
        assert!(std::time::Instant::now() < deadline, "the database is not found to be down");
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    browse("down", &server);
}
