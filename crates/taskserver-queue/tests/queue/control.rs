//! What operators do to jobs.

use std::time::Duration;

use taskserver_queue::{NewJob, WorkerOptions};
use taskserver_tests::for_each_backend;

use crate::fixture::{Act, Long, Play, Process, column, options, until};

for_each_backend! {
    async fn a_job_that_waits_is_cancelled_and_can_be_retried(database: TestDatabase) {
        let process = Process::on(&database).await;
        let id = process.enqueue(Act::Note("again".into())).await;
        process.queue.cancel(&id).await.unwrap();
        assert_eq!(column(&database, &id, "state"), "cancelled");
        let error = process.queue.cancel(&id).await.unwrap_err();
        let expected = format!("the job `{id}` is cancelled: it has come to its end, and there is nothing to cancel");
        assert_eq!(error.to_string(), expected);
        let workers = process.work();
        process.queue.retry(&id).await.unwrap();
        assert_eq!(process.next_note().await, "again");
        until(&database, &id, "succeeded").await;
        let error = process.queue.retry(&id).await.unwrap_err();
        let expected =
            format!("the job `{id}` is succeeded: only what is dead, cancelled or scheduled can be retried; enqueue another one");
        assert_eq!(error.to_string(), expected);
        assert_eq!(process.queue.cancel("nobody").await.unwrap_err().to_string(), "there is no job with the id `nobody`");
        workers.stop(Duration::from_secs(5)).await;
    }

    async fn a_dead_job_gets_one_more_attempt(database: TestDatabase) {
        let process = Process::on(&database).await;
        let workers = process.work();
        let job = NewJob::of(&Play { act: Act::FailOnce }).unwrap().retries(0);
        let id = process.queue.enqueue_one(job).await.unwrap().id;
        until(&database, &id, "dead").await;
        process.queue.retry(&id).await.unwrap();
        until(&database, &id, "succeeded").await;
        assert_eq!([column(&database, &id, "attempt"), column(&database, &id, "maxAttempts")], ["2", "2"]);
        workers.stop(Duration::from_secs(5)).await;
    }

    async fn a_job_that_runs_is_stopped_and_has_no_effect(database: TestDatabase) {
        let process = Process::with_notes_on(&database).await;
        let gate = process.stage.gate.clone().lock_owned().await;
        let workers = process.work_with(WorkerOptions { lease: Duration::from_millis(300), ..options() });
        let id = process.queue.enqueue(&Long { act: Act::CompleteLate("effect".into()) }).await.unwrap().id;
        assert_eq!(process.next_note().await, "attempt 1 of effect");
        process.queue.cancel(&id).await.unwrap();
        // The attempt is dropped where it waits: the workers have nothing left to wait for.
        let stopped = "taskserver_jobs_finished_total{queue=\"slow\",outcome=\"stopped\"} 1";
        while !process.app.metrics().encode().contains(stopped) {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        drop(gate);
        workers.stop(Duration::from_secs(5)).await;
        assert_eq!(column(&database, &id, "state"), "cancelled");
        assert_eq!(database.query("SELECT COUNT(*) FROM note"), [["0"]]);
    }
}
