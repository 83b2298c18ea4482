//! Pieces that several pages have.

use std::time::Duration;

use maud::{Markup, html};
use taskserver_core::{Recurrence, Run, Schedule, TaskStatus};

use crate::chart::Mark;
use crate::format;
use crate::outcome::{self, Tone};
use crate::text::{foreign, foreign_plain};
use crate::view::{Frame, Unavailable, Visitor};

pub(super) fn fact(name: &str, value: &Markup) -> Markup {
    html! { div { dt { (name) } dd { (value) } } }
}

/// In place of a section that could not be gathered.
pub(super) fn unavailable(reason: &Unavailable) -> Markup {
    html! { p.notice { (Tone::Warning.sign()) (reason) } }
}

/// When a task runs, in words.
pub(super) fn schedule(schedule: &Schedule) -> Markup {
    html! {
        @match &schedule.recurrence {
            Recurrence::Interval { every } => { "every " (format::length(*every)) }
            Recurrence::Cron(cron) => { code { (cron.expression()) } " " span.muted { (cron.time_zone()) } }
            Recurrence::Manual => "by hand",
        }
    }
}

/// What is to be said of a task beside its name.
pub(super) fn badges(task: &TaskStatus) -> Markup {
    html! {
        @if !task.running.is_empty() { (Tone::Busy.label("running")) }
        @if task.paused { (Tone::Warning.label("paused")) }
        @if !task.enabled { (Tone::Quiet.label("disabled")) }
        @if task.waiting > 0 { span.label.quiet { (task.waiting) " waiting" } }
    }
}

/// How a run ended.
pub(super) fn outcome(run: &Run) -> Markup {
    outcome::of_outcome(run.outcome).label(outcome::word(run.outcome))
}

pub(super) fn duration(run: &Run) -> Option<String> {
    run.duration.map(|duration| format::elapsed(duration.as_secs_f64()))
}

/// Runs as marks of a strip, the oldest first.
pub(super) fn marks(newest_first: &[Run]) -> Vec<Mark> {
    let mark = |run: &Run| {
        let took = duration(run).map(|took| format!(" after {took}")).unwrap_or_default();
        let why = run.error.as_deref().map(|error| format!(": {}", foreign_plain(error))).unwrap_or_default();
        let title = format!("{}: {}{took}{why}", format::full(run.scheduled), outcome::word(run.outcome));
        Mark { outcome: run.outcome, title }
    };
    newest_first.iter().rev().map(mark).collect()
}

/// When a task runs next.
pub(super) fn next_run(frame: &Frame, task: &TaskStatus) -> Markup {
    html! {
        @match task.next_run {
            Some(next) => (format::moment_and_clock(next, frame.now)),
            None if task.paused => span.muted { "paused" },
            None if !task.enabled => span.muted { "disabled" },
            None if matches!(task.schedule.recurrence, Recurrence::Manual) => span.muted { "when asked" },
            None if !frame.leadership.state.is_leading() => span.muted { "on the leader" },
            None => span.muted { "not yet known" },
        }
    }
}

/// The buttons by which whoever may can run a task, and pause it.
pub(super) fn actions(task: &TaskStatus, visitor: &Visitor) -> Markup {
    if !visitor.may_act() {
        return html! {};
    }
    let button = |action: &str, word: &str| {
        html! {
            form method="post" action={ "/tasks/" (task.name) "/" (action) } {
                button type="submit" aria-label={ (word) ": " (task.name) } { (word) }
            }
        }
    };
    html! {
        div.actions {
            (button("run", "Run now"))
            @if task.paused { (button("resume", "Resume")) } @else { (button("pause", "Pause")) }
        }
    }
}

/// Why a run did not succeed.
pub(super) fn error(run: &Run, id: &str) -> Markup {
    html! { @if let Some(error) = &run.error { (long("reason", id, error)) } }
}

/// A length of time; zero is none.
pub(super) fn length(duration: Duration) -> Markup {
    html! { @if duration.is_zero() { "none" } @else { (format::length(duration)) } }
}

/// A text of others that may be long: then its beginning, which opens to the whole of it. `id` is one that nothing else on the page
/// has.
pub(super) fn long(class: &str, id: &str, text: &str) -> Markup {
    const SHORT: usize = 360;
    const BEGINNING: usize = 240;
    html! {
        @if text.chars().nth(SHORT).is_none() {
            p class=(class) { (foreign(text)) }
        } @else {
            @let end = text.char_indices().nth(BEGINNING).map_or(text.len(), |(end, _)| end);
            details class=(class) id={ "long-" (id) } {
                summary { (foreign(&text[..end])) "…" }
                p { (foreign(text)) }
            }
        }
    }
}
