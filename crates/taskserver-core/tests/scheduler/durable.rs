//! A run history that outlasts the apps which write it, as a database does.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use jiff::Timestamp;
use taskserver_core::{HistoryError, LastRuns, LeadershipState, Outcome, Run, RunHistory, Trigger};

/// All runs, in the order in which they were first recorded. Clones share them.
#[derive(Clone, Default)]
pub(crate) struct Durable(Arc<Mutex<Vec<Run>>>);

impl Durable {
    pub(crate) fn runs(&self) -> Vec<Run> {
        self.0.lock().unwrap().clone()
    }

    /// A history in which this run ended in success.
    pub(crate) fn with(run: Run) -> Self {
        Self(Arc::new(Mutex::new(vec![run])))
    }

    /// Forgets how the runs ended, as if their process had died before.
    pub(crate) fn forget_ends(&self) {
        self.0.lock().unwrap().iter_mut().for_each(|run| run.outcome = None);
    }

    fn put(&self, run: &Run) {
        let mut runs = self.0.lock().unwrap();
        match runs.iter_mut().find(|known| known.id == run.id) {
            Some(known) => known.clone_from(run),
            None => runs.push(run.clone()),
        }
    }
}

#[async_trait]
impl RunHistory for Durable {
    async fn started(&self, run: &Run) -> Result<(), HistoryError> {
        self.put(run);
        Ok(())
    }

    async fn finished(&self, run: &Run) -> Result<(), HistoryError> {
        self.put(run);
        Ok(())
    }

    async fn recent(&self, task: &str, limit: usize) -> Result<Vec<Run>, HistoryError> {
        let mut runs = self.runs();
        runs.retain(|run| run.task == task);
        Ok(runs.into_iter().rev().take(limit).collect())
    }

    async fn recover(&self, leading: LeadershipState) -> Result<u64, HistoryError> {
        let mut lost = 0;
        for run in self.0.lock().unwrap().iter_mut().filter(|run| run.outcome.is_none()) {
            let is_former = leading == LeadershipState::Always || leading.term() > run.term;
            if is_former {
                (run.outcome, run.interrupted) = (Some(Outcome::Lost), true);
                lost += 1;
            }
        }
        Ok(lost)
    }

    async fn last_runs(&self, now: Timestamp) -> Result<HashMap<String, LastRuns>, HistoryError> {
        let mut last_runs: HashMap<String, LastRuns> = HashMap::new();
        for run in self.runs().iter().filter(|run| run.outcome.is_some() && run.trigger != Trigger::Manual) {
            let last = last_runs.entry(run.task.clone()).or_default();
            if run.interrupted {
                last.interrupted = Some(last.interrupted.map_or(run.scheduled, |first| first.min(run.scheduled)));
            } else if run.scheduled > now {
                last.ahead.push(run.scheduled);
            } else {
                last.settled = last.settled.max(Some(run.scheduled));
            }
            if run.outcome == Some(Outcome::Succeeded) {
                last.succeeded = last.succeeded.max(Some(run.scheduled));
            }
        }
        Ok(last_runs)
    }
}
