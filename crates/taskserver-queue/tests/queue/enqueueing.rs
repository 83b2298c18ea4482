//! How jobs come into the queue.

use std::time::Duration;

use serde_json::json;
use taskserver_queue::{Enqueued, NewJob, QueueError, SqlJobs};
use taskserver_store::StoreError;
use taskserver_tests::for_each_backend;

use crate::fixture::{Act, Play, Process, column, until};

fn note(text: &str) -> NewJob {
    NewJob::of(&Play { act: Act::Note(text.into()) }).unwrap()
}

for_each_backend! {
    async fn a_row_that_is_inserted_by_hand_runs(database: TestDatabase) {
        let process = Process::on(&database).await;
        database.execute(r#"INSERT INTO "job" ("name", "payload") VALUES ('play', '{"act":{"Note":"by hand"}}')"#);
        let workers = process.work();
        assert_eq!(process.next_note().await, "by hand");
        workers.stop(Duration::from_secs(5)).await;
        let row = database.query(r#"SELECT "queue", "priority", "state", "attempt", "maxAttempts" FROM "job""#);
        assert_eq!(row, [["default", "0", "succeeded", "1", "11"]]);
    }

    async fn jobs_run_by_priority_and_then_by_time(database: TestDatabase) {
        let process = Process::on(&database).await;
        for (text, priority) in [("third", 0), ("fourth", 0), ("fifth", 7), ("first", -5), ("second", -1)] {
            process.queue.enqueue_one(note(text).priority(priority)).await.unwrap();
        }
        let one = taskserver_queue::WorkerOptions { concurrency: 1, ..crate::fixture::options() };
        let workers = process.work_with(one);
        for expected in ["first", "second", "third", "fourth", "fifth"] {
            assert_eq!(process.next_note().await, expected);
        }
        workers.stop(Duration::from_secs(5)).await;
    }

    async fn a_delayed_job_waits_for_its_time(database: TestDatabase) {
        let process = Process::on(&database).await;
        let workers = process.work();
        let never = process.queue.enqueue_one(note("never").delay(Duration::from_secs(3600))).await.unwrap().id;
        let past = jiff::Timestamp::now() - Duration::from_secs(60);
        process.queue.enqueue_one(note("overdue").at(past)).await.unwrap();
        assert_eq!(process.next_note().await, "overdue");
        process.queue.enqueue_one(note("soon").delay(Duration::from_millis(50))).await.unwrap();
        assert_eq!(process.next_note().await, "soon");
        assert_eq!(column(&database, &never, "state"), "scheduled");
        workers.stop(Duration::from_secs(5)).await;
    }

    async fn of_many_who_enqueue_the_same_at_once_one_does(database: TestDatabase) {
        let process = Process::on(&database).await;
        let enqueue = |_| async {
            let job = note("once").unique_within("key", Duration::from_secs(3600));
            process.queue.enqueue_one(job).await.unwrap()
        };
        let enqueued: Vec<Enqueued> = futures_util::future::join_all((0..30).map(enqueue)).await;
        assert_eq!(enqueued.iter().filter(|enqueued| !enqueued.duplicate).count(), 1, "{enqueued:?}");
        assert!(enqueued.iter().all(|other| other.id == enqueued[0].id), "{enqueued:?}");
        assert_eq!(database.query(r#"SELECT COUNT(*) FROM "job""#), [["1"]]);
    }

    async fn a_key_is_free_when_its_window_is_over(database: TestDatabase) {
        let process = Process::on(&database).await;
        let workers = process.work();
        let job = || note("windowed").unique_within("key", Duration::from_secs(3600));
        let first = process.queue.enqueue_one(job()).await.unwrap();
        until(&database, &first.id, "succeeded").await;
        // The end of the first does not free it.
        let second = process.queue.enqueue_one(job()).await.unwrap();
        assert_eq!(second, Enqueued { id: first.id, duplicate: true });
        database.execute(r#"UPDATE "job" SET "uniqueUntil" = "createdAt""#);
        assert!(!process.queue.enqueue_one(job()).await.unwrap().duplicate);
        // Keys are the job's own.
        let other = NewJob::named("long", &json!(null)).unique_within("key", Duration::from_secs(3600));
        assert!(!process.queue.enqueue_one(other).await.unwrap().duplicate);
        workers.stop(Duration::from_secs(5)).await;
    }

    async fn a_key_without_a_window_is_free_when_its_job_has_ended(database: TestDatabase) {
        let process = Process::on(&database).await;
        let job = || note("pending").unique_until_finished("key");
        let first = process.queue.enqueue_one(job()).await.unwrap();
        assert!(process.queue.enqueue_one(job()).await.unwrap().duplicate);
        let workers = process.work();
        until(&database, &first.id, "succeeded").await;
        assert!(!process.queue.enqueue_one(job()).await.unwrap().duplicate);
        workers.stop(Duration::from_secs(5)).await;
    }

    async fn jobs_of_a_transaction_exist_when_it_is_committed(database: TestDatabase) {
        let process = Process::on(&database).await;
        let workers = process.work();
        for (text, commit) in [("undone", false), ("done", true)] {
            let mut transaction = process.store.begin().await.unwrap();
            let enqueued = SqlJobs::enqueue_in(&mut transaction, &[note(text)]).await;
            let result = enqueued.and_then(|_| match commit {
                true => Ok(()),
                false => Err(QueueError::from(StoreError::Answer("no".into()))),
            });
            assert_eq!(transaction.conclude(result).await.is_ok(), commit);
        }
        assert_eq!(process.next_note().await, "done");
        workers.stop(Duration::from_secs(5)).await;
        assert_eq!(database.query(r#"SELECT COUNT(*) FROM "job""#), [["1"]]);
    }

    async fn many_jobs_are_enqueued_at_once_all_or_none(database: TestDatabase) {
        let process = Process::on(&database).await;
        let jobs: Vec<NewJob> = (0..1234).map(|number| note(&number.to_string())).collect();
        let enqueued = process.queue.enqueue_all(jobs.clone()).await.unwrap();
        assert!(jobs.iter().zip(&enqueued).all(|(job, enqueued)| job.id == enqueued.id));
        assert_eq!(database.query(r#"SELECT COUNT(*) FROM "job" WHERE "state" = 'queued'"#), [["1234"]]);
        let error = process.queue.enqueue_all(vec![note("a"), note("b").queue("B")]).await.unwrap_err();
        let expected = "the job `play` cannot be enqueued: the queue must consist of 1 to 63 lower-case letters, digits and hyphens";
        assert_eq!(error.to_string(), expected);
        let same = note("twice");
        assert!(process.queue.enqueue_all(vec![same.clone(), note("once"), same]).await.is_err());
        assert_eq!(database.query(r#"SELECT COUNT(*) FROM "job""#), [["1234"]]);
    }

    async fn what_follows_a_batch_runs_when_the_whole_batch_has_ended(database: TestDatabase) {
        let process = Process::on(&database).await;
        let failing = NewJob::of(&Play { act: Act::FailForGood }).unwrap();
        let jobs = vec![
            note("part").batch("import"), failing.batch("import"),
            note("late").delay(Duration::from_millis(100)).batch("import"), note("after").after_batch("import"),
        ];
        let ids = process.queue.enqueue_all(jobs).await.unwrap();
        let workers = process.work();
        assert_eq!(process.next_note().await, "part");
        assert_eq!(process.next_note().await, "late");
        assert_eq!(process.next_note().await, "after");
        assert_eq!(column(&database, &ids[1].id, "state"), "dead");
        workers.stop(Duration::from_secs(5)).await;
    }
}
