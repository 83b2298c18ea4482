//! The platform's own client, `@feathersjs/rest-client`, against the server.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::json;
use taskserver_tests::skip;

use crate::platform::{claims, jwt, rs256, start_platform};

#[tokio::test]
async fn the_platforms_own_client_is_served() {
    let Some(node) = node_with_packages().await else { return };
    let server = start_platform().await;
    for count in 0..6 {
        let record = json!({
            "id": format!("c{count}"), "count": count, "type": if count % 2 == 0 { "even" } else { "odd" },
            "createdAt": "2026-11-24T01:34:02.000Z"
        });
        server.app.service("analytics").create(record).await.unwrap();
    }
    server.app.service("location").create(json!({"id": "a/b c", "count": 7})).await.unwrap();
    let token = jwt("RS256", &claims("admin-provider"), rs256);
    let mut script = Command::new("node");
    script.arg("rest-client.js").arg(format!("http://{}", server.address)).arg(token).current_dir(node);
    let output = run(script).await.unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

/// Where the script is, with the packages that it needs; `None` if they cannot be had, which has then been said.
async fn node_with_packages() -> Option<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/node");
    if !folder.join("node_modules/.package-lock.json").exists() {
        let mut install = Command::new("npm");
        install.args(["ci", "--no-audit", "--no-fund"]).current_dir(&folder);
        if !run(install).await.is_ok_and(|output| output.status.success()) {
            skip("Node", "its packages cannot be installed: see `npm ci` in crates/taskserver-http/tests/node");
            return None;
        }
    }
    Some(folder)
}

/// Runs a program while the server goes on.
async fn run(mut program: Command) -> std::io::Result<Output> {
    tokio::task::spawn_blocking(move || program.output()).await.unwrap()
}
