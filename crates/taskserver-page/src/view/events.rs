//! The Kubernetes events.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use taskserver_core::{App, Comparison, Filter, Query, ServiceError, date_time};

use super::{Range, Section, record, section};
use crate::chart::{Bar, Span};

/// The service of the events.
pub(crate) const SERVICE: &str = "k8s-event";
/// The service of the times of which events may be missing.
pub(crate) const GAPS: &str = "k8s-event-gap";
/// The service of their counts by reason and time.
const COUNTS: &str = "k8s-event-count";
/// How many events a page has.
const PAGE: u64 = 50;
/// How many reasons are told apart in the chart; the others are one.
const REASONS: usize = 6;
/// How many events that happened at one time can be paged through.
const MOST_SKIPPED: u64 = 10_000;
/// How many counts are read at most.
const MOST_COUNTS: u64 = 3000;

/// Which events are shown.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct EventFilter {
    /// The time of the chart.
    pub range: Range,
    /// `Normal` or `Warning`.
    pub kind: Option<String>,
    /// The namespace.
    pub namespace: Option<String>,
    /// The reason.
    pub reason: Option<String>,
    /// The object that the event is about: its name, or its kind and name, as `Pod/api`.
    pub object: Option<String>,
    /// Only events that happened at this time or before.
    pub until: Option<Timestamp>,
    /// Without the first so many of them, which happened at that very time and were shown before.
    pub skip: u64,
}

impl EventFilter {
    /// The filter of an address.
    pub(crate) fn parse(query: &str) -> Self {
        let mut filter = Self::default();
        for (name, value) in form_urlencoded::parse(query.as_bytes()) {
            let value = value.trim();
            if value.is_empty() || value.len() > 255 {
                continue;
            }
            let text = || Some(value.to_owned());
            match &*name {
                "range" => filter.range = Range::parse(value).unwrap_or_default(),
                "type" => filter.kind = text(),
                "namespace" => filter.namespace = text(),
                "reason" => filter.reason = text(),
                "object" => filter.object = text(),
                "until" => filter.until = value.parse().ok(),
                "skip" => filter.skip = value.parse().unwrap_or_default(),
                _ => {}
            }
        }
        filter
    }

    /// The address of the page with this filter.
    pub(crate) fn address(&self) -> String {
        let mut query = form_urlencoded::Serializer::new(String::new());
        if self.range != Range::default() {
            query.append_pair("range", self.range.name());
        }
        let texts =
            [("type", &self.kind), ("namespace", &self.namespace), ("reason", &self.reason), ("object", &self.object)];
        for (name, value) in texts {
            if let Some(value) = value {
                query.append_pair(name, value);
            }
        }
        if let Some(until) = self.until {
            query.append_pair("until", &until.to_string());
        }
        if self.skip > 0 {
            query.append_pair("skip", &self.skip.to_string());
        }
        match query.finish() {
            query if query.is_empty() => "/events".to_owned(),
            query => format!("/events?{query}"),
        }
    }

    /// The same, from the newest on.
    pub(crate) fn newest_first(&self) -> Self {
        Self { until: None, skip: 0, ..self.clone() }
    }

    /// The same, from the last of these events on, which was not shown. Many may have happened at one time.
    fn older(&self, events: &[Event]) -> Option<Self> {
        let (next, shown) = events.split_last()?;
        let at_that_time = shown.iter().filter(|event| event.time == next.time).count() as u64;
        let before = if self.until == Some(next.time) { self.skip } else { 0 };
        Some(Self { until: Some(next.time), skip: before + at_that_time, ..self.clone() })
    }

    fn query(&self) -> Query {
        let mut query = Query::new().skip(self.skip.min(MOST_SKIPPED));
        // No name of an object has a slash.
        let (object_kind, object) = match self.object.as_deref().map(|object| object.split_once('/')) {
            Some(Some((kind, name))) => (Some(kind), Some(name)),
            _ => (None, self.object.as_deref()),
        };
        let texts = [
            ("type", self.kind.as_deref()),
            ("namespace", self.namespace.as_deref()),
            ("reason", self.reason.as_deref()),
            ("involvedKind", object_kind),
            ("involvedName", object),
        ];
        for (field, value) in texts {
            if let Some(value) = value {
                query = query.eq(field, value);
            }
        }
        if let Some(until) = self.until {
            query = query.compare("time", Comparison::Lte, date_time(until));
        }
        query
    }
}

/// A Kubernetes event. All of it was written by others.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// The id of the row.
    pub id: String,
    /// When it happened last.
    pub time: Timestamp,
    /// `Normal`, `Warning`, or whatever its reporter wrote.
    pub kind: String,
    /// Why it was reported.
    pub reason: String,
    /// What it says.
    pub message: String,
    /// Its namespace.
    pub namespace: String,
    /// The kind of the object that it is about.
    pub object_kind: String,
    /// The name of that object.
    pub object: String,
    /// How often it happened.
    pub occurrences: i64,
    /// Who reported it.
    pub reporter: Option<String>,
}

/// How often something happened for a reason.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReasonCount {
    /// The reason.
    pub reason: String,
    /// How often.
    pub count: i64,
}

/// The content of the page of the events.
#[derive(Debug, Clone)]
pub struct Events {
    /// What is shown.
    pub filter: EventFilter,
    /// The newest that are to be shown.
    pub events: Section<Vec<Event>>,
    /// What the next page shows, if there is one.
    pub older: Option<EventFilter>,
    /// The counts over time by reason, where they are kept.
    pub counts: Option<Section<Counts>>,
}

/// Counts by reason.
#[derive(Debug, Clone)]
pub struct Counts {
    /// The time that is shown.
    pub span: Span,
    /// The most frequent reasons, the most frequent first, and how often the others happened.
    pub reasons: Vec<ReasonCount>,
    /// The counts over time, in the order of `reasons`.
    pub bars: Vec<Bar>,
}

impl Range {
    /// The length of the pieces of time whose counts are shown, in seconds: those of `k8s-event-count`.
    fn count_period(self) -> i64 {
        match self {
            Self::Day => 3600,
            Self::Week => 21_600,
            Self::Month => 86_400,
        }
    }
}

impl Events {
    pub(crate) async fn gather(app: &App, filter: EventFilter) -> Self {
        let counts = async {
            match app.services().get(COUNTS) {
                Some(_) => Some(section(counts(app, filter.range)).await),
                None => None,
            }
        };
        let (events, counts) = tokio::join!(section(events(app, &filter)), counts);
        let older = events.as_ref().ok().filter(|events| events.len() as u64 > PAGE);
        let older = older.and_then(|events| filter.older(events));
        let events = events.map(|mut events| {
            events.truncate(PAGE as usize);
            events
        });
        Self { filter, events, older, counts }
    }
}

/// The newest events, one more than a page has.
async fn events(app: &App, filter: &EventFilter) -> Result<Vec<Event>, ServiceError> {
    let query = filter.query().descending("time").descending("id").limit(PAGE + 1).uncounted();
    let page = app.service(SERVICE).find(query).await?;
    Ok(page.data.iter().filter_map(event).collect())
}

fn event(row: &taskserver_core::Record) -> Option<Event> {
    let text = |field| record::text(row, field);
    Some(Event {
        id: text("id"),
        time: record::moment(row, "time")?,
        kind: text("type"),
        reason: text("reason"),
        message: text("message"),
        namespace: text("namespace"),
        object_kind: text("involvedKind"),
        object: text("involvedName"),
        occurrences: record::integer(row, "occurrences").unwrap_or(1),
        reporter: record::optional(row, "reportingComponent").or_else(|| record::optional(row, "sourceComponent")),
    })
}

async fn counts(app: &App, range: Range) -> Result<Counts, ServiceError> {
    let now = app.clock().now();
    let period = range.count_period();
    let asked = range.span(now);
    // Whole pieces of time, the present one included.
    let last = now.as_second().div_euclid(period) * period;
    let pieces = asked.to.duration_since(asked.from).as_secs() / period;
    let first = last - (pieces - 1) * period;
    let moment = |second| Timestamp::from_second(second).unwrap_or(Timestamp::MIN);
    let span = Span { from: moment(first), to: moment(last + period) };
    let query = Query::new()
        .eq("period", period)
        .and(Filter::Compare { field: "start".into(), comparison: Comparison::Gte, value: date_time(span.from) })
        .descending("start")
        .descending("count")
        .limit(MOST_COUNTS)
        .uncounted();
    let mut by_reason: BTreeMap<String, BTreeMap<i64, i64>> = BTreeMap::new();
    for row in app.service(COUNTS).find(query).await?.data {
        if let (Some(start), Some(count)) = (record::moment(&row, "start"), record::integer(&row, "count")) {
            let piece = (start.as_second() - first) / period;
            *by_reason.entry(record::text(&row, "reason")).or_default().entry(piece).or_default() += count;
        }
    }
    let mut reasons: Vec<(String, BTreeMap<i64, i64>)> = by_reason.into_iter().collect();
    reasons.sort_by_key(|(_, counts)| std::cmp::Reverse(counts.values().sum::<i64>()));
    if reasons.len() > REASONS {
        let mut others: BTreeMap<i64, i64> = BTreeMap::new();
        for (piece, count) in reasons.drain(REASONS..).flat_map(|(_, counts)| counts) {
            *others.entry(piece).or_default() += count;
        }
        reasons.push(("others".to_owned(), others));
    }
    let bars = (0..pieces)
        .map(|piece| {
            let from = moment(first + piece * period);
            Bar {
                from,
                to: from.checked_add(SignedDuration::from_secs(period)).unwrap_or(from),
                label: from.strftime(if period >= 86_400 { "%-d %b" } else { "%-d %b %H:%M" }).to_string(),
                counts: reasons.iter().map(|(_, counts)| counts.get(&piece).copied().unwrap_or_default()).collect(),
            }
        })
        .collect();
    let total = |(reason, counts): &(String, BTreeMap<i64, i64>)| ReasonCount {
        reason: reason.clone(),
        count: counts.values().sum(),
    };
    Ok(Counts { span, reasons: reasons.iter().map(total).collect(), bars })
}
