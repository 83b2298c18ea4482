//! What people do to the tasks, in the database: the tables `task-act`, the record of it, and `task-state`, what it made of them.
//!
//! Whoever leads takes acts up only in its [term](crate::Fence), so that none is carried out twice. For how long an act has
//! waited is judged by the database's clock.

mod rows;

use std::time::Duration;

use async_trait::async_trait;
use taskserver_core::{Act, ControlError, ControlStore, LeadershipState, TaskState};
use uuid::Uuid;

use crate::store::read_again;
use crate::{Fence, Store, StoreError, Transaction};

pub use rows::TASK_ACT;
pub(crate) use rows::expired as expired_acts;
pub(crate) use rows::task_act_schema;

/// The acts and the states of the tasks in the database. Its tables are made by [`Store::migrate`].
pub struct SqlControl {
    store: Store,
    instance: String,
    leadership: Option<String>,
}

impl SqlControl {
    /// Those that the process of this name takes part in, the same as the [app's](taskserver_core::AppBuilder::instance).
    #[must_use]
    pub fn new(store: &Store, instance: &str) -> Self {
        Self { store: store.clone(), instance: instance.to_owned(), leadership: None }
    }

    /// Checks the leader's term against this leadership.
    #[must_use]
    pub fn fenced(mut self, leadership: &str) -> Self {
        self.leadership = Some(leadership.to_owned());
        self
    }

    async fn any_open(&self) -> Result<bool, StoreError> {
        let sql = rows::any_open(self.store.backend());
        let rows = read_again(|| async { self.store.lease().await?.load(sql.clone()).await }).await?;
        Ok(!rows.is_empty())
    }

    async fn take_open(
        &self,
        transaction: &mut Transaction,
        leading: LeadershipState,
        expiry: Duration,
    ) -> Result<Vec<Act>, StoreError> {
        if let (Some(leadership), Some(term)) = (&self.leadership, leading.term()) {
            Fence::new(leadership, term).check(transaction).await?;
        }
        let backend = self.store.backend();
        transaction.execute(rows::lose(backend)).await?;
        transaction.execute(rows::expire(backend, expiry)).await?;
        let taken = transaction.load(rows::waiting(backend)).await?;
        let acts = taken.into_iter().map(rows::act).collect::<Result<Vec<Act>, _>>()?;
        if !acts.is_empty() {
            transaction.execute(rows::take(backend, &acts, &self.instance)).await?;
        }
        Ok(acts)
    }
}

#[async_trait]
impl ControlStore for SqlControl {
    async fn states(&self) -> Result<Vec<TaskState>, ControlError> {
        let sql = rows::states(self.store.backend());
        let rows = read_again(|| async { self.store.lease().await?.load(sql.clone()).await }).await?;
        Ok(rows.into_iter().map(rows::state).collect::<Result<_, _>>()?)
    }

    async fn record(&self, act: &Act) -> Result<(), ControlError> {
        let backend = self.store.backend();
        let mut transaction = self.store.begin().await?;
        let result = async {
            transaction.execute(rows::insert(backend, act)).await?;
            if let Some(change) = rows::change_state(backend, act) {
                transaction.execute(change).await?;
            }
            Ok::<_, StoreError>(())
        }
        .await;
        Ok(transaction.conclude(result).await?)
    }

    async fn act(&self, id: Uuid) -> Result<Option<Act>, ControlError> {
        let sql = rows::by_id(self.store.backend(), id);
        let rows = read_again(|| async { self.store.lease().await?.load(sql.clone()).await }).await?;
        Ok(rows.into_iter().next().map(|row| rows::act(row.0)).transpose()?)
    }

    async fn take(&self, leading: LeadershipState, expiry: Duration) -> Result<Vec<Act>, ControlError> {
        // Nearly always there is none, and a look costs less than a transaction.
        if !self.any_open().await? {
            return Ok(Vec::new());
        }
        let mut transaction = self.store.begin().await?;
        let result = self.take_open(&mut transaction, leading, expiry).await;
        Ok(transaction.conclude(result).await?)
    }

    async fn conclude(&self, act: &Act) -> Result<(), ControlError> {
        let sql = rows::conclude(self.store.backend(), act);
        self.store.lease().await?.execute(sql).await?;
        Ok(())
    }
}
