//! What people do to the tasks, in the database: who takes an act up, what lasts, what is given up.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails; clippy.toml excepts only the test functions")]

use std::time::Duration;

use taskserver_core::{
    Act, ActOutcome, Action, Change, ControlStore, Cron, LeadershipState, LeaseRecord, LeaseStore, Query, Recurrence,
};
use taskserver_store::{LEADERSHIP, Retention, SqlControl, SqlLease, Store, StoreOptions, TASK_ACT, own_services};
use taskserver_tests::{TestDatabase, for_each_backend};
use uuid::Uuid;

const MINUTE: Duration = Duration::from_secs(60);
const LEADING: LeadershipState = LeadershipState::Leading { term: 1 };

async fn migrated(database: &TestDatabase) -> Store {
    let store = Store::new(StoreOptions::new(database.url()).unwrap()).unwrap();
    store.migrate().await.unwrap();
    store
}

async fn lead(store: &Store, term: u64) {
    let lease = SqlLease::new(store, LEADERSHIP).unwrap();
    let record = LeaseRecord { holder: Some("a".into()), term, duration: MINUTE, version: String::new() };
    let seen = lease.read().await.unwrap();
    lease.write(seen.as_ref(), &record).await.unwrap().unwrap();
}

fn control(store: &Store) -> SqlControl {
    SqlControl::new(store, "pod-1").fenced(LEADERSHIP)
}

/// An act of the first second of 2026.
fn act(action: Action) -> Act {
    let asked = "2026-01-01T00:00:00.25Z".parse().unwrap();
    let is_done = action.changes_state();
    Act {
        id: Uuid::now_v7(),
        task: "analytics".into(),
        action,
        recurrence: None,
        by: "älice".into(),
        reason: Some("why\0not".into()),
        asked,
        instance: "pod-1".into(),
        finished: is_done.then_some(asked),
        outcome: is_done.then_some(ActOutcome::Done),
        detail: None,
    }
}

for_each_backend! {
    async fn an_act_is_taken_up_once_by_the_leader_of_this_term(database: TestDatabase) {
        let store = migrated(&database).await;
        lead(&store, 1).await;
        let control = control(&store);
        let (first, second) = (act(Action::Trigger), act(Action::Cancel));
        control.record(&first).await.unwrap();
        control.record(&second).await.unwrap();
        let taken = control.take(LEADING, MINUTE).await.unwrap();
        assert_eq!(taken.iter().map(|act| act.id).collect::<Vec<_>>(), [first.id, second.id]);
        assert_eq!((taken[0].by.as_str(), taken[0].reason.as_deref()), ("älice", Some("whynot")));
        let done = first.concluded(ActOutcome::Done, Some("run 7".into()), taken[0].asked);
        control.conclude(&done).await.unwrap();
        let known = control.act(done.id).await.unwrap().unwrap();
        assert_eq!((known.outcome, known.detail.as_deref()), (Some(ActOutcome::Done), Some("run 7")));
        assert!(known.finished.is_some());

        // What was taken up and never concluded is lost, and nobody does it again.
        assert!(control.take(LEADING, MINUTE).await.unwrap().is_empty());
        assert_eq!(control.act(second.id).await.unwrap().unwrap().outcome, Some(ActOutcome::Lost));

        let late = act(Action::Trigger);
        control.record(&late).await.unwrap();
        lead(&store, 2).await;
        let error = control.take(LEADING, MINUTE).await.unwrap_err().to_string();
        assert_eq!(error, "the term 1 of the leadership `taskserver` is over; it is in term 2");
        assert_eq!(control.act(late.id).await.unwrap().unwrap().outcome, None);
    }

    async fn an_act_that_nobody_has_taken_up_expires(database: TestDatabase) {
        let store = migrated(&database).await;
        let control = SqlControl::new(&store, "pod-1");
        let (old, new) = (act(Action::Trigger), act(Action::Trigger));
        control.record(&old).await.unwrap();
        database.execute(r#"UPDATE "task-act" SET "asked" = '2026-01-01 00:00:00'"#);
        control.record(&new).await.unwrap();
        let taken = control.take(LeadershipState::Always, MINUTE).await.unwrap();
        assert_eq!(taken.iter().map(|act| act.id).collect::<Vec<_>>(), [new.id]);
        assert_eq!(control.act(old.id).await.unwrap().unwrap().outcome, Some(ActOutcome::Expired));
    }

    async fn a_pause_and_a_schedule_last_and_leave_each_other_alone(database: TestDatabase) {
        let store = migrated(&database).await;
        let control = control(&store);
        assert!(control.states().await.unwrap().is_empty());
        let cron = Recurrence::Cron(Cron::new("0 3 * * *").unwrap().in_time_zone("Europe/Berlin").unwrap());
        let schedule = Act { recurrence: Some(cron.clone()), by: "bob".into(), reason: None, ..act(Action::Schedule) };
        control.record(&act(Action::Pause)).await.unwrap();
        control.record(&schedule).await.unwrap();
        let [state] = &control.states().await.unwrap()[..] else { panic!("one task was changed") };
        let asked = schedule.asked;
        let paused = Change { by: "älice".into(), reason: Some("whynot".into()), at: asked };
        assert_eq!((state.task.as_str(), state.paused.as_ref(), state.changed), ("analytics", Some(&paused), asked));
        assert_eq!(state.rescheduled, Some((Change { by: "bob".into(), reason: None, at: asked }, cron)));

        control.record(&act(Action::Resume)).await.unwrap();
        let state = control.states().await.unwrap().remove(0);
        assert!(state.paused.is_none() && state.rescheduled.is_some());
        control.record(&act(Action::Schedule)).await.unwrap();
        assert_eq!(control.states().await.unwrap().remove(0).rescheduled, None);
        assert!(control.take(LEADING, MINUTE).await.unwrap().is_empty(), "there is nothing left to do");
    }

    async fn every_act_is_on_record_until_it_is_given_up(database: TestDatabase) {
        let store = migrated(&database).await;
        let control = control(&store);
        for action in [Action::Pause, Action::Resume, Action::Trigger] {
            control.record(&act(action)).await.unwrap();
        }
        let (_, service) = own_services(&store).into_iter().find(|(path, _)| *path == TASK_ACT).unwrap();
        let app = taskserver_core::App::builder().service(TASK_ACT, service).build().unwrap();
        let page = app.service(TASK_ACT).find(Query::new().eq("by", "älice")).await.unwrap();
        assert_eq!(page.total, 3);
        assert_eq!(page.data.iter().filter(|act| act["outcome"] == "done").count(), 2);
        assert_eq!(store.prune_task_acts(Retention { newest: Some(0), ..Retention::default() }).await.unwrap(), 2);
        let left = app.service(TASK_ACT).find(Query::new()).await.unwrap();
        assert_eq!(left.data[0]["action"], "trigger", "what is not done yet is kept");
    }
}
