//! The events as lines of the log, as the platform writes them; and never more than a reader or a disk can take.

use std::time::Duration;

use tokio::time::{Instant, sleep_until};

use super::KUBERNETES_EVENTS;
use crate::{Change, ChangeKind, EventRecord, Outcome, Rejected};

/// How many lines about events the log gets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LogLimit {
    /// So many at most; with 0 none at all.
    pub lines: u32,
    /// Within this time. How many were withheld is then said in one line.
    pub window: Duration,
}

impl Default for LogLimit {
    /// A hundred lines in ten seconds.
    fn default() -> Self {
        Self { lines: 100, window: Duration::from_secs(10) }
    }
}

/// Writes the lines.
pub(super) struct EventLog {
    limit: LogLimit,
    window: Option<Window>,
}

struct Window {
    end: Instant,
    written: u32,
    withheld: u64,
}

impl EventLog {
    pub(super) fn new(limit: LogLimit) -> Self {
        Self { limit, window: None }
    }

    /// An event that was stored: one that has happened again, or for the first time.
    pub(super) fn stored(&mut self, change: &Change, outcome: Outcome) {
        let happened = matches!(outcome, Outcome::Created { .. } | Outcome::Updated { occurrences: 1.. });
        if !happened || change.kind == ChangeKind::Deleted || !self.admit() {
            return;
        }
        let line = line(&change.event);
        match change.event.type_.as_str() {
            "Warning" => tracing::warn!(component = KUBERNETES_EVENTS, "{line}"),
            _ => tracing::info!(component = KUBERNETES_EVENTS, "{line}"),
        }
    }

    /// An item that is no event.
    pub(super) fn rejected(&mut self, item: &Rejected) {
        if self.admit() {
            let (reason, sample) = (&item.reason, &item.sample);
            tracing::warn!(
                component = KUBERNETES_EVENTS,
                reason,
                sample,
                "an item that is not a valid event was left out"
            );
        }
    }

    /// Resolves when a window is over in which lines were withheld, and says how many. Safe to drop and call again.
    pub(super) async fn window_over(&mut self) {
        match &self.window {
            Some(window) if window.withheld > 0 => sleep_until(window.end).await,
            _ => std::future::pending().await,
        }
        self.close();
    }

    /// Whether one more line may be written.
    fn admit(&mut self) -> bool {
        let now = Instant::now();
        if self.window.as_ref().is_some_and(|window| now >= window.end) {
            self.close();
        }
        let window = self.window.get_or_insert(Window { end: now + self.limit.window, written: 0, withheld: 0 });
        let admitted = window.written < self.limit.lines;
        if admitted {
            window.written += 1;
        } else {
            window.withheld += 1;
        }
        admitted
    }

    fn close(&mut self) {
        let Some(Window { withheld, .. }) = self.window.take() else { return };
        // Who wants no lines does not want this one.
        if withheld > 0 && self.limit.lines > 0 {
            let LogLimit { lines, window } = self.limit;
            tracing::warn!(
                component = KUBERNETES_EVENTS,
                withheld,
                "K8s Event: {withheld} more were not logged (more than {lines} in {window:?}); they are stored"
            );
        }
    }
}

fn line(event: &EventRecord) -> String {
    let EventRecord { involved, reason, message, .. } = event;
    format!("K8s Event: {} {} - {reason} - {message} (at {})", involved.kind, involved.name, event.time())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn in_each_window_so_many_lines_are_written_and_the_others_counted() {
        let limit = LogLimit { lines: 2, window: Duration::from_secs(10) };
        let mut log = EventLog::new(limit);
        assert_eq!([log.admit(), log.admit(), log.admit(), log.admit()], [true, true, false, false]);
        assert_eq!(log.window.as_ref().map(|window| window.withheld), Some(2));
        let start = Instant::now();
        log.window_over().await;
        assert_eq!(start.elapsed().as_secs(), 10);
        assert!(log.window.is_none());
        assert_eq!([log.admit(), log.admit(), log.admit()], [true, true, false]);
        tokio::time::advance(Duration::from_secs(10)).await;
        assert!(log.admit(), "a window ends without being waited for, too");
    }
}
