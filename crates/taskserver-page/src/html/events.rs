//! The page of the Kubernetes events.

use maud::{Markup, html};

use super::{figures, parts};
use crate::chart::BarChart;
use crate::format;
use crate::outcome::Tone;
use crate::text::foreign;
use crate::view::{Counts, Event, EventFilter, Events, Frame, Range};

pub(crate) fn events(frame: &Frame, view: &Events) -> Markup {
    html! {
        @if let Some(counts) = &view.counts {
            section aria-labelledby="counts-title" {
                div.heading {
                    h2 #counts-title { "Counts by reason" }
                    (figures::ranges(&EventFilter { range: Range::default(), ..view.filter.newest_first() }.address(), "", view.filter.range))
                }
                div #counts data-live {
                    @match counts {
                        Ok(counts) => (self::counts(view, counts)),
                        Err(reason) => (parts::unavailable(reason)),
                    }
                }
            }
        }
        section aria-labelledby="stream-title" {
            h2 #stream-title { "Newest first" }
            (filters(&view.filter))
            div #stream data-live {
                @match &view.events {
                    Ok(events) if events.is_empty() => p.empty { "No events." },
                    Ok(events) => ol.events { @for event in events { (self::event(frame, &view.filter, event)) } },
                    Err(reason) => (parts::unavailable(reason)),
                }
                nav.pages aria-label="Older and newer" {
                    @if view.filter.until.is_some() {
                        a.button href=(view.filter.newest_first().address()) { "Newest" }
                    }
                    @if let Some(older) = &view.older { a.button href=(older.address()) { "Older" } }
                }
            }
        }
    }
}

fn counts(view: &Events, counts: &Counts) -> Markup {
    let chart = BarChart {
        id: "chart-counts".to_owned(),
        title: "Events by reason over time".to_owned(),
        span: counts.span,
        series: counts.reasons.iter().map(|reason| reason.reason.clone()).collect(),
        bars: counts.bars.clone(),
        wide: true,
    };
    html! {
        figure.card.single {
            div.scroll tabindex="0" role="region" aria-label="Chart of the counts" { (chart.render()) }
            @if !counts.reasons.is_empty() {
                details #counts-table {
                    summary { "Counts as a table" }
                    div.scroll tabindex="0" role="region" aria-label="Counts by reason as a table" {
                        table.numbers {
                            thead { tr { th scope="col" { "Reason" } th scope="col" { "In " (view.filter.range.title()) } } }
                            tbody { @for reason in &counts.reasons { tr { th scope="row" { (foreign(&reason.reason)) } td { (format::whole(reason.count)) } } } }
                        }
                    }
                }
            }
        }
    }
}

fn filters(filter: &EventFilter) -> Markup {
    let field = |name: &str, label: &str, value: &Option<String>| {
        html! {
            label { (label) input type="text" name=(name) value=(value.as_deref().unwrap_or_default()) maxlength="255" autocomplete="off"; }
        }
    };
    html! {
        form.filters action="/events" method="get" role="search" aria-label="Events" {
            @if filter.range != Range::default() { input type="hidden" name="range" value=(filter.range.name()); }
            label {
                "Type"
                select name="type" {
                    @for (value, name) in [("", "All"), ("Warning", "Warning"), ("Normal", "Normal")] {
                        option value=(value) selected[filter.kind.as_deref().unwrap_or_default() == value] { (name) }
                    }
                }
            }
            (field("namespace", "Namespace", &filter.namespace))
            (field("reason", "Reason", &filter.reason))
            (field("object", "Object", &filter.object))
            button type="submit" { "Filter" }
            @if *filter != (EventFilter { range: filter.range, ..EventFilter::default() }) { a href="/events" { "Clear" } }
        }
    }
}

fn event(frame: &Frame, filter: &EventFilter, event: &Event) -> Markup {
    let tone = match event.kind.as_str() {
        "Normal" => Tone::Quiet,
        "Warning" => Tone::Warning,
        _ => Tone::Bad,
    };
    let narrowed = |change: &dyn Fn(&mut EventFilter)| {
        let mut filter = filter.newest_first();
        change(&mut filter);
        filter.address()
    };
    html! {
        li class=(tone.name()) {
            (tone.sign())
            div {
                p.line {
                    a href=(narrowed(&|filter| filter.reason = Some(event.reason.clone()))) { strong { (foreign(&event.reason)) } }
                    " " span.hidden { (foreign(&event.kind)) }
                    " " a href=(narrowed(&|filter| filter.object = Some(format!("{}/{}", event.object_kind, event.object)))) { (foreign(&format!("{}/{}", event.object_kind, event.object))) }
                    " " span.muted { "in " a href=(narrowed(&|filter| filter.namespace = Some(event.namespace.clone()))) { (foreign(&event.namespace)) } }
                    @if event.occurrences > 1 { " " span.count { (format::whole(event.occurrences)) "×" } }
                }
                (parts::long("message", &event.id, &event.message))
                p.muted { (format::moment_and_clock(event.time, frame.now)) @if let Some(reporter) = &event.reporter { " · " (foreign(reporter)) } }
            }
        }
    }
}
