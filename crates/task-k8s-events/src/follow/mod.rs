//! Follows the events of one scope: all of the cluster, or one namespace.
//!
//! A scope is listed page by page (`list`), and then watched from the version of that list (`watch`), or listed again at
//! each interval. What a step has read, and the position that is true once it is stored, leave together; nothing is read
//! further before they are taken. Whatever fails, the phase says how to go on.

mod list;
mod watch;

use std::cmp::Ordering;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, sleep_until};

use crate::api::{EventsApi, Watch};
use crate::backoff::Backoff;
use crate::cursor::{Gap, GapReason, Listing, Missed, Point, Position};
use crate::event::{EventRecord, Rejected};
use crate::{Change, ChangeKind, CollectorOptions, Error, Mode, ResourceVersion};

/// What was read, and the position that is true once it is stored.
pub(crate) struct Step {
    pub(crate) changes: Vec<Change>,
    pub(crate) rejected: Vec<Rejected>,
    pub(crate) gap: Option<Gap>,
    pub(crate) position: Position,
}

#[derive(Clone)]
enum Phase {
    /// A list is to begin.
    Starting { missed: Option<Missed>, delivered: Option<Point> },
    /// A list is to go on.
    Listing(Listing),
    /// Everything up to this point was read.
    Following(Point),
}

pub(crate) struct Follower {
    api: EventsApi,
    options: Arc<CollectorOptions>,
    namespace: Option<String>,
    phase: Phase,
    backoff: Backoff,
    page_size: u32,
    watch: Option<Watch>,
    /// Whether the open watch has sent something.
    progressed: bool,
    /// The newest version before the open watch.
    newest: Option<Point>,
    /// An end of a watch that is still to be judged, because a batch before it had to be delivered.
    ended: Option<watch::Ended>,
    fruitless: u32,
    next_poll: Instant,
}

impl Follower {
    pub(crate) fn new(
        api: EventsApi,
        options: Arc<CollectorOptions>,
        namespace: Option<String>,
        position: Option<Position>,
    ) -> Self {
        let phase = match position {
            None => Phase::Starting { missed: None, delivered: None },
            Some(Position::Listing(listing)) => Phase::Listing(listing),
            Some(Position::Following(point)) => Phase::Following(point),
        };
        Self {
            api,
            namespace,
            phase,
            backoff: Backoff::new(options.min_backoff, options.max_backoff),
            page_size: options.page_size,
            watch: None,
            progressed: false,
            newest: None,
            ended: None,
            fruitless: 0,
            next_poll: Instant::now(),
            options,
        }
    }

    /// The next step. After an error, the next call waits out a back-off and goes on.
    pub(crate) async fn next(&mut self) -> Result<Step, Error> {
        loop {
            self.backoff.wait().await;
            let step = match (self.phase.clone(), self.options.mode) {
                (Phase::Starting { missed, delivered }, _) => self.list(None, missed, delivered).await.map(Some),
                (Phase::Listing(Listing { start, continue_token, missed, delivered }), _) => {
                    self.list(Some((start, continue_token)), missed, delivered).await.map(Some)
                }
                (Phase::Following(point), Mode::Watch) => self.watch(point).await,
                (Phase::Following(point), Mode::Poll { interval }) => {
                    self.wait_for_poll(point, interval).await;
                    Ok(None)
                }
            };
            match step {
                Ok(Some(step)) => {
                    self.backoff.succeed();
                    return Ok(step);
                }
                Ok(None) => {}
                Err(error) => {
                    self.backoff.fail(error.retry_after());
                    return Err(error);
                }
            }
        }
    }

    fn follow(&mut self, point: Point) -> Position {
        self.phase = Phase::Following(point.clone());
        Position::Following(point)
    }

    /// Gives up the history after the current point.
    fn list_anew(&mut self, from: Point, why: GapReason) {
        self.fruitless = 0;
        self.phase = Phase::Starting { missed: Some(Missed { from, why }), delivered: None };
    }

    /// Keeps an item that belongs to the chosen namespaces.
    fn keep(
        &self,
        kind: ChangeKind,
        item: Result<EventRecord, Rejected>,
        changes: &mut Vec<Change>,
        rejected: &mut Vec<Rejected>,
    ) {
        match item {
            Ok(event) if self.options.namespaces.contains(&event.namespace) => changes.push(Change { kind, event }),
            Ok(_) => {}
            Err(item) => rejected.push(item),
        }
    }

    /// Waits until a list is due, and begins it.
    async fn wait_for_poll(&mut self, point: Point, interval: Duration) {
        sleep_until(self.next_poll).await;
        self.next_poll = Instant::now() + interval;
        self.phase = Phase::Starting { missed: None, delivered: Some(point) };
    }
}

fn older(version: &ResourceVersion, than: &ResourceVersion) -> bool {
    version.order(than) == Some(Ordering::Less)
}
