//! The service `job`.

use serde_json::json;
use taskserver_core::{App, EventKind, Query};
use taskserver_queue::{JOB, JobService};
use taskserver_tests::for_each_backend;

use crate::fixture::Process;

for_each_backend! {
    async fn jobs_are_enqueued_found_cancelled_and_retried_as_records(database: TestDatabase) {
        let process = Process::on(&database).await;
        let app = App::builder().service(JOB, JobService::new(&process.store, &process.queue)).build().unwrap();
        let mut events = app.events().subscribe().of_service(JOB);
        let jobs = app.service(JOB);
        let data = json!({"name": "play", "payload": {"act": "Fail"}, "delay": 3600, "priority": 3, "uniqueKey": "a"});
        let created = jobs.create(data.clone()).await.unwrap();
        assert_eq!(events.next().await.unwrap().unwrap().kind, EventKind::Created);
        assert_eq!(
            [&created["name"], &created["payload"], &created["state"], &created["priority"]],
            [&json!("play"), &json!("{\"act\":\"Fail\"}"), &json!("scheduled"), &json!(3)]
        );
        let id = created["id"].as_str().unwrap();
        assert_eq!(jobs.create(data).await.unwrap()["id"], id);
        let found = jobs.find(Query::new().eq("state", "scheduled")).await.unwrap();
        assert_eq!((found.total, &found.data[0]["id"]), (1, &json!(id)));

        let patched = jobs.patch(id, json!({"state": "cancelled"})).await.unwrap();
        assert_eq!(patched["state"], "cancelled");
        assert_eq!(jobs.patch(id, json!({"state": "cancelled"})).await.unwrap_err().kind().code(), 409);
        assert_eq!(jobs.patch(id, json!({"state": "queued"})).await.unwrap()["state"], "queued");
        let refused = async |data| jobs.create(data).await.unwrap_err().to_string();
        assert_eq!(refused(json!({"payload": 1})).await, "`name` must say which job it is");
        assert_eq!(refused(json!({"name": "play", "delay": -1})).await, "`delay` must be a number of seconds, not negative");
        assert_eq!(
            refused(json!({"name": "play", "state": "dead"})).await,
            "a new job has no `state`; it has name, payload, queue, priority, runAt, delay, maxAttempts, uniqueKey, uniqueFor, \
             batch, afterBatch"
        );
        assert_eq!(jobs.patch("nobody", json!({"state": "queued"})).await.unwrap_err().kind().code(), 404);
        let error = jobs.patch(id, json!({"priority": 1})).await.unwrap_err();
        assert_eq!(error.to_string(), "a job takes no change but `{\"state\": \"cancelled\"}` and `{\"state\": \"queued\"}`");
    }
}
