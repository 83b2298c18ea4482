//! Rules: what they say of events, and what is said of wrong ones.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails; clippy.toml excepts only the test functions")]

mod common;

use std::collections::BTreeMap;

use task_k8s_events::{
    AlertRule, AlertRuleOptions, EventFilter, EventRecord, Rule, Template, Variables, builtin_alert_rules,
};
use taskserver_alerts::Policy;
use taskserver_tests::kubernetes::ApiServer;

use common::{Store, collector, next_batch, options, recorded_watch, replay};

fn message(expression: &str) -> String {
    Rule::compile(expression).map_or_else(|error| error.to_string(), |_| "fine".to_owned())
}

/// The events of the recording.
async fn recorded() -> Vec<EventRecord> {
    let server = ApiServer::start().await;
    replay(&server, &recorded_watch());
    let mut store = Store::default();
    store.apply(next_batch(&mut collector(&server, options()).stream(None)).await);
    store.rows.into_values().map(|row| row.event).collect()
}

#[test]
fn what_is_wrong_with_a_rule_is_said_with_its_place() {
    for (expression, expected) in [
        ("event.reason == 'BackOff'", "fine"),
        ("true || event.series.count > 3 && event.message.matches('^Back.*')", "fine"),
        ("['a', 'b'].exists(it, it == event.reason)", "fine"),
        ("has(event.series.lastObservedTime) && type(occurrences) == int", "fine"),
        (
            "even.reason == 'BackOff'",
            "line 1, column 1: there is no variable `even`; there are event, cluster, occurrences and time",
        ),
        // Where an evaluation would not come by.
        (
            "event.reason == 'BackOff' &&\n  false && event.source.hots == 'x'",
            "line 2, column 24: there is no field `event.source.hots`; there are component and host",
        ),
        (
            "has(event.series.counts)",
            "line 1, column 4: there is no field `event.series.counts`; there are count and lastObservedTime",
        ),
        ("event.reason.text == 'x'", "line 1, column 13: there is no field `event.reason.text`"),
        (
            "[1].all(it, event.source.hots == 'x')",
            "line 1, column 25: there is no field `event.source.hots`; there are component and host",
        ),
        ("event.reason", "a rule is true or false, and this is of the type string"),
        ("event.reason.frobnicate()", "Undeclared reference to 'frobnicate'"),
        ("event.count > 'three'", "found no matching overload for '_>_' applied to '(int, string)'"),
        ("event.reason = 'x'", "line 1, column 14: Syntax error: token recognition error at: '= '"),
        ("event.reason == 'x", "line 1, column 17: Syntax error: token recognition error at: ''x'"),
    ] {
        assert_eq!(message(expression), expected, "{expression}");
    }
}

#[tokio::test]
async fn the_rules_of_the_house_find_what_they_are_for_in_the_recording() {
    let events = recorded().await;
    let rules: Vec<AlertRule> =
        builtin_alert_rules().into_iter().map(|rule| AlertRule::compile(rule).unwrap()).collect();
    let mut found: BTreeMap<&str, BTreeMap<&str, usize>> = BTreeMap::new();
    for event in &events {
        let variables = Variables::of(event);
        for rule in rules.iter().filter(|rule| rule.matches(&variables).unwrap()) {
            *found.entry(&rule.options().name).or_default().entry(&event.reason).or_default() += 1;
        }
    }
    let expected = [
        ("back-off", "BackOff", 1),
        ("failed-scheduling", "FailedScheduling", 3),
        ("node-not-ready", "NodeNotReady", 3),
        ("oom", "OOMKilling", 1),
        ("unhealthy", "Unhealthy", 1),
    ];
    assert_eq!(found, expected.map(|(rule, reason, count)| (rule, BTreeMap::from([(reason, count)]))).into());
    let back_off = events.iter().find(|event| event.reason == "BackOff").unwrap();
    let rule = rules.iter().find(|rule| rule.options().name == "back-off").unwrap();
    let variables = Variables::of(back_off);
    assert_eq!(rule.group(&variables).unwrap(), "Pod/ir-engine/ir-engine-api-68bf84cb5f-n5npx");
    assert_eq!(
        rule.texts(&variables).unwrap(),
        [
            "Pod ir-engine-api-68bf84cb5f-n5npx: BackOff",
            "Back-off restarting failed container api in pod \
             ir-engine-api-68bf84cb5f-n5npx_ir-engine(06704274-59ba-4602-8249-583952ef3853)",
        ]
    );
}

#[tokio::test]
async fn a_filter_keeps_what_is_included_and_not_excluded() {
    let events = recorded().await;
    let count = |include: Option<&str>, exclude: Option<&str>| {
        let rule = |text: &str| Rule::compile(text).unwrap();
        let filter = EventFilter::new(include.map(rule), exclude.map(rule));
        events.iter().filter(|event| filter.keeps(event)).count()
    };
    let warnings = events.iter().filter(|event| event.type_ == "Warning").count();
    assert!(warnings > 0 && warnings < events.len());
    assert_eq!(count(None, None), events.len());
    assert_eq!(count(Some("event.type == 'Warning'"), None), warnings);
    assert_eq!(count(None, Some("event.type == 'Warning'")), events.len() - warnings);
    assert_eq!(count(Some("event.type == 'Warning'"), Some("event.reason == 'BackOff'")), warnings - 1);
    // What cannot be decided is kept: here, what divides by zero.
    let undecided = "1 / (event.type == 'Warning' ? 1 : 0)";
    assert_eq!(count(Some(&format!("{undecided} == 2")), None), events.len() - warnings);
    assert_eq!(count(None, Some(&format!("{undecided} == 1"))), events.len() - warnings);
}

#[test]
fn a_template_has_its_places_as_it_was_written() {
    let message = |text: &str| Template::compile(text).map_or_else(|error| error.to_string(), |_| "fine".to_owned());
    assert_eq!(message("no expression, { single } braces }}"), "fine");
    assert_eq!(message("{{ occurrences }} times, {{ event.count > 3 }}, {{ 1.5 }}"), "fine");
    assert_eq!(message("one\ntwo {{ event.reason "), "line 2, column 5: `{{` has no `}}` after it");
    assert_eq!(
        message("one {{ event.reason }}\ntwo {{ event.series.cuont }}"),
        "line 2, column 20: there is no field `event.series.cuont`; there are count and lastObservedTime"
    );
    assert_eq!(message("{{ [1, 2] }}"), "a value of the type list makes no text");
}

#[test]
fn every_part_of_an_alert_rule_is_checked() {
    let options = AlertRuleOptions {
        expression: "event.reson == 'x'".into(),
        summary: "{{ clster }}".into(),
        policy: Policy { min_count: 0, ..Policy::default() },
        ..AlertRuleOptions::default()
    };
    let errors = AlertRule::compile(options).unwrap_err();
    let parts: Vec<&str> = errors.iter().map(|(part, _)| *part).collect();
    assert_eq!(parts, ["expression", "summary", "name", "min_count"]);
}
