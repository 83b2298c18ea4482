//! The election by itself: who leads, for how long, and what happens when processes and connections fail.

use std::time::Duration;

use proptest::prelude::*;
use taskserver_core::{ElectionOptions, Health, LeadershipState};

use crate::fixture::*;
use crate::lease::*;

fn term(term: u64) -> LeadershipState {
    LeadershipState::Leading { term }
}

fn terms(terms: &[(u64, &str)]) -> Vec<(u64, String)> {
    terms.iter().map(|(term, instance)| (*term, (*instance).to_owned())).collect()
}

#[tokio::test(start_paused = true)]
async fn one_of_several_leads_for_as_long_as_it_lives() {
    let lease = Lease::default();
    let candidates = ["a", "b", "c"].map(|instance| Candidate::start(&lease, instance));
    settle().await;
    wait(HOUR).await;
    assert_eq!(candidates[0].state(), term(1));
    assert_eq!(candidates[1].state(), LeadershipState::Following);
    assert_eq!(candidates[2].state(), LeadershipState::Following);
    let leader = candidates[2].leadership.status().leader.unwrap();
    assert!(leader.starts_with("a_"), "{leader}");
    assert_eq!(candidates[0].leadership.status().leader, Some(leader));
    assert!(candidates.iter().all(|candidate| candidate.component() == Health::Ready));
    assert_eq!(lease.terms(), terms(&[(1, "a")]));
}

#[tokio::test(start_paused = true)]
async fn a_leader_that_stops_hands_over_within_a_retry_period() {
    let lease = Lease::default();
    let (a, b) = (Candidate::start(&lease, "a"), Candidate::start(&lease, "b"));
    wait(MINUTE).await;
    a.leadership.release().await;
    assert_eq!(a.state(), LeadershipState::Following);
    assert!(until(|| b.leads()).await <= RETRY);
    assert_eq!(b.state(), term(2));
    wait(MINUTE).await;
    assert!(!a.leads(), "it has left the election");
    assert!(a.ended().await);
}

#[tokio::test(start_paused = true)]
async fn a_leader_that_is_killed_is_succeeded_after_a_lease_duration_and_a_retry_period_at_most() {
    for delay in 0..20 {
        let lease = Lease::default();
        let (a, b) = (Candidate::start(&lease, "a"), Candidate::start(&lease, "b"));
        wait(MINUTE + Duration::from_millis(delay * 110)).await;
        a.kill();
        let vacant = until(|| b.leads()).await;
        assert!(vacant <= LEASE + RETRY + Duration::from_millis(5), "{vacant:?}");
        assert!(vacant >= LEASE - DEADLINE / 5, "the last renewal was later: {vacant:?}");
        assert_eq!(b.state(), term(2));
        assert_eq!(a.state(), LeadershipState::Following);
    }
}

#[tokio::test(start_paused = true)]
async fn a_process_that_starts_anew_under_the_same_name_is_another_candidate() {
    let lease = Lease::default();
    let a = Candidate::start(&lease, "a");
    wait(MINUTE).await;
    a.kill();
    let again = Candidate::start(&lease, "a");
    wait(LEASE - SECOND).await;
    assert!(!again.leads(), "for all it knows, the other one lives");
    wait(SECOND + RETRY).await;
    assert_eq!(again.state(), term(2));
}

#[tokio::test(start_paused = true)]
async fn a_frozen_leader_is_none_before_another_one_can_lead() {
    let lease = Lease::default();
    let (a, b) = (Candidate::start(&lease, "a"), Candidate::start(&lease, "b"));
    wait(MINUTE).await;
    a.freeze();
    let trusted = until(|| !a.leads()).await;
    assert!(trusted <= DEADLINE, "{trusted:?}");
    assert!(!b.leads());
    until(|| b.leads()).await;
    wait(HOUR).await;
    a.thaw();
    assert!(!a.leads(), "it knows before it has done anything");
    settle().await;
    assert!(a.leadership.status().leader.is_none_or(|leader| leader.starts_with("b_")));
    wait(MINUTE).await;
    assert_eq!(lease.terms(), terms(&[(1, "a"), (2, "b")]));
    assert!(!a.leads() && b.leads());
}

#[tokio::test(start_paused = true)]
async fn a_follower_that_was_frozen_looks_again_before_it_judges() {
    let lease = Lease::default();
    let (a, b) = (Candidate::start(&lease, "a"), Candidate::start(&lease, "b"));
    wait(MINUTE).await;
    b.freeze();
    wait(HOUR).await;
    b.thaw();
    wait(MINUTE).await;
    assert!(a.leads() && !b.leads());
    assert_eq!(lease.terms().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn whoever_waits_learns_of_the_begin_and_the_end_of_a_term() {
    let lease = Lease::default();
    let a = Candidate::start(&lease, "a");
    assert_eq!(a.leadership.leading().await, term(1));
    let begin = tokio::time::Instant::now();
    a.connection.set(Line::Hangs);
    a.leadership.ended(term(1)).await;
    assert!(begin.elapsed() <= DEADLINE && begin.elapsed() > DEADLINE - DEADLINE / 4, "{:?}", begin.elapsed());
    a.leadership.ended(term(1)).await;
    a.leadership.ended(LeadershipState::Following).await;
    assert!(a.leadership.has_ended(term(1)));
}

#[tokio::test(start_paused = true)]
async fn a_leader_survives_failures_that_are_shorter_than_its_deadline() {
    for line in [Line::Fails, Line::Hangs] {
        let lease = Lease::default();
        let (a, _b) = (Candidate::start(&lease, "a"), Candidate::start(&lease, "b"));
        wait(MINUTE + SECOND).await;
        a.connection.set(line);
        // A second later it is to be renewed; a call that hangs is given up after five, and tried again half a second later.
        wait(Duration::from_millis(6300)).await;
        assert_eq!(a.state(), term(1));
        let reason = if line == Line::Fails { "the line is cut" } else { "no answer within 5s" };
        assert_eq!(a.component(), Health::Degraded(format!("this server cannot renew its lease: {reason}")));
        a.connection.set(Line::Works);
        wait(MINUTE).await;
        assert_eq!(a.state(), term(1));
        assert_eq!(a.component(), Health::Ready);
        assert_eq!(lease.terms(), terms(&[(1, "a")]));
    }
}

#[tokio::test(start_paused = true)]
async fn a_leader_that_cannot_renew_leads_no_longer_and_then_in_a_new_term() {
    let lease = Lease::default();
    let a = Candidate::start(&lease, "a");
    wait(MINUTE).await;
    a.connection.set(Line::Fails);
    wait(DEADLINE).await;
    assert_eq!(a.state(), LeadershipState::Following);
    assert!(a.health.is_ready(), "without the lead, it still serves");
    wait(SECOND).await;
    let reason = "this server cannot compete for the lead: the line is cut";
    assert_eq!(a.component(), Health::Degraded(reason.to_owned()));
    a.connection.set(Line::Works);
    assert!(until(|| a.leads()).await <= RETRY);
    assert_eq!(a.state(), term(2), "its own lease has not expired, but its term has ended");
}

#[tokio::test(start_paused = true)]
async fn a_renewal_whose_answer_is_lost_does_not_end_the_term() {
    let lease = Lease::default();
    let (a, _b) = (Candidate::start(&lease, "a"), Candidate::start(&lease, "b"));
    wait(MINUTE).await;
    a.connection.set(Line::LosesAnswers);
    wait(5 * SECOND).await;
    a.connection.set(Line::Works);
    wait(MINUTE).await;
    assert_eq!(a.state(), term(1));
    assert_eq!(lease.terms(), terms(&[(1, "a")]));
}

#[tokio::test(start_paused = true)]
async fn a_lease_that_was_taken_without_an_answer_is_taken_again_or_given_up() {
    let lease = Lease::default();
    let a = Candidate::start(&lease, "a");
    a.connection.set(Line::LosesAnswers);
    wait(SECOND).await;
    assert!(!a.leads());
    assert!(lease.record().unwrap().holder.is_some());
    a.connection.set(Line::Works);
    until(|| a.leads()).await;
    assert_eq!(a.state().term(), lease.record().map(|record| record.term));

    let lease = Lease::default();
    let a = Candidate::start(&lease, "a");
    a.connection.set(Line::LosesAnswers);
    settle().await;
    a.connection.set(Line::Works);
    a.leadership.release().await;
    assert_eq!(lease.record().unwrap().holder, None);
}

#[tokio::test(start_paused = true)]
async fn a_leader_that_resigns_leaves_the_lead_to_others() {
    let lease = Lease::default();
    let (a, b) = (Candidate::start(&lease, "a"), Candidate::start(&lease, "b"));
    wait(MINUTE).await;
    a.leadership.resign(1);
    assert!(until(|| b.leads()).await <= RETRY);
    b.leadership.resign(1);
    wait(HOUR).await;
    assert_eq!(b.state(), term(2), "a term that is over cannot be given up");

    let lease = Lease::default();
    let alone = Candidate::start(&lease, "a");
    wait(MINUTE).await;
    alone.leadership.resign(1);
    wait(LEASE - SECOND).await;
    assert!(!alone.leads());
    wait(2 * SECOND).await;
    assert_eq!(alone.state(), term(2));
}

#[tokio::test(start_paused = true)]
async fn whoever_follows_goes_by_the_duration_that_the_leader_wrote() {
    let lease = Lease::default();
    let long = ElectionOptions { lease_duration: MINUTE, ..ElectionOptions::default() };
    let (a, b) = (Candidate::start_with(&lease, "a", long), Candidate::start(&lease, "b"));
    wait(MINUTE).await;
    a.kill();
    wait(MINUTE - DEADLINE / 5 - SECOND).await;
    assert!(!b.leads());
    wait(2 * SECOND + RETRY).await;
    assert!(b.leads());
}

#[tokio::test(start_paused = true)]
async fn terms_go_on_when_the_lease_is_deleted() {
    let lease = Lease::default();
    let (a, b) = (Candidate::start(&lease, "a"), Candidate::start(&lease, "b"));
    wait(MINUTE).await;
    a.leadership.release().await;
    wait(SECOND).await;
    lease.delete();
    wait(MINUTE).await;
    assert_eq!(b.state(), term(3));
    assert_eq!(lease.terms(), terms(&[(1, "a"), (2, "b"), (3, "b")]));
}

#[tokio::test(start_paused = true)]
async fn an_adapter_that_panics_ends_the_leadership() {
    let lease = Lease::default();
    let a = Candidate::start(&lease, "a");
    wait(MINUTE).await;
    a.connection.set(Line::Panics);
    a.leadership.ended(term(1)).await;
    assert_eq!(a.state(), LeadershipState::Following);
    a.leadership.release().await;
    assert!(!a.ended().await);
}

#[tokio::test(start_paused = true)]
async fn a_release_is_not_held_up_by_a_line_that_hangs() {
    let lease = Lease::default();
    let a = Candidate::start(&lease, "a");
    wait(MINUTE).await;
    a.connection.set(Line::Hangs);
    wait(3 * SECOND).await;
    let begin = tokio::time::Instant::now();
    a.leadership.release().await;
    assert!(begin.elapsed() <= DEADLINE / 2, "{:?}", begin.elapsed());
}

#[tokio::test]
async fn impossible_options_are_refused() {
    let refused = |lease: u64, deadline: u64, retry: u64| {
        let [lease_duration, renew_deadline, retry_period] = [lease, deadline, retry].map(Duration::from_secs);
        let options = ElectionOptions { lease_duration, renew_deadline, retry_period };
        let election = taskserver_core::Election::new(Lease::default().connect(), "a", options);
        election.err().map(|error| error.to_string())
    };
    let too_long = "a renew deadline of 10s is too long; it must be shorter than the lease's 10s";
    assert_eq!(refused(10, 10, 1).as_deref(), Some(too_long));
    let out_of_range = |retry: &str| {
        format!("a retry period of {retry} must be longer than 0s and at most half the renew deadline of 10s")
    };
    assert_eq!(refused(15, 10, 6), Some(out_of_range("6s")));
    assert_eq!(refused(15, 10, 0), Some(out_of_range("0ns")));
    assert_eq!(refused(15, 10, 5), None);
}

/// What happens to one of three processes.
#[derive(Debug, Clone, Copy)]
enum Event {
    Freeze,
    Thaw,
    Kill,
    Release,
    Line(Line),
}

fn event() -> impl Strategy<Value = Event> {
    let line = prop::sample::select(vec![Line::Works, Line::Fails, Line::Hangs, Line::LosesAnswers]);
    prop_oneof![
        3 => Just(Event::Freeze),
        3 => Just(Event::Thaw),
        2 => Just(Event::Kill),
        1 => Just(Event::Release),
        6 => line.prop_map(Event::Line),
    ]
}

async fn check(events: Vec<(Duration, usize, Event)>) {
    let lease = Lease::default();
    let names = ["a", "b", "c"];
    let mut candidates = names.map(|name| Candidate::start(&lease, name));
    let one_at_most = async |candidates: &[Candidate; 3], time: Duration| {
        let end = tokio::time::Instant::now() + time;
        while tokio::time::Instant::now() < end {
            let leading: Vec<_> = candidates.iter().filter_map(|candidate| candidate.state().term()).collect();
            assert!(leading.len() <= 1, "the terms {leading:?} at once");
            if let [term] = leading[..] {
                let record = lease.record().unwrap();
                assert_eq!(record.term, term, "another one has taken the lease while this one trusts it");
            }
            wait(Duration::from_millis(97)).await;
        }
    };
    for (after, index, event) in events {
        one_at_most(&candidates, after).await;
        let candidate = &mut candidates[index];
        match event {
            Event::Freeze => candidate.freeze(),
            Event::Thaw => candidate.thaw(),
            Event::Line(line) => candidate.connection.set(line),
            Event::Kill => {
                candidate.kill();
                settle().await;
                *candidate = Candidate::start(&lease, names[index]);
            }
            Event::Release => {
                candidate.connection.set(Line::Works);
                candidate.thaw();
                candidate.leadership.release().await;
                *candidate = Candidate::start(&lease, names[index]);
            }
        }
    }
    for candidate in &candidates {
        candidate.connection.set(Line::Works);
        candidate.thaw();
    }
    one_at_most(&candidates, LEASE + 2 * RETRY).await;
    assert_eq!(candidates.iter().filter(|candidate| candidate.leads()).count(), 1, "somebody leads in the end");
    let terms = lease.terms();
    assert!(terms.is_sorted_by(|one, next| one.0 < next.0), "{terms:?}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn whatever_happens_there_is_one_leader_at_most_and_one_in_the_end(
        events in prop::collection::vec(((0_u64..20_000).prop_map(Duration::from_millis), 0_usize..3, event()), 0..30)
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
        runtime.block_on(check(events));
    }
}
