//! The page of the queue.

use maud::{Markup, html};

use super::parts;
use crate::format;
use crate::text::foreign;
use crate::view::{Frame, Job, Jobs, Section};

pub(crate) fn jobs(frame: &Frame, view: &Section<Jobs>) -> Markup {
    html! {
        div #jobs data-live {
            @match view {
                Err(reason) => (parts::unavailable(reason)),
                Ok(view) => {
                    (states(view.state.as_deref()))
                    @if view.jobs.is_empty() { p.empty { "No jobs." } } @else { (table(frame, &view.jobs)) }
                }
            }
        }
    }
}

fn states(current: Option<&str>) -> Markup {
    let link = |href: &str, name: &str, is_current: bool| {
        html! { @if is_current { a href=(href) aria-current="true" { (name) } } @else { a href=(href) { (name) } } }
    };
    html! {
        nav.ranges aria-label="State" {
            (link("/jobs", "all", current.is_none()))
            @for state in Jobs::STATES { (link(&format!("/jobs?state={state}"), state, current == Some(state))) }
        }
    }
}

fn table(frame: &Frame, jobs: &[Job]) -> Markup {
    html! {
        div.scroll tabindex="0" role="region" aria-label="Table of the jobs" {
            table.runs {
                thead {
                    tr {
                        th scope="col" { "Job" } th scope="col" { "State" } th scope="col" { "Run at" } th scope="col" { "Finished" }
                        th scope="col" { "Attempts" } th scope="col" { "Worker" } th scope="col" { "Error" }
                    }
                }
                tbody { @for job in jobs { (self::job(frame, job)) } }
            }
        }
    }
}

fn job(frame: &Frame, job: &Job) -> Markup {
    html! {
        tr {
            th scope="row" { (foreign(&job.name)) p.muted { (foreign(&job.queue)) } }
            td data-label="State" { (job.tone().label(&job.state)) }
            td data-label="Run at" { div { @if let Some(at) = job.run_at { (format::moment_and_clock(at, frame.now)) } } }
            td data-label="Finished" { div { @if let Some(at) = job.finished { (format::moment_and_clock(at, frame.now)) } @else { "–" } } }
            td.number data-label="Attempts" { (job.attempts.0) " of " (job.attempts.1) }
            td data-label="Worker" { div { @if let Some(worker) = &job.worker { (foreign(worker)) } @else { "–" } } }
            td.text data-label="Error" { div { @if let Some(error) = &job.error { (parts::long("reason", &job.id, error)) } } }
        }
    }
}
