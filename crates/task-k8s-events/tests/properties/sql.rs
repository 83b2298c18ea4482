//! The SQL store as a sink, on every kind of database.
//!
//! The schedules share a database, each under the name of a cluster of its own. The statements run on another runtime, whose
//! time is real, while the schedule's stands still.

use std::future::poll_fn;
use std::pin::pin;
use std::sync::{Arc, mpsc};
use std::task::Poll;

use task_k8s_events::{Batch, Cursor, EventStore, EventStoreError, EventWriter, MIGRATIONS};
use taskserver_store::{Store, StoreError, StoreOptions};
use taskserver_tests::{Backend, TestDatabase, for_each_backend};
use tokio::runtime::Handle;

use crate::mutation::Mutation;
use crate::sink::{Contents, Event, Gap, Sink, Stored};
use crate::{assert_all_hold, assert_found_out, schedule};

for_each_backend! {
    async fn what_a_database_stores_is_what_the_server_had_or_a_gap_covers_it(database: TestDatabase) {
        let schedules = if database.backend() == Backend::Sqlite { 150 } else { 25 };
        let database = Database::new(database).await;
        assert_all_hold(schedules, |seed| Sql::new(&database, seed, Mutation::None));
    }

    async fn each_mutation_of_what_a_database_stores_is_found_out(database: TestDatabase) {
        let database = Database::new(database).await;
        for mutation in Mutation::ALL {
            assert_found_out(mutation, 600, |seed| Sql::new(&database, seed, mutation).emptied());
        }
    }
}

/// A database that the schedules share.
struct Database {
    store: Store,
    database: TestDatabase,
    runtime: Handle,
}

impl Database {
    async fn new(database: TestDatabase) -> Arc<Self> {
        let store = Store::new(StoreOptions::new(database.url()).expect("a URL")).expect("a store");
        store.migrate_with(MIGRATIONS).await.expect("the tables");
        Arc::new(Self { store, database, runtime: Handle::current() })
    }

    /// Waits for what happens on the other runtime.
    fn wait<T: Send + 'static>(&self, future: impl Future<Output = T> + Send + 'static) -> T {
        let (sender, receiver) = mpsc::channel();
        self.runtime.spawn(async move { sender.send(future.await) });
        receiver.recv().expect("it does not panic")
    }
}

struct Sql {
    database: Arc<Database>,
    events: EventStore,
    cluster: String,
    mutation: Mutation,
    writer: Option<EventWriter>,
    /// The one before.
    superseded: Option<EventWriter>,
}

impl Sql {
    fn new(database: &Arc<Database>, seed: u64, mutation: Mutation) -> Self {
        let cluster = schedule::cluster(seed);
        Self {
            database: Arc::clone(database),
            events: EventStore::new(database.store.clone(), &*cluster),
            cluster,
            mutation,
            writer: None,
            superseded: None,
        }
    }

    /// Removes everything of the cluster, of a schedule before.
    fn emptied(self) -> Self {
        let tables = ["k8s-event", "k8s-event-gap", "k8s-event-cursor"];
        let delete = tables.map(|table| format!(r#"DELETE FROM "{table}" WHERE "cluster" = '{}';"#, self.cluster));
        self.database.database.execute(&delete.concat());
        self
    }

    /// Removes rows, so that any version can take their place.
    fn forget(&self, batch: &Batch) {
        let (store, cluster) = (self.database.store.clone(), self.cluster.clone());
        let uids: Vec<String> = batch.changes.iter().map(|change| change.event.uid.clone()).collect();
        self.database.wait(async move {
            let mut transaction = store.begin().await.expect("a transaction");
            for uid in uids {
                let mut sql = transaction.sql();
                sql.push("DELETE FROM ").name("k8s-event").push(" WHERE cluster = ").text(&*cluster);
                sql.push(" AND uid = ").text(uid);
                transaction.execute(sql).await.expect("it can be deleted");
            }
            transaction.conclude(Ok::<_, StoreError>(())).await.expect("an end");
        });
    }

    /// Stores with a writer until it has been polled too often, and then drops both.
    fn store_with(&self, mut writer: EventWriter, batch: Batch, patience: Option<u32>) -> Option<EventWriter> {
        self.database.wait(async move {
            let result = {
                let mut storing = pin!(writer.store(&batch));
                let mut polls = patience.unwrap_or(u32::MAX);
                poll_fn(|context| match polls.checked_sub(1) {
                    None => Poll::Ready(None),
                    Some(left) => {
                        polls = left;
                        storing.as_mut().poll(context).map(Some)
                    }
                })
                .await
            };
            result?.expect("the database works");
            Some(writer)
        })
    }
}

impl Sink for Sql {
    fn begin(&mut self) -> Option<Cursor> {
        self.superseded = self.writer.take().or(self.superseded.take());
        let events = self.events.clone();
        let writer = self.database.wait(async move { events.claim().await.expect("the database works") });
        let cursor = writer.cursor().cloned();
        self.writer = Some(writer);
        cursor
    }

    fn store(&mut self, batch: Batch, patience: Option<u32>) -> Stored {
        let mut writer = self.writer.take().expect("it has begun");
        if self.mutation == Mutation::Unguarded {
            self.forget(&batch);
        }
        if self.mutation == Mutation::CursorFirst {
            let cursor = Batch { changes: Vec::new(), gap: None, ..batch.clone() };
            writer = self.store_with(writer, cursor, None).expect("it does not crash");
        }
        self.writer = self.store_with(writer, batch, patience);
        if self.writer.is_some() { Stored::Yes } else { Stored::Unknown }
    }

    fn store_late(&mut self, batch: Batch) {
        if let Some(mut superseded) = self.superseded.take() {
            let late = batch.clone();
            let error =
                self.database.wait(async move { superseded.store(&late).await.expect_err("it was superseded") });
            assert!(matches!(error, EventStoreError::Superseded { .. }), "{error}");
        }
        // And if its rows came all the same, by some way of their own, they would change nothing.
        let Some(cursor) = self.writer.as_ref().and_then(|writer| writer.cursor().cloned()) else { return };
        self.store(Batch { cursor, ..batch }, None);
    }

    fn contents(&mut self) -> Contents {
        let database = &self.database.database;
        let of_cluster = format!(r#"WHERE "cluster" = '{}'"#, self.cluster);
        let number = |text: &str| text.parse().expect("a number");
        let events = database.query(&format!(
            r#"SELECT "uid", "resourceVersion", "count", CASE WHEN "deletedAt" IS NULL THEN 0 ELSE 1 END FROM "k8s-event"
               {of_cluster}"#
        ));
        let event = |row: Vec<String>| {
            let event = Event {
                version: number(&row[1]),
                // The last events have no count.
                count: row[2].parse().unwrap_or_default(),
                is_deleted: row[3] == "1",
            };
            (row[0].clone(), event)
        };
        let gaps = database
            .query(&format!(r#"SELECT "namespace", "fromVersion", "toVersion" FROM "k8s-event-gap" {of_cluster}"#));
        let gap = |row: Vec<String>| Gap {
            namespace: Some(row[0].clone()).filter(|namespace| namespace != "NULL"),
            from: number(&row[1]),
            to: number(&row[2]),
        };
        Contents { events: events.into_iter().map(event).collect(), gaps: gaps.into_iter().map(gap).collect() }
    }
}
