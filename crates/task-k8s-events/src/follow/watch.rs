//! Watches, and what their ends mean.
//!
//! Three things make "nothing lost, or a gap says so" true where a watch alone does not:
//!
//! - Events are not in the server's watch cache, and so their watches get no bookmarks. On a quiet cluster the version to
//!   go on from would age until it is compacted. Before each watch the newest version is therefore asked for; a watch that
//!   then lasts its full time without an event proves that nothing happened up to that version.
//! - The same question shows a server whose history has been reset, where a watch from the future would stay silent.
//! - A watch that ends early and empty may have been refused without a word. Whether its version is still there is asked
//!   with a list at exactly that version; and after some such watches it is given up even so.

use jiff::Timestamp;
use tokio::time::{Instant, timeout_at};

use super::{Follower, Step, older};
use crate::api::Line;
use crate::cursor::{GapReason, Point};
use crate::{ChangeKind, Error};

/// After so many watches in a row that end early without an event, everything is listed anew.
const MAX_FRUITLESS_WATCHES: u32 = 3;

/// How a watch has ended.
pub(super) struct Ended {
    result: Result<(), Error>,
    /// It sent something.
    progressed: bool,
    /// It lasted as long as it was asked to.
    lasted: bool,
}

impl Follower {
    /// Reads from the open watch, or opens one. Nothing, when there is nothing to store yet.
    pub(super) async fn watch(&mut self, point: Point) -> Result<Option<Step>, Error> {
        if let Some(ended) = self.ended.take() {
            return self.judge(point, ended).await;
        }
        if self.watch.is_none() {
            self.open(&point).await?;
        }
        let Some(watch) = &mut self.watch else { return Ok(None) };

        let mut items = Vec::new();
        let mut rejected = Vec::new();
        let mut version = None;
        let mut until = None;
        let result = loop {
            let next = match until {
                None => watch.next().await,
                Some(until) => match timeout_at(until, watch.next()).await {
                    Ok(next) => next,
                    Err(_) => break None,
                },
            };
            let line = match next {
                Ok((Line::End, _)) => break Some(Ok(())),
                Ok((line, newer)) => {
                    version = newer.or(version);
                    line
                }
                Err(error) => break Some(Err(error)),
            };
            until.get_or_insert_with(|| Instant::now() + self.options.max_batch_delay);
            match line {
                Line::Applied(item) => items.push((ChangeKind::Applied, item)),
                Line::Deleted(item) => items.push((ChangeKind::Deleted, item)),
                Line::TooLong(item) => rejected.push(item),
                Line::Bookmark | Line::End => {}
            }
            if items.len() + rejected.len() >= self.options.max_batch {
                break None;
            }
        };
        self.progressed |= until.is_some();
        if let Some(result) = result {
            let ended = Ended { result, progressed: self.progressed, lasted: watch.lasted() };
            self.watch = None;
            if until.is_none() {
                return self.judge(point, ended).await;
            }
            self.ended = Some(ended);
        }

        self.fruitless = 0;
        let mut changes = Vec::with_capacity(items.len());
        for (kind, item) in items {
            self.keep(kind, item, &mut changes, &mut rejected);
        }
        let resource_version = version.unwrap_or(point.resource_version);
        let position = self.follow(Point { resource_version, at: Timestamp::now() });
        Ok(Some(Step { changes, rejected, gap: None, position }))
    }

    async fn open(&mut self, point: &Point) -> Result<(), Error> {
        let at = Timestamp::now();
        let newest = self.api.newest_version().await?;
        if older(&newest, &point.resource_version) {
            self.list_anew(point.clone(), GapReason::HistoryReset);
            return Err(Error::HistoryReset { resource_version: point.resource_version.to_string() });
        }
        match self.api.watch(&point.resource_version).await {
            Ok(watch) => {
                self.watch = Some(watch);
                self.progressed = false;
                self.newest = Some(Point { resource_version: newest, at });
                Ok(())
            }
            Err(error) => {
                if let Error::Expired { .. } = error {
                    self.list_anew(point.clone(), GapReason::Expired);
                }
                Err(error)
            }
        }
    }

    /// Decides what the end of a watch means.
    async fn judge(&mut self, point: Point, ended: Ended) -> Result<Option<Step>, Error> {
        match ended.result {
            Ok(()) if ended.progressed => Ok(None),
            Ok(()) if ended.lasted => {
                self.fruitless = 0;
                let Some(newest) = self.newest.take() else { return Ok(None) };
                let position = self.follow(newest);
                Ok(Some(Step { changes: Vec::new(), rejected: Vec::new(), gap: None, position }))
            }
            Ok(()) => Err(self.suspect(point).await),
            Err(error) => {
                if let Error::Expired { .. } = error {
                    self.list_anew(point, GapReason::Expired);
                } else if !ended.progressed && matches!(error, Error::Api { .. } | Error::InvalidAnswer { .. }) {
                    self.fruitless += 1;
                    if self.fruitless >= MAX_FRUITLESS_WATCHES {
                        self.list_anew(point, GapReason::EmptyWatch);
                    }
                }
                Err(error)
            }
        }
    }

    /// A watch ended early and empty: was its version refused without a word?
    async fn suspect(&mut self, point: Point) -> Error {
        self.fruitless += 1;
        let resource_version = point.resource_version.to_string();
        let relist = match self.api.verify(&point.resource_version).await {
            Ok(()) => self.fruitless >= MAX_FRUITLESS_WATCHES,
            Err(Error::Expired { .. }) => true,
            Err(error) => {
                if let Error::HistoryReset { .. } = error {
                    self.list_anew(point, GapReason::HistoryReset);
                }
                return error;
            }
        };
        if relist {
            self.list_anew(point, GapReason::EmptyWatch);
        }
        Error::EmptyWatch { resource_version, relist }
    }
}
