//! Properties of the arithmetic of scheduled times.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use proptest::prelude::*;
use taskserver_core::{Cron, Recurrence, Schedule};

use crate::fixture::*;

const ZONES: [&str; 6] =
    ["UTC", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "America/Sao_Paulo", "Asia/Kathmandu"];

const EXPRESSIONS: [&str; 10] = [
    "30 2 * * *",
    "0 0 * * *",
    "*/20 * * * *",
    "15 1,2,3 * * *",
    "0 12 29 2 *",
    "0 0 L * *",
    "59 23 31 12 *",
    "0 9 * * MON#1",
    "*/7 * * * * *",
    "0 3 1 * +MON",
];

/// Changes of the clock, where the arithmetic is hardest.
const CHANGES: [&str; 8] = [
    "2026-03-29T01:00:00Z", // Berlin, ahead
    "2026-10-25T01:00:00Z", // Berlin, back
    "2026-03-08T07:00:00Z", // New York, ahead
    "2026-11-01T06:00:00Z", // New York, back
    "2026-10-03T15:30:00Z", // Lord Howe, ahead by half an hour
    "2026-04-04T15:00:00Z", // Lord Howe, back by half an hour
    "2018-11-04T03:00:00Z", // São Paulo, ahead at midnight
    "2018-02-18T02:00:00Z", // São Paulo, back at midnight
];

/// Any moment of the years 1960 to 2100.
fn moment() -> impl Strategy<Value = Timestamp> {
    let (from, to) = (time("1960-01-01T00:00:00Z"), time("2100-01-01T00:00:00Z"));
    (from.as_nanosecond()..to.as_nanosecond()).prop_map(|time| Timestamp::from_nanosecond(time).unwrap())
}

/// Moments within four hours of a change.
fn moment_near_a_change() -> impl Strategy<Value = Timestamp> {
    let hours = 4 * 3_600_000_i64;
    (prop::sample::select(&CHANGES[..]), -hours..hours)
        .prop_map(|(change, distance)| time(change) + SignedDuration::from_millis(distance))
}

fn interval() -> impl Strategy<Value = Schedule> {
    (1_u64..100_000_000, 0.0..1.0, 0.0..1.0).prop_map(|(every, offset, jitter)| {
        let every = Duration::from_millis(every);
        Schedule {
            jitter: every.mul_f64(jitter),
            offset: every.mul_f64(offset),
            ..Schedule::new(Recurrence::Interval { every })
        }
    })
}

fn cron() -> impl Strategy<Value = Schedule> {
    let seconds = || (0_u64..86_400).prop_map(Duration::from_secs);
    let offset = prop_oneof![Just(Duration::ZERO), seconds()];
    (prop::sample::select(&EXPRESSIONS[..]), prop::sample::select(&ZONES[..]), offset, seconds()).prop_map(
        |(expression, zone, offset, jitter)| {
            let cron = Cron::new(expression).unwrap().in_time_zone(zone).unwrap();
            Schedule { jitter, offset, ..Schedule::new(Recurrence::Cron(cron)) }
        },
    )
}

fn schedule() -> impl Strategy<Value = Schedule> {
    prop_oneof![interval(), cron()]
}

fn any_moment() -> impl Strategy<Value = Timestamp> {
    prop_oneof![moment(), moment_near_a_change()]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn interval_times_are_multiples_of_the_interval_moved_by_the_offset(schedule in interval(), now in moment()) {
        let Recurrence::Interval { every } = schedule.recurrence else { unreachable!() };
        let next = schedule.next(now).unwrap();
        let from_offset = next.as_nanosecond() - schedule.offset.as_nanos() as i128;
        prop_assert_eq!(from_offset % every.as_nanos() as i128, 0);
        prop_assert!(next > now && next <= now + every);
    }

    #[test]
    fn the_next_time_is_later_and_the_previous_is_not(schedule in schedule(), now in any_moment()) {
        prop_assert!(schedule.next(now).unwrap() > now);
        prop_assert!(schedule.previous(now).unwrap() <= now);
    }

    #[test]
    fn a_scheduled_time_is_its_own_previous_time(schedule in schedule(), now in any_moment()) {
        let next = schedule.next(now).unwrap();
        prop_assert_eq!(schedule.previous(next), Some(next));
        let previous = schedule.previous(now).unwrap();
        prop_assert_eq!(schedule.previous(previous), Some(previous));
    }

    #[test]
    fn there_is_no_scheduled_time_between_the_previous_and_the_next(schedule in schedule(), now in any_moment()) {
        let (previous, next) = (schedule.previous(now).unwrap(), schedule.next(now).unwrap());
        prop_assert_eq!(schedule.next(previous), Some(next));
        let just_before = next - SignedDuration::from_nanos(1);
        prop_assert_eq!(schedule.previous(just_before), Some(previous));
    }

    #[test]
    fn a_run_starts_at_or_after_its_scheduled_time_and_before_the_next(schedule in schedule(), now in any_moment()) {
        let scheduled = schedule.next(now).unwrap();
        let start = schedule.start_of("probe", scheduled);
        prop_assert!(start >= scheduled && start < schedule.next(scheduled).unwrap());
        prop_assert!(start <= scheduled + schedule.jitter);
        prop_assert_eq!(start, schedule.start_of("probe", scheduled));
    }
}

/// A day, near a change of the clock or not, as people there count it: its first moment and the next day's.
fn day(now: Timestamp, zone: &str) -> (Timestamp, Timestamp) {
    let date = now.in_tz(zone).unwrap().date();
    let start = |date: jiff::civil::Date| date.in_tz(zone).unwrap().timestamp();
    (start(date), start(date.tomorrow().unwrap()))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn a_fixed_time_of_day_comes_once_on_every_day(
        hour in 0..24, minute in 0..60, zone in prop::sample::select(&ZONES[..]), now in any_moment()
    ) {
        let cron = Cron::new(&format!("{minute} {hour} * * *")).unwrap().in_time_zone(zone).unwrap();
        let schedule = Schedule::new(Recurrence::Cron(cron));
        let (start, end) = day(now, zone);
        let first = schedule.next(start - SignedDuration::from_nanos(1)).unwrap();
        prop_assert!(first < end, "{} of {}..{}", first, start, end);
        prop_assert!(schedule.next(first).unwrap() >= end);
    }

    #[test]
    fn a_leap_day_is_the_29th_of_february_wherever_it_is(zone in prop::sample::select(&ZONES[..]), now in moment()) {
        let cron = Cron::new("0 12 29 2 *").unwrap().in_time_zone(zone).unwrap();
        let schedule = Schedule::new(Recurrence::Cron(cron));
        let next = schedule.next(now).unwrap().in_tz(zone).unwrap();
        prop_assert_eq!((next.month(), next.day(), next.hour()), (2, 29, 12));
        let years = next.year() - now.in_tz(zone).unwrap().year();
        prop_assert!((0..=8).contains(&years), "{} years", years);
    }

    #[test]
    fn hours_on_the_wall_come_as_often_as_the_day_has_them(zone in prop::sample::select(&ZONES[..]), now in any_moment()) {
        let cron = Cron::new("0 * * * *").unwrap().in_time_zone(zone).unwrap();
        let schedule = Schedule::new(Recurrence::Cron(cron));
        let (start, end) = day(now, zone);
        let just_before = start - SignedDuration::from_nanos(1);
        let hours = std::iter::successors(schedule.next(just_before), |time| schedule.next(*time));
        let hours = hours.take_while(|time| *time < end).count() as i64;
        let length = end.duration_since(start).as_hours();
        prop_assert!((length - 1..=length + 1).contains(&hours), "{} in {} hours", hours, length);
    }
}

#[test]
fn the_jitter_of_many_tasks_is_spread_over_its_whole_length() {
    let schedule = Schedule { jitter: 100 * SECOND, ..Schedule::new(Recurrence::Interval { every: 200 * SECOND }) };
    let scheduled = schedule.next(time("2026-01-01T00:00:00Z")).unwrap();
    let mut tenths = [0; 10];
    for n in 0..1000 {
        let delay = schedule.start_of(&format!("task-{n}"), scheduled).duration_since(scheduled);
        tenths[delay.as_secs() as usize / 10] += 1;
    }
    assert!(tenths.iter().all(|count| (60..140).contains(count)), "{tenths:?}");
}

#[test]
fn time_ends_without_a_panic() {
    let schedule = Schedule::new(Recurrence::Interval { every: HOUR });
    assert_eq!(schedule.next(Timestamp::MAX), None);
    let cron = Schedule::new(Recurrence::Cron(Cron::new("0 0 * * *").unwrap()));
    assert_eq!(cron.next(Timestamp::MAX), None);
    let centuries = Schedule::new(Recurrence::Interval { every: Duration::MAX });
    assert_eq!(centuries.next(time("2026-01-01T00:00:00Z")), None);
    assert_eq!(centuries.previous(time("2026-01-01T00:00:00Z")), Some(Timestamp::UNIX_EPOCH));
}
