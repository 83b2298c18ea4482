//! Folds in what is created, as it is heard of.

use std::time::Duration;

use serde_json::Value;
use taskserver_core::{App, Event, EventKind};
use taskserver_store::Store;

use super::fold::{Rollup, Rollups};
use super::rows;
use crate::ANALYTICS;

/// How long to wait for more of the same cycle.
const TOGETHER: Duration = Duration::from_millis(20);
/// How many figures are folded in at once.
const MOST: usize = 500;

/// Folds the figures that are created from now on into the roll-ups, for as long as the app lives. What cannot be written is left to
/// [`RollupTask`](super::RollupTask).
pub async fn follow(app: App, store: Store) {
    let mut events = app.events().subscribe().of_service(ANALYTICS).of_kind(EventKind::Created);
    while let Some(event) = events.next().await {
        let mut rollups = Rollups::default();
        let (mut count, mut next) = (0, Some(event));
        while let Some(event) = next {
            if let Ok(event) = &event
                // What another process has created, its own replicas hear of too: one of them is enough.
                && (!event.from_elsewhere || app.leadership().state().is_leading())
            {
                add(&mut rollups, event);
            }
            count += 1;
            next = match count < MOST {
                true => tokio::time::timeout(TOGETHER, events.next()).await.ok().flatten(),
                false => None,
            };
        }
        if let Err(error) = rows::merge(&store, &rollups).await {
            tracing::warn!(%error, "figures could not be rolled up; the next run of the task makes up for it");
        }
    }
}

fn add(rollups: &mut Rollups, event: &Event) {
    let field = |name| event.record.get(name);
    let at = field("createdAt").and_then(Value::as_str).and_then(|text| text.parse().ok());
    if let (Some(kind), Some(count), Some(at)) =
        (field("type").and_then(Value::as_str), field("count").and_then(Value::as_i64), at)
    {
        rollups.add(kind, Rollup::of(count, at));
    }
}
