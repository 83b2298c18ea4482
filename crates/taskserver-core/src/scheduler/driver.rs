//! Follows the schedules of all tasks with a single timer.
//!
//! The driver sleeps until the earliest run is to start, and decides by the clock which runs are due when it wakes. One heap
//! and one timer for all tasks cost less than a timer each, and changes of the clock are noticed in one place. It never
//! sleeps long: a clock that was set, or a machine that was suspended, would otherwise go unnoticed until the sleep ends.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use tokio::time::Instant;

use super::entry::{Entry, until};
use super::runner::{Core, Unrun, component};
use crate::App;
use crate::task::Trigger;

const LONGEST_SLEEP: Duration = Duration::from_secs(30);

/// When which task's next run starts, earliest first.
type Queue = BinaryHeap<Reverse<(Timestamp, usize)>>;

/// Starts runs when they are due, until the app stops.
pub(super) async fn drive(core: Arc<Core>, entries: Vec<Arc<Entry>>, app: App) {
    let mut queue = queue(&entries);
    let mut watch = ClockWatch::new(core.clock.now());
    let stopping = core.shutdown.stopping();
    tokio::pin!(stopping);
    loop {
        let now = core.clock.now();
        if watch.was_set_back(now) {
            entries.iter().for_each(|entry| entry.lock().follow_clock_back(now));
            queue = self::queue(&entries);
        }
        while let Some(Reverse((start, index))) = queue.peek().copied()
            && start <= now
        {
            queue.pop();
            if let Some(start) = start_due(&core, &entries[index], &app, now) {
                queue.push(Reverse((start, index)));
            }
        }
        let sleep = queue.peek().map_or(LONGEST_SLEEP, |Reverse((start, _))| until(*start, now).min(LONGEST_SLEEP));
        tokio::select! {
            () = &mut stopping => return,
            () = core.changed.notified() => queue = self::queue(&entries),
            () = tokio::time::sleep(sleep) => {}
        }
    }
}

fn queue(entries: &[Arc<Entry>]) -> Queue {
    let start = |(index, entry): (usize, &Arc<Entry>)| Some(Reverse((entry.lock().next_start()?, index)));
    entries.iter().enumerate().filter_map(start).collect()
}

/// Starts the task's runs that are due, and says when its next run starts.
fn start_due(core: &Arc<Core>, entry: &Arc<Entry>, app: &App, now: Timestamp) -> Option<Timestamp> {
    let (due, next) = {
        let mut state = entry.lock();
        // Nothing is due if the task was changed since its start was queued; the queue is about to be renewed.
        (state.take_due(now)?, state.next_start())
    };
    if due.missed > 0 {
        let component = component(&entry.name);
        tracing::warn!(component, missed = due.missed, "scheduled times passed before their runs could start");
    }
    if let Some(scheduled) = due.skipped {
        core.skip(entry, core.request(entry, scheduled, Trigger::Missed, app), Unrun::TimePassed);
    }
    for (scheduled, trigger) in due.runs {
        core.submit_or_skip(entry, core.request(entry, scheduled, trigger, app));
    }
    next
}

/// Compares the clock with the passage of time.
struct ClockWatch {
    time: Timestamp,
    instant: Instant,
}

impl ClockWatch {
    /// A leap by less makes no run late enough to be missed.
    const LEAP: SignedDuration = SignedDuration::from_secs(60);
    /// A clock that is set back by less is no event: it is how clocks are kept right.
    const SET_BACK: SignedDuration = SignedDuration::from_secs(1);

    fn new(now: Timestamp) -> Self {
        Self { time: now, instant: Instant::now() }
    }

    /// Whether the clock was set back since the last look.
    fn was_set_back(&mut self, now: Timestamp) -> bool {
        let elapsed = SignedDuration::try_from(self.instant.elapsed()).unwrap_or(SignedDuration::MAX);
        let leap = now.duration_since(self.time).saturating_sub(elapsed);
        *self = Self::new(now);
        if leap > Self::LEAP {
            tracing::warn!(?leap, "the clock leapt ahead, or this process was suspended");
        }
        if leap < -Self::SET_BACK {
            tracing::warn!(back = ?leap.abs(), "the clock was set back");
        }
        leap < -Self::SET_BACK
    }
}
