//! The run history, and one that fails.

use std::sync::Arc;

use async_trait::async_trait;
use taskserver_core::{App, HistoryError, MemoryHistory, Outcome, Run, RunHistory, TaskConfig};

use crate::fixture::*;

#[tokio::test(start_paused = true)]
async fn memory_keeps_the_newest_runs_of_each_task() {
    let clock = TestClock::noon();
    let app = App::builder()
        .clock(clock)
        .history(MemoryHistory::new(3))
        .task_with(Probe::new("often", Work::Takes(SECOND)), TaskConfig::every(MINUTE))
        .task_with(Probe::new("rarely", Work::Takes(SECOND)), TaskConfig::every(4 * MINUTE))
        .build()
        .unwrap();
    app.start();
    wait(7 * MINUTE + SECOND / 2).await;
    let often = outcomes(&app, "often").await;
    let ended = |time: &str| (time.to_owned(), Some(Outcome::Succeeded));
    assert_eq!(often, [ended("12:05:00"), ended("12:06:00"), ("12:07:00".to_owned(), None)]);
    assert_eq!(outcomes(&app, "rarely").await, [ended("12:04:00")]);
    let newest = app.tasks().history().recent("often", 1).await.unwrap();
    assert_eq!(newest.iter().map(|run| of_day(run.scheduled)).collect::<Vec<_>>(), ["12:07:00"]);
    assert_eq!(app.tasks().history().recent("never", 9).await.unwrap(), []);
}

enum Broken {
    Fails,
    Panics,
    Hangs,
}

#[async_trait]
impl RunHistory for Broken {
    async fn started(&self, run: &Run) -> Result<(), HistoryError> {
        self.finished(run).await
    }

    async fn finished(&self, _: &Run) -> Result<(), HistoryError> {
        match self {
            Self::Fails => Err("the disk is full".into()),
            Self::Panics => panic!("the disk is gone"),
            Self::Hangs => std::future::pending().await,
        }
    }

    async fn recent(&self, _: &str, _: usize) -> Result<Vec<Run>, HistoryError> {
        Err("the disk is full".into())
    }
}

#[tokio::test(start_paused = true)]
async fn a_history_that_fails_panics_or_hangs_never_fails_a_run() {
    for history in [Broken::Fails, Broken::Panics, Broken::Hangs] {
        let probe = Probe::new("probe", Work::Takes(SECOND));
        let app = App::builder().clock(TestClock::noon()).history(history).task(probe).build().unwrap();
        for _ in 0..2 {
            let run = app.tasks().run_and_wait(&app, "probe").await.unwrap();
            assert_eq!(run.outcome, Some(Outcome::Succeeded));
        }
        assert_eq!(app.tasks().history_failures(), 4);
    }
}

/// Notes what it is told, in order.
#[derive(Clone, Default)]
struct Notes(Arc<std::sync::Mutex<Vec<String>>>);

#[async_trait]
impl RunHistory for Notes {
    async fn started(&self, run: &Run) -> Result<(), HistoryError> {
        self.0.lock().unwrap().push(format!("started attempt {} {:?}", run.attempt, run.outcome));
        Ok(())
    }

    async fn finished(&self, run: &Run) -> Result<(), HistoryError> {
        self.0.lock().unwrap().push(format!("finished attempt {} {:?}", run.attempt, run.outcome));
        Ok(())
    }

    async fn recent(&self, _: &str, _: usize) -> Result<Vec<Run>, HistoryError> {
        Ok(Vec::new())
    }
}

#[tokio::test(start_paused = true)]
async fn a_run_is_recorded_once_when_it_begins_and_once_when_it_ends_however_many_attempts_it_takes() {
    let (notes, probe) = (Notes::default(), Probe::new("probe", Work::SucceedsInAttempt(3)));
    let config = TaskConfig::manual().retries(5);
    let app = App::builder().clock(TestClock::noon()).history(notes.clone()).task_with(probe, config).build().unwrap();
    app.tasks().run_and_wait(&app, "probe").await.unwrap();
    assert_eq!(*notes.0.lock().unwrap(), ["started attempt 1 None", "finished attempt 3 Some(Succeeded)"]);
}
