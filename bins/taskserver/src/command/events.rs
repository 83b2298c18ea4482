//! `taskserver events`: the stored events of the cluster, as the database has them; and what a rule finds in them.

use std::collections::HashMap;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context as _, bail};
use clap::Args;
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;
use task_k8s_events::{
    AlertRule, AlertRuleOptions, EventRecord, K8S_EVENT, Variables, builtin_alert_rules, event_services,
};
use taskserver_alerts::{Rehearsal, RehearsedAlert};
use taskserver_config::settings;
use taskserver_core::{Comparison, Page, Query, Record, Service as _, date_time};
use taskserver_store::TableService;

use super::table;
use crate::alerts;
use crate::cli::{Sources, print, print_error};

/// How many events are asked for at once.
const PAGE: u64 = 500;

/// How often new events are looked for.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// How much later than others an event can come to be seen that was received before them: a transaction takes so long at most.
const LATE: SignedDuration = SignedDuration::from_secs(10);

/// Which events.
#[derive(Debug, Clone, Args)]
pub(crate) struct EventFilters {
    /// Only what happened last since: a moment, or a time ago such as 2h
    #[arg(long, value_name = "TIME")]
    since: Option<String>,
    /// Only what happened last until: a moment, or a time ago
    #[arg(long, value_name = "TIME")]
    until: Option<String>,
    /// Only in this namespace
    #[arg(long, short = 'n')]
    namespace: Option<String>,
    /// Only about this object: NAME or KIND/NAME
    #[arg(long, value_name = "OBJECT")]
    object: Option<String>,
    /// Only with this reason, such as BackOff
    #[arg(long)]
    reason: Option<String>,
    /// Only of this type: Normal or Warning
    #[arg(long = "type", value_name = "TYPE")]
    type_: Option<String>,
}

/// How `taskserver events` shows them.
#[derive(Debug, Clone, Args)]
pub(crate) struct ListOptions {
    #[command(flatten)]
    filters: EventFilters,
    /// Show the newest so many
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u64).range(1..))]
    limit: u64,
    /// Go on with what comes
    #[arg(long, short)]
    follow: bool,
    /// Print a line of JSON for each in place of a table
    #[arg(long)]
    json: bool,
}

/// The rule of `taskserver events test-rule`, and on which events it is tried.
#[derive(Debug, Clone, Args)]
pub(crate) struct TestRuleOptions {
    #[command(flatten)]
    filters: EventFilters,
    /// A rule of the configuration, or one that is built in
    #[arg(required_unless_present = "expression")]
    name: Option<String>,
    /// The rule's expression, in place of that of the configuration
    #[arg(long, value_name = "CEL")]
    expression: Option<String>,
    /// The rule's group, likewise
    #[arg(long, value_name = "TEMPLATE")]
    group: Option<String>,
    /// The rule's summary, likewise
    #[arg(long, value_name = "TEMPLATE")]
    summary: Option<String>,
    /// How often it must have happened, likewise
    #[arg(long, value_name = "COUNT", value_parser = clap::value_parser!(u32).range(1..=1000))]
    min_count: Option<u32>,
    /// Within which time, likewise
    #[arg(long, value_name = "TIME", value_parser = duration)]
    window: Option<Duration>,
    /// How long after an alert no new one is raised, likewise
    #[arg(long, value_name = "TIME", value_parser = duration)]
    cool_down: Option<Duration>,
    /// How long after its last event an alert is resolved, likewise
    #[arg(long, value_name = "TIME", value_parser = duration)]
    resolve_after: Option<Duration>,
}

fn duration(text: &str) -> Result<Duration, jiff::Error> {
    Duration::try_from(text.parse::<SignedDuration>()?)
}

/// A moment, or a time ago.
pub(super) fn moment(text: &str, now: Timestamp) -> anyhow::Result<Timestamp> {
    if let Ok(moment) = text.parse() {
        return Ok(moment);
    }
    let ago: Option<SignedDuration> = text.parse().ok();
    ago.and_then(|ago| now.checked_sub(ago).ok()).with_context(|| {
        format!("`{text}` is no time: expected a moment such as 2026-11-24T12:00:00Z, or a time ago such as 2h")
    })
}

impl EventFilters {
    fn query(&self, now: Timestamp) -> anyhow::Result<Query> {
        let mut query = Query::new();
        for (name, value) in [
            ("namespace", &self.namespace),
            ("reason", &self.reason),
            ("type", &self.type_),
            ("involvedName", &self.name()),
        ] {
            if let Some(value) = value {
                query = query.eq(name, value.as_str());
            }
        }
        for (text, comparison) in [(&self.since, Comparison::Gte), (&self.until, Comparison::Lte)] {
            if let Some(text) = text {
                query = query.compare("time", comparison, date_time(moment(text, now)?));
            }
        }
        Ok(query)
    }

    fn name(&self) -> Option<String> {
        self.object.as_deref().map(|object| object.rsplit('/').next().unwrap_or(object).to_owned())
    }

    /// Whether an event is about an object of the kind; the database tells the names apart, and people write `pod` for `Pod`.
    fn is_of_kind(&self, record: &Record) -> bool {
        let kind = self.object.as_deref().and_then(|object| Some(object.split_once('/')?.0));
        kind.is_none_or(|kind| text(record, "involvedKind").eq_ignore_ascii_case(kind))
    }
}

pub(super) fn text<'a>(record: &'a Record, name: &str) -> &'a str {
    record.get(name).and_then(Value::as_str).unwrap_or_default()
}

pub(crate) fn list(sources: &Sources, options: &ListOptions) -> anyhow::Result<ExitCode> {
    let settings = sources.loader().load()?.settings;
    super::block_on(async {
        let store = super::store(&settings)?;
        let events = Events::new(&store)?;
        let now = Timestamp::now();
        let query = options.filters.query(now)?;
        let mut found = events.newest(&options.filters, query.clone(), options.limit).await?;
        found.reverse();
        show(&found, options.json, true);
        if options.follow {
            events.follow(options, query, &found, now).await?;
        }
        store.close();
        Ok(ExitCode::SUCCESS)
    })
}

/// The stored events.
struct Events(TableService);

impl Events {
    fn new(store: &taskserver_store::Store) -> anyhow::Result<Self> {
        let service = event_services(store).into_iter().find(|(path, _)| *path == K8S_EVENT);
        Ok(Self(service.context("there is no service of events")?.1))
    }

    async fn page(&self, query: Query) -> anyhow::Result<Page> {
        Ok(self.0.find(&query.into()).await?)
    }

    /// The newest events, the newest first.
    async fn newest(&self, filters: &EventFilters, query: Query, limit: u64) -> anyhow::Result<Vec<Record>> {
        let query = query.descending("time").descending("id");
        let mut found = Vec::new();
        let mut skip = 0;
        loop {
            let page = self.page(query.clone().limit(PAGE.min(limit)).skip(skip)).await?;
            let is_last = page.data.len() < usize::try_from(PAGE.min(limit))?;
            skip += page.data.len() as u64;
            found.extend(page.data.into_iter().filter(|record| filters.is_of_kind(record)));
            if is_last || found.len() as u64 >= limit {
                found.truncate(usize::try_from(limit)?);
                return Ok(found);
            }
        }
    }

    /// Shows what is stored from now on, until the process is ended.
    async fn follow(
        &self,
        options: &ListOptions,
        query: Query,
        shown: &[Record],
        now: Timestamp,
    ) -> anyhow::Result<()> {
        let key = |record: &Record| (text(record, "id").to_owned(), text(record, "resourceVersion").to_owned());
        let mut newest = now;
        let mut seen: HashMap<_, Timestamp> = shown.iter().map(|record| (key(record), now)).collect();
        loop {
            let since = newest.checked_sub(LATE)?;
            let query = query
                .clone()
                .compare("updatedAt", Comparison::Gte, date_time(since))
                .ascending("updatedAt")
                .ascending("id");
            let mut fresh = Vec::new();
            let mut skip = 0;
            loop {
                let page = self.page(query.clone().limit(PAGE).skip(skip)).await?;
                let is_last = (page.data.len() as u64) < PAGE;
                skip += page.data.len() as u64;
                for record in page.data.into_iter().filter(|record| options.filters.is_of_kind(record)) {
                    let updated = text(&record, "updatedAt").parse().unwrap_or(newest);
                    newest = newest.max(updated);
                    if seen.insert(key(&record), updated).is_none() {
                        fresh.push(record);
                    }
                }
                if is_last {
                    break;
                }
            }
            show(&fresh, options.json, false);
            let forget = newest.checked_sub(LATE * 2)?;
            seen.retain(|_, updated| *updated >= forget);
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }
}

fn show(records: &[Record], json: bool, with_header: bool) {
    if json {
        records.iter().for_each(|record| print(&Value::Object(record.clone()).to_string()));
        return;
    }
    if with_header {
        print(&line(["LAST SEEN", "TYPE", "REASON", "NAMESPACE", "OBJECT", "COUNT", "MESSAGE"]));
    }
    for record in records {
        let object = format!("{}/{}", text(record, "involvedKind"), text(record, "involvedName"));
        let count = record.get("occurrences").map(Value::to_string).unwrap_or_default();
        let message = text(record, "message").lines().next().unwrap_or_default();
        print(&line([
            &seconds(text(record, "time")),
            text(record, "type"),
            text(record, "reason"),
            text(record, "namespace"),
            &object,
            &count,
            message,
        ]));
    }
}

/// Columns that need not know what comes.
fn line([time, type_, reason, namespace, object, count, message]: [&str; 7]) -> String {
    format!("{time:<20}  {type_:<7}  {reason:<18}  {namespace:<14}  {object:<40}  {count:>5}  {message}")
}

/// A moment to the second.
pub(super) fn seconds(time: &str) -> String {
    time.parse::<Timestamp>().map_or_else(|_| time.to_owned(), |time| time.strftime("%Y-%m-%dT%H:%M:%SZ").to_string())
}

pub(crate) fn test_rule(sources: &Sources, options: &TestRuleOptions) -> anyhow::Result<ExitCode> {
    let settings = sources.loader().load()?.settings;
    let rule = match AlertRule::compile(rule(&settings.alerts, options)?) {
        Ok(rule) => rule,
        Err(errors) => {
            let problems: Vec<String> = errors.iter().map(|(part, error)| format!("  - {part}: {error}")).collect();
            bail!("the rule is wrong:\n{}", problems.join("\n"));
        }
    };
    super::block_on(async {
        let store = super::store(&settings)?;
        let now = Timestamp::now();
        let (tried, alerts) =
            rehearse(&Events::new(&store)?, &options.filters, &rule, &settings.kubernetes.cluster, now).await?;
        store.close();
        report(&rule, tried, &alerts);
        Ok(ExitCode::SUCCESS)
    })
}

/// The rule of the configuration with what the command line says in its place.
fn rule(settings: &settings::Alerts, options: &TestRuleOptions) -> anyhow::Result<AlertRuleOptions> {
    let name = options.name.as_deref().unwrap_or("test");
    let builtin = builtin_alert_rules().into_iter().find(|rule| rule.name == name);
    let configured = settings.rules.get(name);
    if options.name.is_some() && builtin.is_none() && configured.is_none() {
        let builtin = builtin_alert_rules().into_iter().map(|rule| rule.name);
        let mut known: Vec<String> = builtin.chain(settings.rules.keys().cloned()).collect();
        known.sort_unstable();
        known.dedup();
        bail!("there is no rule `{name}`; there are {}", known.join(", "));
    }
    let configured = alerts::rule(builtin.unwrap_or_default(), name, configured.cloned().unwrap_or_default());
    let given = settings::AlertRule {
        expression: options.expression.clone(),
        group: options.group.clone(),
        summary: options.summary.clone(),
        min_count: options.min_count,
        window: options.window,
        cool_down: options.cool_down,
        resolve_after: options.resolve_after,
        ..settings::AlertRule::default()
    };
    Ok(alerts::rule(configured, name, given))
}

/// Tries a rule on the stored events, the oldest first.
async fn rehearse(
    events: &Events,
    filters: &EventFilters,
    rule: &AlertRule,
    cluster: &str,
    now: Timestamp,
) -> anyhow::Result<(u64, Vec<RehearsedAlert>)> {
    let query = filters.query(now)?.ascending("time").ascending("id");
    let (mut tried, mut skip) = (0, 0);
    let mut rehearsal = Rehearsal::default();
    let progress = super::progress::of(0);
    loop {
        let page = events.page(query.clone().limit(PAGE).skip(skip)).await?;
        let is_last = (page.data.len() as u64) < PAGE;
        skip += page.data.len() as u64;
        progress.set_length(page.total);
        progress.set_position(skip);
        for record in page.data.iter().filter(|record| filters.is_of_kind(record)) {
            let Some(event) = EventRecord::from_record(record) else { continue };
            tried += 1;
            match rule.alert(cluster, &event, &Variables::of(&event), event.occurrences()) {
                Ok(found) => found.iter().for_each(|alert| rehearsal.observe(alert)),
                Err(error) => progress.suspend(|| {
                    print_error(&format!("Warning: the event {} cannot be evaluated: {error}", event.name));
                }),
            }
        }
        if is_last {
            progress.finish_and_clear();
            return Ok((tried, rehearsal.alerts(now)));
        }
    }
}

fn report(rule: &AlertRule, tried: u64, alerts: &[RehearsedAlert]) {
    if !alerts.is_empty() {
        let time = |time: Timestamp| seconds(&time.to_string());
        print(&table(
            ["RAISED", "RESOLVED", "LEVEL", "EVENTS", "GROUP", "TITLE"],
            alerts.iter().map(|alert| {
                [
                    time(alert.raised),
                    alert.resolved.map_or_else(|| "-".to_owned(), time),
                    alert.level.to_string(),
                    alert.events.to_string(),
                    alert.key.group.clone(),
                    alert.title.clone(),
                ]
            }),
        ));
    }
    let (alerts, name) = (alerts.len(), &rule.options().name);
    print(&format!(
        "The rule {name} would have raised {alerts} {} from {tried} stored {}.",
        if alerts == 1 { "alert" } else { "alerts" },
        if tried == 1 { "event" } else { "events" }
    ));
}
