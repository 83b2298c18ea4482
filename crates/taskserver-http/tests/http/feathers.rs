//! The platform's own client, `@feathersjs/rest-client`, against the server.

use serde_json::json;
use taskserver_tests::node;
use taskserver_tests::tokens::{claims, jwt, rs256};

use crate::platform::start_platform;

#[tokio::test]
async fn the_platforms_own_client_is_served() {
    let Some(mut script) = node::command("rest-client.mjs") else { return };
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
    script.arg(format!("http://{}", server.address)).arg(token);
    // The server goes on meanwhile.
    let output = tokio::task::spawn_blocking(move || script.output()).await.unwrap().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}
