//! Takes up the leader's tasks when this process begins to lead, and puts them down when it leads no longer.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;

use super::entry::Entry;
use super::history::LastRuns;
use super::runner::{Core, Unrun, catch_panic};
use crate::task::Trigger;
use crate::{App, LeadershipState};

/// How long runs have to end when this process leads no longer. Those that await anything do so within a second, and their
/// record in the history takes five at most.
const PUT_DOWN_TIMEOUT: Duration = Duration::from_secs(10);

/// Lets the tasks of every replica begin, and follows the leadership for the others, until the app stops. `started` is when the
/// scheduler was started.
pub(super) async fn begin(core: Arc<Core>, entries: Vec<Arc<Entry>>, app: App, started: Timestamp) {
    learn_states(&core, &app, LeadershipState::Following).await;
    let (of_this, of_the_leader): (Vec<_>, Vec<_>) = entries.into_iter().partition(|entry| entry.every_replica);
    of_this.iter().for_each(|entry| start(&core, entry, &app, started, None));
    core.changed.notify_one();
    follow(core, of_the_leader, app, started).await;
}

async fn follow(core: Arc<Core>, entries: Vec<Arc<Entry>>, app: App, started: Timestamp) {
    if !core.leadership.state().is_leading() {
        recover(&core, LeadershipState::Following).await;
    }
    loop {
        let leading = tokio::select! {
            leading = core.leadership.leading() => leading,
            () = core.shutdown.stopping() => return,
        };
        // An always-leader leads since it was started; an elected one, only now.
        let now = if leading == LeadershipState::Always { started } else { core.clock.now() };
        if let Err(panic) = catch_panic(take_up(&core, &entries, &app, leading, now)).await {
            tracing::error!(panic, "the tasks could not be taken up");
            if let Some(term) = leading.term() {
                core.leadership.resign(term);
            }
        }
        tokio::select! {
            () = core.leadership.ended(leading) => {}
            () = core.shutdown.stopping() => return,
        }
        put_down(&core, &entries).await;
    }
}

async fn take_up(core: &Arc<Core>, entries: &[Arc<Entry>], app: &App, leading: LeadershipState, now: Timestamp) {
    learn_states(core, app, leading).await;
    let mut last_runs = recall(core, leading, now).await;
    if core.leadership.has_ended(leading) {
        return;
    }
    for entry in entries {
        start(core, entry, app, now, last_runs.remove(&*entry.name));
    }
    core.changed.notify_one();
}

/// Lets a task's schedule begin.
fn start(core: &Arc<Core>, entry: &Arc<Entry>, app: &App, now: Timestamp, last: Option<LastRuns>) {
    let on_start = entry.lock().start(now, last);
    if let Some(scheduled) = on_start {
        core.submit_or_skip(entry, core.request(entry, scheduled, Trigger::Start, app));
    }
}

/// Learns which tasks people have paused or given another schedule.
async fn learn_states(core: &Arc<Core>, app: &App, leading: LeadershipState) {
    if let Err(error) = core.history_insists(leading, || app.control().sync(app)).await {
        tracing::error!(error, "which tasks are paused could not be read; what was known of them holds");
    }
}

/// What the history knows. Nothing, if it does not tell in time: the tasks run all the same.
async fn recall(core: &Arc<Core>, leading: LeadershipState, now: Timestamp) -> HashMap<String, LastRuns> {
    recover(core, leading).await;
    core.history_insists(leading, || core.history.last_runs(now)).await.unwrap_or_else(|error| {
        tracing::error!(error, "the run history could not be read; what was missed until now is not made up for");
        HashMap::new()
    })
}

async fn recover(core: &Arc<Core>, leading: LeadershipState) {
    match core.history_insists(leading, || core.history.recover(leading)).await {
        Ok(0) => {}
        Ok(lost) => tracing::warn!(lost, "runs were in progress when their process died or ceased to lead"),
        Err(error) => tracing::error!(error, "the runs that were lost could not be marked in the run history"),
    }
}

/// Ends the schedules, and waits until the runs in progress have ended: in a term that soon follows, they would be taken for
/// runs of that one.
async fn put_down(core: &Arc<Core>, entries: &[Arc<Entry>]) {
    for entry in entries {
        let waiting = entry.lock().stop();
        waiting.into_iter().for_each(|request| core.skip(entry, request, Unrun::NotLeading));
    }
    core.changed.notify_one();
    let all_ended = async {
        for entry in entries {
            let mut run_ended = std::pin::pin!(core.run_ended.notified());
            run_ended.as_mut().enable();
            while entry.lock().is_running() {
                run_ended.as_mut().await;
                run_ended.set(core.run_ended.notified());
                run_ended.as_mut().enable();
            }
        }
    };
    if tokio::time::timeout(PUT_DOWN_TIMEOUT, all_ended).await.is_err() {
        tracing::error!("runs do not end, although this server leads no longer");
    }
}
