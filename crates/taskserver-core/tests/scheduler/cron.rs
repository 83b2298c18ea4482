//! The cron dialect and its behaviour when clocks change.

use taskserver_core::{Cron, Recurrence, Schedule};

use crate::fixture::time;

/// The first times after `after`, in the zone's own time.
fn times(expression: &str, zone: &str, after: &str, count: usize) -> Vec<String> {
    let cron = Cron::new(expression).unwrap().in_time_zone(zone).unwrap();
    let schedule = Schedule::new(Recurrence::Cron(cron));
    std::iter::successors(schedule.next(time(after)), |time| schedule.next(*time))
        .take(count)
        .map(|time| time.in_tz(zone).unwrap().strftime("%d %H:%M %:z").to_string())
        .collect()
}

#[test]
fn a_fixed_time_that_is_skipped_runs_at_the_first_moment_after_the_gap() {
    assert_eq!(
        times("30 2 * * *", "Europe/Berlin", "2026-03-27T12:00:00Z", 3),
        ["28 02:30 +01:00", "29 03:00 +02:00", "30 02:30 +02:00"]
    );
    assert_eq!(
        times("30 2 * * *", "America/New_York", "2026-03-07T12:00:00Z", 2),
        ["08 03:00 -04:00", "09 02:30 -04:00"]
    );
    assert_eq!(
        times("15 2 * * *", "Australia/Lord_Howe", "2026-10-03T00:00:00Z", 2),
        ["04 02:30 +11:00", "05 02:15 +11:00"],
        "the clock leaps by half an hour"
    );
    assert_eq!(
        times("0 0 * * *", "America/Sao_Paulo", "2018-11-03T12:00:00Z", 2),
        ["04 01:00 -02:00", "05 00:00 -02:00"],
        "the clock leaps at midnight"
    );
}

#[test]
fn a_fixed_time_that_comes_twice_runs_the_first_time() {
    assert_eq!(times("30 2 * * *", "Europe/Berlin", "2026-10-24T12:00:00Z", 2), ["25 02:30 +02:00", "26 02:30 +01:00"]);
    assert_eq!(
        times("30 1 * * *", "America/New_York", "2026-10-31T12:00:00Z", 2),
        ["01 01:30 -04:00", "02 01:30 -05:00"]
    );
    assert_eq!(
        times("45 1 * * *", "Australia/Lord_Howe", "2026-04-04T00:00:00Z", 2),
        ["05 01:45 +11:00", "06 01:45 +10:30"]
    );
}

#[test]
fn recurring_times_follow_the_clock_on_the_wall() {
    assert_eq!(
        times("*/30 * * * *", "Europe/Berlin", "2026-03-29T00:00:00Z", 3),
        ["29 01:30 +01:00", "29 03:00 +02:00", "29 03:30 +02:00"]
    );
    assert_eq!(
        times("*/30 * * * *", "Europe/Berlin", "2026-10-25T00:15:00Z", 5),
        ["25 02:30 +02:00", "25 02:00 +01:00", "25 02:30 +01:00", "25 03:00 +01:00", "25 03:30 +01:00"]
    );
    assert_eq!(
        times("30 2,14 * * *", "Europe/Berlin", "2026-03-28T12:00:00Z", 3),
        ["28 14:30 +01:00", "29 14:30 +02:00", "30 02:30 +02:00"],
        "two times a day are not one fixed time"
    );
}

#[test]
fn leap_days_come_every_four_years_except_in_2100() {
    let schedule = Schedule::new(Recurrence::Cron(Cron::new("0 0 29 2 *").unwrap()));
    let next = |after| schedule.next(time(after)).unwrap().to_string();
    assert_eq!(next("2026-01-01T00:00:00Z"), "2028-02-29T00:00:00Z");
    assert_eq!(next("2096-03-01T00:00:00Z"), "2104-02-29T00:00:00Z");
}

#[test]
fn the_dialect_is_as_documented() {
    let first = |expression| times(expression, "UTC", "2026-01-01T00:00:00Z", 3).join(", ");
    assert_eq!(first("0 12 L * *"), "31 12:00 +00:00, 28 12:00 +00:00, 31 12:00 +00:00");
    assert_eq!(first("0 12 15W * *"), "15 12:00 +00:00, 16 12:00 +00:00, 16 12:00 +00:00");
    assert_eq!(first("0 12 * * FRI#2"), "09 12:00 +00:00, 13 12:00 +00:00, 13 12:00 +00:00");
    assert_eq!(first("0 12 * * FRI#L"), "30 12:00 +00:00, 27 12:00 +00:00, 27 12:00 +00:00");
    assert_eq!(first("0 12 * * 7"), first("0 12 * * 0"));
    assert_eq!(first("0 12 * * sun"), first("0 12 * * SUN"));
    assert_eq!(first("0 12 10 * SAT"), "03 12:00 +00:00, 10 12:00 +00:00, 17 12:00 +00:00");
    assert_eq!(first("0 12 10 * +SAT"), "10 12:00 +00:00, 10 12:00 +00:00, 10 12:00 +00:00");
    assert_eq!(first("0 0 ? * MON"), first("0 0 * * MON"));
    assert_eq!(first("@daily"), first("0 0 * * *"));
    assert_eq!(first("0 30 6 * * *"), first("30 6 * * *"));
}

#[test]
fn a_bad_expression_is_refused_with_its_reason() {
    let error = |expression| Cron::new(expression).unwrap_err().to_string();
    let refused = |expression, reason| {
        assert_eq!(error(expression), format!("the cron expression `{expression}` is invalid: {reason}"));
    };
    refused("", "it is empty");
    refused("* * *", "it must have 5 fields, or 6 with seconds first");
    refused("0 0 0 1 1 * 2030", "it must have 5 fields, or 6 with seconds first");
    refused("61 * * * *", "Number out of bounds");
    refused("0 0 30 2 *", "such a date never comes");
    let error = Cron::new("@daily").unwrap().in_time_zone("Europe/Atlantis").unwrap_err();
    assert_eq!(
        error.to_string(),
        "the time zone `Europe/Atlantis` is unknown; give an IANA name, such as `Europe/Berlin`, and make sure that the \
         system's time zone database is installed"
    );
}

/// Where `cron-parser`'s times are others. There is no standard for any of it; ours are as documented.
const DIFFERENCES: [(&str, &str, &str); 8] = [
    // A fixed time that is skipped: ours is the first moment after the gap, theirs is later by the length of the gap.
    ("30 2 * * *", "Europe/Berlin", "2026-03-28T23:30:00Z"),
    ("30 2 * * *", "America/New_York", "2026-03-08T05:00:00Z"),
    ("30 0 0 * * *", "America/Sao_Paulo", "2018-11-04T01:00:00Z"),
    // Several fixed times: ours follow the clock on the wall, theirs are moved out of the gap, and do not come twice.
    ("15 2,14 * * *", "Europe/Berlin", "2026-03-28T23:30:00Z"),
    ("15 2,14 * * *", "Europe/Berlin", "2026-10-24T22:30:00Z"),
    ("15 2,14 * * *", "America/New_York", "2026-03-08T05:00:00Z"),
    ("10 */6 * * *", "America/Sao_Paulo", "2018-11-04T01:00:00Z"),
    // Where half an hour comes twice, theirs leave a half-hour out.
    ("*/30 * * * *", "Australia/Lord_Howe", "2026-04-04T13:00:00Z"),
];

#[test]
fn its_times_are_those_of_cron_parser_except_on_some_days_when_clocks_change() {
    #[derive(serde::Deserialize)]
    struct Line {
        expression: String,
        zone: String,
        after: String,
        times: Vec<String>,
    }
    // `tests/node/cron.mjs` makes it, with the npm package.
    let lines = include_str!("../data/cron-parser.jsonl").lines();
    let lines = lines.map(|line| serde_json::from_str::<Line>(line).unwrap());
    let mut differences = Vec::new();
    for Line { expression, zone, after, times } in lines {
        let cron = Cron::new(&expression).unwrap().in_time_zone(&zone).unwrap();
        let schedule = Schedule::new(Recurrence::Cron(cron));
        let ours = std::iter::successors(schedule.next(time(&after)), |time| schedule.next(*time));
        let ours: Vec<String> = ours.take(times.len()).map(|time| time.to_string()).collect();
        if ours != times {
            differences.push((expression, zone, after));
        }
    }
    let known = DIFFERENCES.map(|(expression, zone, after)| (expression.to_owned(), zone.to_owned(), after.to_owned()));
    differences.sort();
    let mut known = Vec::from(known);
    known.sort();
    assert_eq!(differences, known);
}
