//! The kinds of jobs that a process knows.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::Job;
use crate::job::Kind;
use crate::new_job::is_name;

/// The kinds of jobs that this process knows how to run.
#[derive(Clone, Default)]
pub struct Jobs(BTreeMap<&'static str, Arc<Kind>>);

impl Jobs {
    /// None.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a kind of job, and what its jobs work with.
    ///
    /// # Panics
    /// If another kind has its name, or the name is none: both are mistakes of the program's, found when it starts.
    #[must_use]
    pub fn register<J: Job>(mut self, environment: J::Environment) -> Self {
        let kind = Kind::new::<J>(environment);
        assert!(is_name(kind.name), "`{}` is no name of a job", kind.name);
        assert!(self.0.insert(kind.name, Arc::new(kind)).is_none(), "the job `{}` is registered twice", J::NAME);
        self
    }

    pub(crate) fn get(&self, name: &str) -> Option<&Arc<Kind>> {
        self.0.get(name)
    }

    /// The names of the kinds.
    pub fn names(&self) -> impl Iterator<Item = &'static str> {
        self.0.keys().copied()
    }

    /// The queues that the kinds go to by themselves.
    pub(crate) fn queues(&self) -> impl Iterator<Item = &'static str> {
        self.0.values().map(|kind| kind.queue)
    }
}
