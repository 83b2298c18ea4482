//! The acts of an app that has no database.

use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use uuid::Uuid;

use super::{Act, ControlError, ControlStore, TaskState};
use crate::LeadershipState;

/// How many acts are remembered.
const ACTS: usize = 1000;

/// Keeps the newest thousand acts in memory. They are carried out at once, and forgotten when the process ends.
#[derive(Debug, Default)]
pub struct MemoryControl(Mutex<Kept>);

#[derive(Debug, Default)]
struct Kept {
    states: HashMap<String, TaskState>,
    /// Oldest first.
    acts: VecDeque<Act>,
    /// Those of them that nobody has taken.
    waiting: Vec<Uuid>,
}

impl MemoryControl {
    fn with<T>(&self, work: impl FnOnce(&mut Kept) -> T) -> T {
        work(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

#[async_trait]
impl ControlStore for MemoryControl {
    fn is_shared(&self) -> bool {
        false
    }

    async fn states(&self) -> Result<Vec<TaskState>, ControlError> {
        Ok(self.with(|kept| kept.states.values().cloned().collect()))
    }

    async fn record(&self, act: &Act) -> Result<(), ControlError> {
        self.with(|kept| {
            if act.action.changes_state() {
                let before = kept.states.remove(&act.task);
                kept.states.insert(act.task.clone(), TaskState::after(before, act));
            } else {
                kept.waiting.push(act.id);
            }
            if kept.acts.len() >= ACTS {
                kept.acts.pop_front();
            }
            kept.acts.push_back(act.clone());
        });
        Ok(())
    }

    async fn act(&self, id: Uuid) -> Result<Option<Act>, ControlError> {
        Ok(self.with(|kept| kept.acts.iter().find(|act| act.id == id).cloned()))
    }

    async fn take(&self, _: LeadershipState, _: Duration) -> Result<Vec<Act>, ControlError> {
        Ok(self.with(|kept| {
            let waiting = std::mem::take(&mut kept.waiting);
            kept.acts.iter().filter(|act| waiting.contains(&act.id)).cloned().collect()
        }))
    }

    async fn conclude(&self, act: &Act) -> Result<(), ControlError> {
        self.with(|kept| {
            if let Some(known) = kept.acts.iter_mut().find(|known| known.id == act.id) {
                known.clone_from(act);
            }
        });
        Ok(())
    }
}
