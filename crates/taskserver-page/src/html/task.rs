//! The page of one task.

use jiff::{SignedDuration, Timestamp};
use maud::{Markup, html};
use taskserver_core::{Missed, Overlap, Run};

use super::parts::{self, fact};
use crate::chart::{self, LineChart, Point, Span, Unit};
use crate::format;
use crate::text::foreign;
use crate::view::{Frame, TaskDetails};

/// How many runs are shown in the strip.
const STRIP: usize = 60;

pub(crate) fn task(frame: &Frame, view: &TaskDetails) -> Markup {
    let task = &view.status;
    html! {
        div.under #actions data-live {
            (parts::badges(task))
            @if let Some(run) = &task.last_run { (parts::outcome(run)) " " span.muted { (format::moment(run.finished.unwrap_or(run.started), frame.now)) } }
            (parts::actions(task, &frame.visitor))
        }
        dl.facts #task-facts data-live {
            (fact("Schedule", &parts::schedule(&task.schedule)))
            (fact("Next run", &parts::next_run(frame, task)))
            (fact("Last success", &html! {
                @match task.last_success { Some(at) => (format::moment_and_clock(at, frame.now)), None => "none yet" }
            }))
            (fact("In a row", &html! { (format::counted(task.consecutive_failures, "failure", "failures")) }))
            (fact("Runs where", &html! { @if task.every_replica { "every replica" } @else { "the leader" } }))
        }
        section aria-labelledby="durations-title" {
            h2 #durations-title { "How long its runs take" }
            div #durations data-live {
                figure.card.single {
                    div.scroll tabindex="0" role="region" aria-label="Chart of the durations" { (durations(&view.runs).render()) }
                    div.wide-strip { (chart::strip(&parts::marks(&view.runs), STRIP)) }
                }
            }
        }
        section aria-labelledby="runs-title" {
            h2 #runs-title { "Runs" }
            div #runs data-live { (runs(frame, &view.runs)) }
        }
        section aria-labelledby="policy-title" {
            h2 #policy-title { "Policy" }
            dl.facts {
                (fact("Time-out", &parts::length(task.policy.timeout.unwrap_or_default())))
                (fact("Retries", &html! { (task.policy.retries) }))
                (fact("At once", &html! { (task.policy.concurrency) }))
                (fact("When runs overlap", &html! {
                    @match task.policy.overlap {
                        Overlap::Skip => "the new one is skipped",
                        Overlap::QueueOne => "one waits",
                        Overlap::CancelOld => "the old one is cancelled",
                    }
                }))
                (fact("When runs are missed", &html! {
                    @match task.policy.missed {
                        Missed::Skip => "they are skipped",
                        Missed::Once => "one stands for all",
                        Missed::All { max } => { "each is made up for, up to " (max) }
                    }
                }))
                (fact("Jitter", &parts::length(task.schedule.jitter)))
                (fact("Offset", &parts::length(task.schedule.offset)))
            }
        }
    }
}

/// The durations of runs that ran, over the time in which they did.
fn durations(newest_first: &[Run]) -> LineChart {
    let points: Vec<Point> = newest_first
        .iter()
        .rev()
        .filter_map(|run| Some(Point { at: run.started, value: run.duration?.as_secs_f64(), range: None }))
        .collect();
    let at = |point: Option<&Point>| point.map_or(Timestamp::UNIX_EPOCH, |point| point.at);
    let span = Span { from: at(points.first()), to: at(points.last()) };
    LineChart {
        id: "chart-durations".to_owned(),
        title: "How long the runs took".to_owned(),
        unit: Unit::Seconds,
        span,
        points,
        // However far apart runs are, nothing is missing between them.
        max_gap: SignedDuration::MAX,
        wide: true,
    }
}

fn runs(frame: &Frame, runs: &[Run]) -> Markup {
    if runs.is_empty() {
        return html! { p.empty { "It has not run yet." } };
    }
    html! {
        div.scroll tabindex="0" role="region" aria-label="Table of the runs" {
            table.runs {
                thead {
                    tr {
                        th scope="col" { "Scheduled" } th scope="col" { "Outcome" } th scope="col" { "Took" }
                        th scope="col" { "Attempts" } th scope="col" { "Trigger" } th scope="col" { "Replica" } th scope="col" { "Result" }
                    }
                }
                tbody {
                    @for run in runs {
                        tr {
                            th scope="row" { (format::moment_and_clock(run.scheduled, frame.now)) }
                            td data-label="Outcome" { (parts::outcome(run)) }
                            td.number data-label="Took" { (parts::duration(run).unwrap_or_else(|| "–".to_owned())) }
                            td.number data-label="Attempts" { (run.attempt) }
                            td data-label="Trigger" { (trigger(run)) }
                            td data-label="Replica" { (foreign(&run.instance)) }
                            td.text data-label="Result" {
                                div { (parts::error(run, &run.id.to_string())) @if !run.result.is_null() { code { (foreign(&run.result.to_string())) } } }
                            }
                        }
                    }
                }
            }
        }
    }
}

fn trigger(run: &Run) -> &'static str {
    use taskserver_core::Trigger;
    match run.trigger {
        Trigger::Schedule => "schedule",
        Trigger::Start => "start",
        Trigger::Manual => "by hand",
        Trigger::Missed => "missed",
    }
}
