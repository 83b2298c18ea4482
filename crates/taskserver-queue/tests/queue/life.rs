//! What becomes of a job.

use std::time::Duration;

use serde_json::json;
use taskserver_queue::NewJob;
use taskserver_tests::for_each_backend;

use crate::fixture::{Act, Long, Process, column, options, until};

for_each_backend! {
    async fn a_job_runs_and_has_succeeded(database: TestDatabase) {
        let process = Process::on(&database).await;
        let workers = process.work();
        let id = process.enqueue(Act::Note("hello".into())).await;
        assert_eq!(process.next_note().await, "hello");
        until(&database, &id, "succeeded").await;
        let [attempt, worker, error] = ["attempt", "worker", "error"].map(|name| column(&database, &id, name));
        assert_eq!([attempt.as_str(), &worker, &error], ["1", "here", "NULL"]);
        workers.stop(Duration::from_secs(5)).await;
    }

    async fn what_fails_is_tried_again(database: TestDatabase) {
        let process = Process::on(&database).await;
        let workers = process.work();
        let id = process.enqueue(Act::FailOnce).await;
        assert_eq!(process.next_note().await, "second attempt");
        until(&database, &id, "succeeded").await;
        assert_eq!(column(&database, &id, "error"), "not yet");
        workers.stop(Duration::from_secs(5)).await;
    }

    async fn what_fails_too_often_is_dead_and_what_fails_for_good_is_dead_at_once(database: TestDatabase) {
        let process = Process::on(&database).await;
        let workers = process.work();
        for (act, attempts, error) in [
            (Act::Fail, "3", "it does not work"),
            (Act::FailForGood, "1", "it will never work"),
            (Act::Panic, "3", "panicked: out of order"),
            (Act::Hang, "3", "it took longer than 300ms"),
        ] {
            let id = process.enqueue(act).await;
            until(&database, &id, "dead").await;
            assert_eq!([column(&database, &id, "attempt"), column(&database, &id, "error")], [attempts, error]);
        }
        let metrics = process.app.metrics().encode();
        assert!(metrics.contains(r#"taskserver_jobs_finished_total{queue="default",outcome="panicked"} 3"#), "{metrics}");
        workers.stop(Duration::from_secs(5)).await;
    }

    async fn a_payload_that_is_not_the_jobs_is_its_failure(database: TestDatabase) {
        let process = Process::on(&database).await;
        let workers = process.work();
        let job = NewJob::named("play", &json!({"act": "Jump"})).retries(0);
        let id = process.queue.enqueue_one(job).await.unwrap().id;
        until(&database, &id, "dead").await;
        let error = column(&database, &id, "error");
        assert!(error.starts_with("the payload is not what the job `play` takes: unknown variant `Jump`"), "{error}");
        workers.stop(Duration::from_secs(5)).await;
    }

    async fn a_job_that_nobody_knows_waits_and_is_seen(database: TestDatabase) {
        let process = Process::on(&database).await;
        let unknown = process.queue.enqueue_one(NewJob::named("plya", &json!(null))).await.unwrap().id;
        let workers = process.work_with(taskserver_queue::WorkerOptions {
            count_interval: Duration::from_millis(10), ..options()
        });
        // Those behind it do not wait for it.
        process.enqueue(Act::Note("hello".into())).await;
        assert_eq!(process.next_note().await, "hello");
        assert_eq!(column(&database, &unknown, "state"), "queued");
        let expected = "1 queued jobs are of kinds that this server does not know, such as `plya`";
        let health = || process.app.health().components().into_iter().find(|component| component.name == "queue").unwrap();
        while health().health.reason() != Some(expected) {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        let depth = r#"taskserver_jobs{queue="default",state="queued"} 1"#;
        while !process.app.metrics().encode().contains(depth) {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        workers.stop(Duration::from_secs(5)).await;
    }

    async fn jobs_that_run_at_shutdown_end_within_the_deadline_and_are_given_back_after_it(database: TestDatabase) {
        let process = Process::with_notes_on(&database).await;
        let workers = process.work();
        let gate = process.stage.gate.clone().lock_owned().await;
        let patient = process.queue.enqueue(&Long { act: Act::CompleteLate("first".into()) }).await.unwrap().id;
        assert_eq!(process.next_note().await, "attempt 1 of first");
        let stopped = tokio::spawn(workers.stop(Duration::from_secs(60)));
        drop(gate);
        stopped.await.unwrap();
        assert_eq!(column(&database, &patient, "state"), "succeeded");

        let workers = process.work();
        let hanging = process.queue.enqueue(&Long { act: Act::CompleteLate("second".into()) }).await.unwrap().id;
        let gate = process.stage.gate.clone().lock_owned().await;
        while process.next_note().await != "attempt 1 of second" {}
        workers.stop(Duration::ZERO).await;
        let columns = ["state", "attempt", "maxAttempts"].map(|name| column(&database, &hanging, name));
        assert_eq!(columns, ["queued", "1", "12"]);
        drop(gate);
        let workers = process.work();
        while process.next_note().await != "second is done" {}
        workers.stop(Duration::from_secs(5)).await;
        assert_eq!(database.query("SELECT text, COUNT(*) FROM note GROUP BY text ORDER BY text"), [["first", "1"], ["second", "1"]]);
    }
}
