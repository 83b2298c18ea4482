//! How long jobs are kept.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use taskserver_core::App;
use taskserver_queue::{JobRetention, JobRetentionTask};
use taskserver_tests::for_each_backend;

use crate::fixture::{Act, Play, Process, until};

for_each_backend! {
    async fn jobs_that_ended_long_ago_are_given_up_but_not_their_keys(database: TestDatabase) {
        let process = Process::on(&database).await;
        let workers = process.work();
        let done = process.enqueue(Act::Note("done".into())).await;
        let dead = process.enqueue(Act::FailForGood).await;
        let keyed = taskserver_queue::NewJob::of(&Play { act: Act::Note("keyed".into()) }).unwrap();
        let keyed = process.queue.enqueue_one(keyed.unique_within("key", Duration::from_secs(3600))).await.unwrap().id;
        for (id, state) in [(&done, "succeeded"), (&dead, "dead"), (&keyed, "succeeded")] {
            until(&database, id, state).await;
        }
        workers.stop(Duration::from_secs(5)).await;
        let later = process.enqueue(Act::Note("later".into())).await;

        let retention = Arc::new(Mutex::new(JobRetention::default()));
        let app = App::builder().task(JobRetentionTask::new(&process.store, Arc::clone(&retention))).build().unwrap();
        let run = async |keep: JobRetention| {
            *retention.lock().unwrap() = keep;
            app.tasks().run_and_wait(&app, "job-retention").await.unwrap().result
        };
        let (long, none) = (JobRetention::default(), Some(Duration::ZERO));
        assert_eq!(run(long).await, serde_json::json!({"deleted": 0}));
        assert_eq!(run(JobRetention { finished: none, ..long }).await, serde_json::json!({"deleted": 1}));
        assert_eq!(run(JobRetention { dead: none, ..long }).await, serde_json::json!({"deleted": 1}));
        let mut left = vec![vec![keyed], vec![later]];
        left.sort();
        assert_eq!(database.query(r#"SELECT "id" FROM "job" ORDER BY "id""#), left);
    }
}
