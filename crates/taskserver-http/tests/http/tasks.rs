use hyper::StatusCode;
use serde_json::json;
use taskserver_core::{Outcome, TaskStatus};
use taskserver_http::TaskTable;

use crate::support::{request, start};

#[tokio::test]
async fn the_tasks_are_listed_with_the_server_that_runs_them() {
    let server = start().await;
    server.app.tasks().run_and_wait(&server.app, "greeting").await.unwrap();
    let table: TaskTable = server.client().get_json("/api/tasks").await.unwrap();
    assert_eq!(table.server.identity, "taskserver-0");
    assert_eq!(table.server.version, env!("CARGO_PKG_VERSION"));
    assert!(table.server.uptime > 0.0);
    assert!(table.ready);
    assert_eq!(table.tasks, server.app.tasks().statuses());
    assert_eq!(table.tasks[0].last_run.as_ref().unwrap().outcome, Some(Outcome::Succeeded));

    let _database = server.app.health().register("database", true);
    assert!(!server.client().get_json::<TaskTable>("/api/tasks").await.unwrap().ready);
}

#[tokio::test]
async fn one_task_is_found_by_its_name() {
    let server = start().await;
    for path in ["/api/tasks/greeting", "/api/tasks/g%72eeting"] {
        let status: TaskStatus = server.client().get_json(path).await.unwrap();
        assert_eq!(status, server.app.tasks().status("greeting").unwrap());
    }
}

#[tokio::test]
async fn a_task_that_does_not_exist_is_answered_as_feathers_does() {
    let server = start().await;
    for (path, name) in [("nope", "nope"), ("", ""), ("greeting/", "greeting/"), ("a%00%FF", "a\0\u{fffd}")] {
        let reply = server.http1(request("GET", &format!("/api/tasks/{path}"))).await;
        assert_eq!(reply.status, StatusCode::NOT_FOUND);
        assert_eq!(
            reply.json(),
            json!({
                "name": "NotFound", "message": format!("No task found for name '{name}'"), "code": 404,
                "className": "not-found"
            })
        );
    }
}
