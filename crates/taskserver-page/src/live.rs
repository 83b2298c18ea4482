//! Tells the pages that are open when something has changed.
//!
//! What can change without an event of a service (health, tasks, the lead) is compared a few times a second, for as long as somebody
//! looks; it is in memory, and costs next to nothing. Events of services count as changes by themselves. A page is told only *that*
//! something has changed: it then asks for itself anew, and gets what its visitor may see.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use taskserver_core::{App, Subscription};
use tokio::sync::watch;
use tokio::time::{MissedTickBehavior, interval};

/// How often it is looked for changes.
const LOOK_EVERY: Duration = Duration::from_millis(250);

/// The number of changes since somebody began to look.
#[derive(Default)]
pub(crate) struct Changes(Mutex<Option<watch::Receiver<u64>>>);

impl Changes {
    /// Is told of every change from now on; several soon after each other are one. It ends with the app, and may end early: then
    /// subscribe anew.
    pub(crate) fn subscribe(&self, app: &App) -> watch::Receiver<u64> {
        let mut changes = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match &*changes {
            Some(changes) if changes.has_changed().is_ok() => changes.clone(),
            _ => {
                let (sender, receiver) = watch::channel(0);
                tokio::spawn(look(sender, app.clone(), app.events().subscribe(), digest(app)));
                changes.insert(receiver).clone()
            }
        }
    }
}

/// Looks for changes until nobody is told of them any more.
async fn look(changes: watch::Sender<u64>, app: App, mut events: Subscription, mut seen: u64) {
    let mut looks = interval(LOOK_EVERY);
    looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    // What an event sets off, such as a roll-up, may take a moment: the look after the next one is a change as well.
    let mut after_event = 0_u8;
    // One receiver is kept for those who come.
    while changes.receiver_count() > 1 {
        tokio::select! {
            event = events.next() => match event {
                Some(_) => after_event = 3,
                None => return,
            },
            _ = looks.tick() => {
                let now = digest(&app);
                if now != seen || after_event == 3 || after_event == 1 {
                    changes.send_modify(|count| *count += 1);
                }
                (seen, after_event) = (now, after_event.saturating_sub(1));
            }
        }
    }
}

/// A number that is another one when something has changed that is in memory.
fn digest(app: &App) -> u64 {
    let mut hasher = DefaultHasher::new();
    let state = serde_json::json!({
        "components": app.health().components(),
        "tasks": app.tasks().statuses(),
        "leadership": app.leadership().status(),
        "stopping": app.shutdown().is_stopping(),
    });
    state.to_string().hash(&mut hasher);
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use super::*;
    use taskserver_core::{Event, EventKind, Health, Record};

    #[tokio::test(start_paused = true)]
    async fn those_who_look_are_told_of_changes_and_nobody_looks_for_nobody() {
        let app = App::builder().build().unwrap();
        let changes = Changes::default();
        let mut told = changes.subscribe(&app);
        let database = app.health().register("database", true);
        told.changed().await.unwrap();
        database.report(Health::Ready);
        told.changed().await.unwrap();
        app.events().publish(Event::new("analytics".into(), EventKind::Created, Record::new()));
        told.changed().await.unwrap();
        told.changed().await.unwrap();
        let quiet = tokio::time::timeout(Duration::from_secs(10), told.changed()).await;
        assert!(quiet.is_err(), "nothing has changed");

        drop(told);
        tokio::time::sleep(LOOK_EVERY * 2).await;
        let left = changes.0.lock().unwrap().clone().unwrap();
        assert!(left.has_changed().is_err(), "nobody looks any more");
        let mut told = changes.subscribe(&app);
        database.report(Health::Down("gone".to_owned()));
        told.changed().await.unwrap();
    }
}
