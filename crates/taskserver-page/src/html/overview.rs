//! The first page.

use maud::{Markup, html};
use taskserver_core::ComponentHealth;

use super::{figures, layout, parts};
use crate::chart;
use crate::format;
use crate::outcome;
use crate::text::foreign;
use crate::view::{Alert, Frame, Overview, Problem, TaskRow};

/// How many runs are shown in a strip.
const STRIP: usize = crate::view::STRIP;

pub(crate) fn overview(frame: &Frame, view: &Overview) -> Markup {
    let alerts = view.alerts.as_ref().and_then(|alerts| alerts.as_ref().ok());
    html! {
        (verdict(frame, alerts.map_or(&[], |alerts| &alerts.firing)))
        (layout::facts(frame))
        section aria-labelledby="components-title" {
            h2 #components-title { "Components" }
            ul.components #components data-live {
                @for component in &view.components { (self::component(frame, component)) }
            }
        }
        section aria-labelledby="tasks-title" {
            h2 #tasks-title { "Tasks" }
            div #tasks data-live { (tasks(frame, &view.tasks)) }
        }
        @if let Some(figures) = &view.figures {
            section #platform aria-labelledby="figures-title" {
                @match figures {
                    Ok(figures) => (figures::figures(figures)),
                    Err(reason) => { h2 #figures-title { "The platform" } (parts::unavailable(reason)) }
                }
            }
        }
    }
}

/// How it stands, and what is wrong.
fn verdict(frame: &Frame, alerts: &[Alert]) -> Markup {
    let verdict = &frame.verdict;
    html! {
        section #verdict data-live class={ "verdict " (verdict.tone.name()) } aria-labelledby="headline" {
            div.headline {
                (verdict.tone.sign())
                p #headline role="status" { (verdict.headline) }
            }
            @if !verdict.problems.is_empty() || !alerts.is_empty() {
                ul.problems {
                    @for problem in &verdict.problems { (self::problem(frame, problem)) }
                    @for alert in alerts.iter().take(5) {
                        li {
                            (alert.tone().sign())
                            div {
                                p { a href="/alerts" { strong { (foreign(&alert.title)) } } " " (alert.level) " alert"
                                    @if let Some(since) = alert.since { " since " (format::moment_and_clock(since, frame.now)) } }
                            }
                        }
                    }
                    @if alerts.len() > 5 { li { a href="/alerts" { (alerts.len() - 5) " more alerts" } } }
                }
            }
        }
    }
}

fn problem(frame: &Frame, problem: &Problem) -> Markup {
    html! {
        li {
            (problem.tone.sign())
            div {
                p {
                    @match &problem.link {
                        Some(link) => a href=(link) { strong { (problem.subject) } },
                        None => strong { (problem.subject) },
                    }
                    " " (problem.state)
                    @if let Some(since) = problem.since { " since " (format::moment_and_clock(since, frame.now)) }
                }
                @if let Some(reason) = &problem.reason { (parts::long("reason", &format!("problem-{}", problem.subject), reason)) }
            }
        }
    }
}

fn component(frame: &Frame, component: &ComponentHealth) -> Markup {
    let tone = outcome::of_health(&component.health);
    html! {
        li class=(tone.name()) {
            (tone.sign())
            div {
                p { strong { (component.name) } " " span.state { (outcome::health_word(&component.health)) }
                    @if !component.required { " " span.muted { "optional" } } }
                p.muted { "since " (format::moment(component.since, frame.now)) }
                @if let Some(reason) = component.health.reason() { (parts::long("reason", &format!("component-{}", component.name), reason)) }
            }
        }
    }
}

fn tasks(frame: &Frame, tasks: &[TaskRow]) -> Markup {
    if tasks.is_empty() {
        return html! { p.empty { "There are no tasks." } };
    }
    let may_act = frame.visitor.may_act();
    html! {
        div.scroll {
            table.tasks {
                thead {
                    tr {
                        th scope="col" { "Task" }
                        th scope="col" { "Last run" }
                        th scope="col" { "Next run" }
                        th scope="col" { "Last " (STRIP) " runs" }
                        th scope="col" { "Duration" }
                        @if may_act { th scope="col" { span.hidden { "Actions" } } }
                    }
                }
                tbody { @for row in tasks { (task(frame, row, may_act)) } }
            }
        }
    }
}

fn task(frame: &Frame, row: &TaskRow, may_act: bool) -> Markup {
    let task = &row.status;
    let durations: Vec<f64> =
        row.recent.iter().rev().filter_map(|run| run.duration).map(|duration| duration.as_secs_f64()).collect();
    let last = row.last_run();
    let took = last.and_then(parts::duration);
    html! {
        tr id={ "task-" (task.name) } {
            th scope="row" {
                a href={ "/tasks/" (task.name) } { (task.name) }
                " " (parts::badges(task))
                p.muted { (parts::schedule(&task.schedule)) }
            }
            td data-label="Last run" {
                div {
                    @match last {
                        Some(run) => {
                            (parts::outcome(run))
                            p.muted { (format::moment(run.finished.unwrap_or(run.started), frame.now)) }
                        }
                        None => span.muted { "not yet" },
                    }
                }
            }
            td data-label="Next run" { div { (parts::next_run(frame, task)) } }
            td data-label="Runs" { div { (chart::strip(&parts::marks(&row.recent), STRIP)) } }
            td.duration data-label="Duration" {
                div {
                    @if let Some(took) = took { span.number { (took) } }
                    (chart::trend(&durations, "Trend of the durations"))
                }
            }
            @if may_act { td.last { (parts::actions(task, &frame.visitor)) } }
        }
    }
}
