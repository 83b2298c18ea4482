//! Where batches are stored.

use std::collections::BTreeMap;

use task_k8s_events::{Batch, Cursor};

use crate::common::Store;
use crate::mutation::Mutation;

/// What became of a batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stored {
    Yes,
    /// Whoever stored it has crashed meanwhile, so that it is not known.
    Unknown,
}

/// Stores batches. What is stored outlives whoever stores it.
pub(crate) trait Sink {
    /// Begins to store, in place of whoever did until now, and gives the stored cursor.
    fn begin(&mut self) -> Option<Cursor>;

    /// Stores a batch with its cursor. With `patience`, whoever stores crashes when it has been polled that often.
    fn store(&mut self, batch: Batch, patience: Option<u32>) -> Stored;

    /// Stores what a collector has read that another one has taken the place of. Its cursor is refused.
    fn store_late(&mut self, batch: Batch);

    /// What is stored.
    fn contents(&mut self) -> Contents;
}

/// What is stored in the end.
#[derive(Debug, Default)]
pub(crate) struct Contents {
    /// By their uids.
    pub(crate) events: BTreeMap<String, Event>,
    pub(crate) gaps: Vec<Gap>,
}

/// A stored event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Event {
    pub(crate) version: u64,
    pub(crate) count: i64,
    pub(crate) is_deleted: bool,
}

/// A stored gap, between two versions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Gap {
    pub(crate) namespace: Option<String>,
    pub(crate) from: u64,
    pub(crate) to: u64,
}

/// The simplest sink.
pub(crate) struct Memory {
    store: Store,
    mutation: Mutation,
}

impl Memory {
    pub(crate) fn new(mutation: Mutation) -> Self {
        Self { store: Store::default(), mutation }
    }

    fn guarded(&self) -> bool {
        self.mutation != Mutation::Unguarded
    }
}

impl Sink for Memory {
    fn begin(&mut self) -> Option<Cursor> {
        // As a consumer does that keeps the cursor as text.
        let text = serde_json::to_string(&self.store.cursor).expect("a cursor is JSON");
        serde_json::from_str(&text).expect("a cursor again")
    }

    fn store(&mut self, batch: Batch, patience: Option<u32>) -> Stored {
        if self.mutation == Mutation::CursorFirst {
            self.store.cursor = Some(batch.cursor.clone());
        }
        if patience.is_some() {
            return Stored::Unknown;
        }
        self.store.cursor = Some(batch.cursor.clone());
        let guarded = self.guarded();
        self.store.apply_rows(batch, guarded);
        Stored::Yes
    }

    fn store_late(&mut self, batch: Batch) {
        let guarded = self.guarded();
        self.store.apply_rows(batch, guarded);
    }

    fn contents(&mut self) -> Contents {
        let number = |version: &task_k8s_events::ResourceVersion| version.number().expect("a number");
        let event = |row: &crate::common::Row| Event {
            version: number(&row.event.resource_version),
            count: row.event.count.unwrap_or_default(),
            is_deleted: row.deleted,
        };
        let gap = |gap: &task_k8s_events::Gap| Gap {
            namespace: gap.namespace.clone(),
            from: number(&gap.from.resource_version),
            to: number(&gap.to.resource_version),
        };
        Contents {
            events: self.store.rows.iter().map(|(uid, row)| (uid.clone(), event(row))).collect(),
            gaps: self.store.gaps.iter().map(gap).collect(),
        }
    }
}
