//! The outbox: what is still to be said to each receiver, in the order in which it came about; and how it stands with them.
//!
//! A row is written in the transaction of what it is about, and deleted in that in which its delivery is noted. Those that note
//! something lock no gaps between rows: the loops of two receivers that are told for the first time would else get into each other's
//! way on MySQL, and the one that gives way tell again.
//!
//! What became of each is kept beside it, in a log for whoever looks.

use jiff::Timestamp;
use taskserver_store::{Fence, Store, StoreError, Transaction};

use crate::row::{Cell, columns, id, insert, moment, update};
use crate::schema::{ALERT, ALERT_DELIVERY_LOG, ALERT_RECEIVER, DELIVERY};
use crate::{AlertRecord, Content, Level, ReportRecord};

/// How many deliveries are looked up at once.
const BATCH: usize = 100;

/// What is to be said.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Firing,
    Resolved,
    Report,
}

impl Kind {
    const ALL: [Self; 3] = [Self::Firing, Self::Resolved, Self::Report];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Firing => "firing",
            Self::Resolved => "resolved",
            Self::Report => "report",
        }
    }
}

/// Puts something to be said to a receiver at the end.
pub(crate) async fn enqueue(
    transaction: &mut Transaction,
    receiver: &str,
    subject: &str,
    kind: Kind,
    now: Timestamp,
) -> Result<(), StoreError> {
    let row = [
        ("subject", Cell::Text(subject)),
        ("kind", Cell::Text(kind.name())),
        ("receiver", Cell::Text(receiver)),
        ("attempts", Cell::Integer(0)),
        ("nextAttemptAt", Cell::Moment(now)),
        ("createdAt", Cell::Moment(now)),
    ];
    insert(transaction, DELIVERY, &row).await
}

/// Something that is to be said now.
#[derive(Debug)]
pub(crate) struct Due {
    pub(crate) seq: i64,
    pub(crate) subject: String,
    pub(crate) kind: Kind,
    pub(crate) attempts: i64,
}

impl Due {
    /// The id of its delivery to a receiver, the same in every attempt.
    pub(crate) fn id(&self, receiver: &str) -> String {
        id(["delivery", &self.subject, self.kind.name(), receiver])
    }
}

/// How it stands with a receiver.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Standing {
    /// How often in a row it could not be told.
    pub(crate) failures: u32,
    /// When it is tried again.
    pub(crate) next_attempt: Option<Timestamp>,
}

/// One receiver's part of the outbox, as the leader has it.
#[derive(Clone)]
pub(crate) struct Outbox {
    pub(crate) store: Store,
    pub(crate) receiver: String,
    pub(crate) fence: Option<Fence>,
}

impl Outbox {
    /// What is due, the first first. Of one alert only the first that is not delivered, so that what became of it later is
    /// not said before.
    pub(crate) async fn due(&self, now: Timestamp) -> Result<Vec<Due>, StoreError> {
        let mut sql = self.store.sql();
        let backend = sql.backend();
        let quoted = |name| format!("d.{}", backend.quote(name));
        let columns = ["seq", "subject", "kind", "attempts"].map(|name| backend.as_text(&quoted(name)));
        let [seq, subject, receiver, due] = ["seq", "subject", "receiver", "nextAttemptAt"].map(quoted);
        sql.push(&format!("SELECT {} FROM ", columns.join(", "))).name(DELIVERY).push(" d WHERE ");
        sql.push(&format!("{receiver} = ")).text(&self.receiver).push(&format!(" AND {due} <= ")).moment(now);
        sql.push(" AND NOT EXISTS (SELECT 1 FROM ").name(DELIVERY).push(" e WHERE e.").name("subject");
        sql.push(&format!(" = {subject} AND e.")).name("receiver").push(&format!(" = {receiver} AND e.")).name("seq");
        sql.push(&format!(" < {seq}) ORDER BY {seq} LIMIT {BATCH}"));
        let rows = self.store.load(sql).await?;
        Ok(rows
            .into_iter()
            .filter_map(|row| {
                let [seq, subject, kind, attempts] = <[_; 4]>::try_from(row).ok()?;
                let kind = kind?;
                let kind = Kind::ALL.into_iter().find(|known| known.name() == kind)?;
                Some(Due { seq: seq?.parse().ok()?, subject: subject?, kind, attempts: attempts?.parse().ok()? })
            })
            .collect())
    }

    /// What a delivery is about; nothing if it is there no more.
    pub(crate) async fn content(&self, due: &Due) -> Result<Option<Content>, StoreError> {
        Ok(match due.kind {
            Kind::Report => ReportRecord::load(&self.store, &due.subject).await?.map(Content::Report),
            Kind::Firing | Kind::Resolved => {
                let told = |alert| Content::Alert(AlertRecord { state: due.kind.name().to_owned(), ..alert });
                AlertRecord::load(&self.store, &due.subject).await?.map(told)
            }
        })
    }

    /// The next alerts that are firing, by their ids.
    pub(crate) async fn firing(&self, levels: &[Level], after: &str) -> Result<Vec<AlertRecord>, StoreError> {
        AlertRecord::firing(&self.store, levels, after, BATCH).await
    }

    /// Notes that something was said.
    pub(crate) async fn delivered(&self, due: &Due, now: Timestamp) -> Result<(), StoreError> {
        let mut transaction = self.store.begin_read_committed().await?;
        let result = async {
            delete(&mut transaction, due.seq).await?;
            self.log(&mut transaction, due, "delivered", None, now).await?;
            if due.kind != Kind::Report {
                let mut sql = transaction.sql();
                sql.push("UPDATE ").name(ALERT).push(" SET deliveries = deliveries + 1 WHERE id = ").text(&due.subject);
                transaction.execute(sql).await?;
            }
            let row = [
                ("failures", Cell::Integer(0)),
                ("nextAttemptAt", Cell::Null),
                ("lastError", Cell::Null),
                ("deliveredAt", Cell::Moment(now)),
                ("updatedAt", Cell::Moment(now)),
                ("id", Cell::Text(&self.receiver)),
            ];
            self.save(&mut transaction, &row).await?;
            self.check(&mut transaction).await
        }
        .await;
        transaction.conclude(result).await
    }

    /// Notes that the receiver could not be told anything, when it was to be told this or was reminded.
    pub(crate) async fn failed(
        &self,
        standing: &Standing,
        due: Option<&Due>,
        error: &str,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let mut transaction = self.store.begin_read_committed().await?;
        let result = async {
            let row = [
                ("failures", Cell::Integer(standing.failures.into())),
                ("nextAttemptAt", standing.next_attempt.into()),
                ("lastError", Cell::Message(error)),
                ("updatedAt", Cell::Moment(now)),
                ("id", Cell::Text(&self.receiver)),
            ];
            self.save(&mut transaction, &row).await?;
            if let Some(due) = due {
                self.log(&mut transaction, due, "waiting", Some(error), now).await?;
            }
            self.check(&mut transaction).await
        }
        .await;
        transaction.conclude(result).await
    }

    /// Notes that the receiver does not take this: it is tried again later, or given up.
    pub(crate) async fn rejected(
        &self,
        due: &Due,
        error: &str,
        again_at: Option<Timestamp>,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let mut transaction = self.store.begin_read_committed().await?;
        let result = async {
            match again_at {
                None => delete(&mut transaction, due.seq).await?,
                Some(again_at) => {
                    let mut sql = transaction.sql();
                    sql.push("UPDATE ").name(DELIVERY).push(" SET attempts = attempts + 1, ").name("nextAttemptAt");
                    sql.push(" = ").moment(again_at).push(" WHERE seq = ").integer(due.seq);
                    transaction.execute(sql).await?;
                }
            }
            let state = if again_at.is_some() { "waiting" } else { "given up" };
            self.log(&mut transaction, due, state, Some(error), now).await?;
            self.check(&mut transaction).await
        }
        .await;
        transaction.conclude(result).await
    }

    /// Logs what became of an attempt.
    async fn log(
        &self,
        transaction: &mut Transaction,
        due: &Due,
        state: &str,
        error: Option<&str>,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let id = due.id(&self.receiver);
        let mut sql = transaction.sql();
        sql.push("UPDATE ").name(ALERT_DELIVERY_LOG).push(" SET attempts = attempts + 1 WHERE id = ").text(&*id);
        let is_first = transaction.execute(sql).await? == 0;
        let ended = || {
            let error = error.map_or(Cell::Null, Cell::Message);
            [("state", Cell::Text(state)), ("lastError", error), ("updatedAt", Cell::Moment(now))]
        };
        if !is_first {
            return update(transaction, ALERT_DELIVERY_LOG, &ended(), &id).await.map(drop);
        }
        let row = [
            ("id", Cell::Text(&id)),
            ("subject", Cell::Text(&due.subject)),
            ("kind", Cell::Text(due.kind.name())),
            ("receiver", Cell::Text(&self.receiver)),
            ("attempts", Cell::Integer(1)),
        ];
        insert(transaction, ALERT_DELIVERY_LOG, &row.into_iter().chain(ended()).collect::<Vec<_>>()).await
    }

    /// How it stands with the receiver.
    pub(crate) async fn standing(&self) -> Result<Standing, StoreError> {
        let mut sql = self.store.sql();
        let columns = columns(&sql, &["failures", "nextAttemptAt"]);
        sql.push(&format!("SELECT {columns} FROM ")).name(ALERT_RECEIVER).push(" WHERE id = ").text(&self.receiver);
        let row = self.store.load(sql).await?.pop().and_then(|row| <[_; 2]>::try_from(row).ok());
        let [failures, next] = row.unwrap_or_default();
        Ok(Standing {
            failures: failures.and_then(|failures| failures.parse().ok()).unwrap_or_default(),
            next_attempt: next.as_deref().and_then(moment),
        })
    }

    /// Writes the row of the receiver, whose id is the last of its columns.
    async fn save(&self, transaction: &mut Transaction, row: &[(&str, Cell<'_>)]) -> Result<(), StoreError> {
        let changing = row.split_last().map_or(row, |(_, changing)| changing);
        match update(transaction, ALERT_RECEIVER, changing, &self.receiver).await? {
            true => Ok(()),
            false => insert(transaction, ALERT_RECEIVER, row).await,
        }
    }

    /// The last thing in a transaction, since it keeps the leader from renewing its lease until the end.
    async fn check(&self, transaction: &mut Transaction) -> Result<(), StoreError> {
        match &self.fence {
            Some(fence) => fence.check(transaction).await,
            None => Ok(()),
        }
    }
}

async fn delete(transaction: &mut Transaction, seq: i64) -> Result<(), StoreError> {
    let mut sql = transaction.sql();
    sql.push("DELETE FROM ").name(DELIVERY).push(" WHERE seq = ").integer(seq);
    transaction.execute(sql).await.map(drop)
}
