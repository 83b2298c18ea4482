//! The platform's figures as charts, and as a table.

use std::collections::BTreeMap;

use jiff::Timestamp;
use maud::{Markup, html};

use crate::chart::{Bar, BarChart, LineChart, Span, Unit};
use crate::format;
use crate::text::foreign;
use crate::view::{Figure, Figures, Range};

pub(super) fn figures(view: &Figures) -> Markup {
    html! {
        div.heading {
            h2 #figures-title { "The platform" }
            (ranges("/", "#platform", view.range))
        }
        div #figures data-live {
            div.charts { @for figure in &view.figures { (self::figure(view, figure)) } }
            (table(view))
        }
        div.charts #daily data-live {
            @match &view.daily {
                Some(daily) => {
                    (self::daily("daily-users", "Users by day", &daily.users))
                    (self::daily("daily-new-users", "New users by day", &daily.new_users))
                }
                None => {
                    @for title in ["Users by day", "New users by day"] {
                        figure.card { figcaption { h3 { (title) } } div.chart.nothing { p { "Being counted; here in a moment." } } }
                    }
                }
            }
        }
    }
}

/// Links to the times that a page can look back.
pub(super) fn ranges(page: &str, fragment: &str, current: Range) -> Markup {
    let separator = if page.contains('?') { '&' } else { '?' };
    html! {
        nav.ranges aria-label="Time" {
            @for range in Range::ALL {
                @let href = format!("{page}{separator}range={}{fragment}", range.name());
                @if range == current {
                    a href=(href) aria-current="true" { (range.title()) }
                } @else { a href=(href) { (range.title()) } }
            }
        }
    }
}

fn figure(view: &Figures, figure: &Figure) -> Markup {
    let chart = LineChart {
        id: format!("chart-{}", slug(&figure.name)),
        title: figure.title.clone(),
        unit: Unit::Count,
        span: view.span,
        points: figure.points.clone(),
        max_gap: view.max_gap,
        wide: false,
    };
    html! {
        figure.card {
            figcaption {
                h3 { (foreign(&figure.title)) }
                @if let Some(last) = figure.points.last() {
                    p.now { (Unit::Count.value(last.value)) }
                    @if view.span.to.duration_since(last.at) > view.max_gap {
                        p.stale { "as of " (format::moment(last.at, view.span.to)) }
                    }
                }
            }
            (chart.render())
        }
    }
}

/// An id may hold only so much of a name that anybody can choose.
fn slug(name: &str) -> String {
    name.chars().map(|character| if character.is_ascii_alphanumeric() { character } else { '-' }).collect()
}

fn daily(id: &str, title: &str, bars: &[Bar]) -> Markup {
    let span = match (bars.first(), bars.last()) {
        (Some(first), Some(last)) => Span { from: first.from, to: last.to },
        _ => Span { from: Timestamp::UNIX_EPOCH, to: Timestamp::UNIX_EPOCH },
    };
    let chart = BarChart {
        id: id.to_owned(),
        title: title.to_owned(),
        span,
        series: vec![title.to_owned()],
        bars: bars.to_vec(),
        wide: false,
    };
    html! {
        figure.card {
            figcaption {
                h3 { (title) }
                @if let Some(last) = bars.last() { p.now { (format::whole(last.counts.iter().sum())) } }
            }
            (chart.render())
            @if !bars.is_empty() {
                details id={ (id) "-table" } {
                    summary { (title) " as a table" }
                    div.scroll tabindex="0" role="region" aria-label={ (title) " as a table" } {
                        table.numbers {
                            thead { tr { th scope="col" { "The 24 hours until" } th scope="col" { "Count" } } }
                            tbody {
                                @for bar in bars.iter().rev() {
                                    tr { th scope="row" { (bar.to.strftime("%-d %b %H:%M")) } td { (format::whole(bar.counts.iter().sum())) } }
                                }
                            }
                        }
                    }
                }
            }
        }
    }
}

/// The same numbers, newest first.
fn table(view: &Figures) -> Markup {
    let mut rows: BTreeMap<i64, Vec<Option<f64>>> = BTreeMap::new();
    for (index, figure) in view.figures.iter().enumerate() {
        for point in &figure.points {
            // Figures of one cycle are a moment apart.
            let row = rows.entry(point.at.as_second().div_euclid(60)).or_insert_with(|| vec![None; view.figures.len()]);
            row[index] = Some(point.value);
        }
    }
    if rows.is_empty() {
        return html! {};
    }
    let moment = |minute: i64| Timestamp::from_second(minute * 60).map(|at| at.strftime("%-d %b %H:%M").to_string());
    html! {
        details #figures-table {
            summary { "These figures as a table" }
            div.scroll tabindex="0" role="region" aria-label="The figures as a table" {
                table.numbers {
                    thead { tr { th scope="col" { "Time (UTC)" } @for figure in &view.figures { th scope="col" { (foreign(&figure.title)) } } } }
                    tbody {
                        @for (minute, values) in rows.iter().rev() {
                            tr {
                                th scope="row" { (moment(*minute).unwrap_or_default()) }
                                @for value in values { td { @if let Some(value) = value { (Unit::Count.value(*value)) } @else { "–" } } }
                            }
                        }
                    }
                }
            }
        }
    }
}
