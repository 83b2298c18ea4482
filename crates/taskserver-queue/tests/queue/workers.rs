//! Several workers, and workers that die.

use std::time::Duration;

use taskserver_queue::{JobStore, SqlJobs, Wanted, WorkerOptions};
use taskserver_tests::for_each_backend;

use crate::fixture::{Act, Long, Process, column, options, until};

/// As a worker that dies at once.
async fn take_and_die(process: &Process, queue: &str) {
    let jobs = SqlJobs::new(&process.store);
    let wanted = Wanted { queue, names: &["play", "long"], limit: 10, worker: "dead", lease: Duration::from_millis(1) };
    assert_eq!(jobs.take(&wanted).await.unwrap().len(), 1);
}

for_each_backend! {
    async fn each_of_many_jobs_runs_once_however_many_workers_there_are(database: TestDatabase) {
        let processes = [Process::with_notes_on(&database).await, Process::on(&database).await, Process::on(&database).await];
        let workers = processes.each_ref().map(Process::work);
        let jobs = (0..300).map(|number| {
            let act = Act::Complete(format!("{number:03}"));
            taskserver_queue::NewJob::of(&crate::fixture::Play { act }).unwrap()
        });
        processes[0].queue.enqueue_all(jobs.collect()).await.unwrap();
        let unfinished = r#"SELECT COUNT(*) FROM "job" WHERE "state" <> 'succeeded'"#;
        while database.query(unfinished) != [["0"]] {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        assert_eq!(database.query("SELECT COUNT(*), COUNT(DISTINCT text) FROM note"), [["300", "300"]]);
        for workers in workers {
            workers.stop(Duration::from_secs(5)).await;
        }
    }

    async fn the_job_of_a_worker_that_died_is_taken_over(database: TestDatabase) {
        let process = Process::on(&database).await;
        let id = process.enqueue(Act::Note("taken over".into())).await;
        take_and_die(&process, "default").await;
        let workers = process.work();
        assert_eq!(process.next_note().await, "taken over");
        until(&database, &id, "succeeded").await;
        assert_eq!(column(&database, &id, "attempt"), "2");
        assert!(process.app.metrics().encode().contains("taskserver_jobs_taken_over_total 1"));
        workers.stop(Duration::from_secs(5)).await;
    }

    async fn a_job_that_dies_with_its_worker_in_its_last_attempt_is_dead(database: TestDatabase) {
        let process = Process::on(&database).await;
        let job = taskserver_queue::NewJob::named("play", &serde_json::json!(null)).retries(0);
        let id = process.queue.enqueue_one(job).await.unwrap().id;
        take_and_die(&process, "default").await;
        let workers = process.work();
        until(&database, &id, "dead").await;
        assert_eq!(column(&database, &id, "error"), "its worker died during the attempt, and it has no further one");
        workers.stop(Duration::from_secs(5)).await;
    }

    async fn a_worker_that_wakes_up_after_its_job_was_taken_over_has_no_effect(database: TestDatabase) {
        let sleeper = Process::with_notes_on(&database).await;
        let gate = sleeper.stage.gate.clone().lock_owned().await;
        // Its lease is not renewed for as long as this test takes: as if the whole process slept.
        let sleeping = sleeper.work_with(WorkerOptions { lease: Duration::from_secs(3600), ..options() });
        let id = sleeper.queue.enqueue(&Long { act: Act::CompleteLate("effect".into()) }).await.unwrap().id;
        assert_eq!(sleeper.next_note().await, "attempt 1 of effect");
        // It must not be the one that takes its own job over.
        sleeper.app.shutdown().stop();
        database.execute(r#"UPDATE "job" SET "leaseUntil" = "createdAt""#);
        until(&database, &id, "queued").await;

        let other = Process::on(&database).await;
        let working = other.work();
        assert_eq!(other.next_note().await, "attempt 2 of effect");
        assert_eq!(other.next_note().await, "effect is done");
        drop(gate);
        let refused = format!(
            "attempt 1 of the job `{id}` is over: the job was cancelled, or another worker has taken it over; what it would have \
             done is undone"
        );
        assert_eq!(sleeper.next_note().await, refused);
        sleeping.stop(Duration::from_secs(5)).await;
        working.stop(Duration::from_secs(5)).await;
        assert_eq!([column(&database, &id, "state"), column(&database, &id, "attempt")], ["succeeded", "2"]);
        assert_eq!(database.query("SELECT text FROM note"), [["effect"]]);
    }

    async fn a_lease_is_renewed_for_as_long_as_the_job_runs(database: TestDatabase) {
        let process = Process::with_notes_on(&database).await;
        let gate = process.stage.gate.clone().lock_owned().await;
        let workers = process.work_with(WorkerOptions { lease: Duration::from_millis(600), ..options() });
        let id = process.queue.enqueue(&Long { act: Act::CompleteLate("long".into()) }).await.unwrap().id;
        assert_eq!(process.next_note().await, "attempt 1 of long");
        let first = column(&database, &id, "leaseUntil");
        // Twice renewed, and past the first lease.
        for _ in 0..2 {
            let before = column(&database, &id, "leaseUntil");
            while column(&database, &id, "leaseUntil") == before {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        }
        assert_ne!(column(&database, &id, "leaseUntil"), first);
        drop(gate);
        assert_eq!(process.next_note().await, "long is done");
        workers.stop(Duration::from_secs(5)).await;
        assert_eq!(column(&database, &id, "attempt"), "1");
    }

    async fn no_more_jobs_of_a_queue_run_at_once_than_it_may_have(database: TestDatabase) {
        let process = Process::with_notes_on(&database).await;
        let gate = process.stage.gate.clone().lock_owned().await;
        for name in ["one", "two", "three"] {
            process.queue.enqueue(&Long { act: Act::CompleteLate(name.into()) }).await.unwrap();
        }
        let workers = process.work_with(WorkerOptions { queues: [("slow".to_owned(), 2)].into(), ..options() });
        assert_eq!([process.next_note().await, process.next_note().await].map(|note| note.is_empty()), [false, false]);
        // Another queue is not held up, and by its time the third would have begun.
        process.enqueue(Act::Note("other queue".into())).await;
        assert_eq!(process.next_note().await, "other queue");
        assert_eq!(database.query(r#"SELECT COUNT(*) FROM "job" WHERE "state" = 'running' AND "queue" = 'slow'"#), [["2"]]);
        drop(gate);
        workers.stop(Duration::from_secs(5)).await;
    }

    async fn how_many_jobs_run_at_once_changes_while_they_do(database: TestDatabase) {
        let process = Process::with_notes_on(&database).await;
        let gate = process.stage.gate.clone().lock_owned().await;
        let slow = |concurrency| WorkerOptions { queues: [("slow".to_owned(), concurrency)].into(), ..options() };
        let workers = process.workers(slow(0));
        let (control, workers) = (workers.control(), workers.start(&process.app));
        for name in ["one", "two", "three", "four"] {
            process.queue.enqueue(&Long { act: Act::CompleteLate(name.into()) }).await.unwrap();
        }
        let running = || database.query(r#"SELECT COUNT(*) FROM "job" WHERE "state" = 'running' AND "queue" = 'slow'"#);
        // By the time that something of another queue has run, more would have begun.
        let others = async |name: &str| {
            process.enqueue(Act::Note(name.into())).await;
            assert_eq!(process.next_note().await, name);
        };
        others("none yet").await;
        assert_eq!(running(), [["0"]]);
        control.set(slow(1));
        assert!(process.next_note().await.starts_with("attempt 1 of "));
        others("one at once").await;
        assert_eq!(running(), [["1"]]);
        control.set(slow(3));
        assert!(process.next_note().await.starts_with("attempt 1 of "));
        assert!(process.next_note().await.starts_with("attempt 1 of "));
        others("three at once").await;
        assert_eq!(running(), [["3"]]);
        control.set(slow(0));
        drop(gate);
        for _ in 0..3 {
            assert!(process.next_note().await.ends_with(" is done"));
        }
        others("none any more").await;
        assert_eq!(running(), [["0"]]);
        control.set(slow(1));
        assert!(process.next_note().await.starts_with("attempt 1 of "));
        workers.stop(Duration::from_secs(5)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn postgres_wakes_workers_in_other_processes() {
    let Some(database) = taskserver_tests::Backend::Postgres.database() else { return };
    let worker = Process::on(&database).await;
    let hour = Duration::from_secs(3600);
    let workers = worker.work_with(WorkerOptions { poll_interval: hour, ..options() });
    let other = Process::on(&database).await;
    // The first may come before the worker listens; then it is found by the first look.
    let listens = r"SELECT COUNT(*) FROM pg_stat_activity WHERE query LIKE 'LISTEN%' AND datname = current_database()";
    while database.query(listens) != [["1"]] {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    for note in ["first", "second"] {
        other.enqueue(Act::Note(note.into())).await;
        assert_eq!(worker.next_note().await, note);
    }
    workers.stop(Duration::from_secs(5)).await;
}
