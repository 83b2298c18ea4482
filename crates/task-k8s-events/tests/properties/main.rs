//! The promise, over seeded schedules: whatever is written, updated, deleted and compacted, whichever requests fail, and
//! wherever the collector crashes, what is stored in the end is what the server had, or a gap covers it.
//!
//! A [`schedule`] runs on one thread with paused time over pipes in memory, so that a seed always gives the same requests. Each
//! draws its options; a [`writer`] changes events while a collector's batches are put into a [`sink`]: one in memory, or the SQL
//! store on each kind of database. The collector is dropped at random polls, that is at any point where it awaits anything, and
//! so is the storing of a batch; it then begins again from the stored cursor. Sometimes an old collector goes on beside the new
//! one, as a leader does that has not noticed yet: its cursor is refused. In the end the [`history`] of the server is held
//! against what is stored.
//!
//! That this finds mistakes is shown by making them: each [`Mutation`] must be found out.
//!
//! `TASKSERVER_TEST_SCHEDULES` sets how many schedules to run in memory, `TASKSERVER_TEST_SEED` runs a single one.

#[path = "../common/mod.rs"]
mod common;
mod history;
mod mutation;
mod schedule;
mod sink;
#[cfg(feature = "store")]
mod sql;
mod writer;

use std::sync::atomic::{AtomicU64, Ordering};

use mutation::Mutation;
use sink::{Memory, Sink};

const NAMESPACES: [&str; 3] = ["a", "b", "c"];

#[test]
fn what_is_stored_is_what_the_server_had_or_a_gap_covers_it() {
    if let Ok(seed) = std::env::var("TASKSERVER_TEST_SEED") {
        let memory = Memory::new(Mutation::None);
        schedule::run(seed.parse().expect("a seed is a number"), Mutation::None, memory).expect("the promise holds");
        return;
    }
    let schedules = std::env::var("TASKSERVER_TEST_SCHEDULES").map_or(1500, |it| it.parse().expect("a number"));
    assert_all_hold(schedules, |_| Memory::new(Mutation::None));
}

#[test]
fn each_mutation_is_found_out() {
    for mutation in Mutation::ALL {
        assert_found_out(mutation, 600, |_| Memory::new(mutation));
    }
}

fn assert_all_hold<S: Sink>(schedules: u64, sink: impl Fn(u64) -> S + Sync) {
    let failures = run_many(schedules, Mutation::None, usize::MAX, sink);
    let some = &failures[..failures.len().min(3)];
    assert!(failures.is_empty(), "{} of {schedules} schedules: {some:#?}", failures.len());
}

fn assert_found_out<S: Sink>(mutation: Mutation, schedules: u64, sink: impl Fn(u64) -> S + Sync) {
    assert!(!run_many(schedules, mutation, 1, sink).is_empty(), "{mutation:?} goes unnoticed in {schedules} schedules");
}

/// Runs seeds on two threads until so many have failed, and gives their messages.
fn run_many<S: Sink>(schedules: u64, mutation: Mutation, enough: usize, sink: impl Fn(u64) -> S + Sync) -> Vec<String> {
    let next = AtomicU64::new(0);
    let work = || {
        let mut failures = Vec::new();
        loop {
            let seed = next.fetch_add(1, Ordering::Relaxed);
            if seed >= schedules || failures.len() >= enough {
                return failures;
            }
            failures.extend(schedule::run(seed, mutation, sink(seed)).err());
        }
    };
    std::thread::scope(|scope| {
        let threads = [scope.spawn(work), scope.spawn(work)];
        threads.into_iter().flat_map(|thread| thread.join().expect("no schedule panics")).collect()
    })
}
