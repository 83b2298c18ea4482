//! What is logged about a run.

use std::fmt::{Debug, Write};
use std::sync::{Arc, Mutex, OnceLock};

use taskserver_core::{Task, TaskConfig};
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Dispatch, Event, Metadata, Subscriber};

use crate::fixture::*;

/// Writes each event of this crate on a line, and each span when it is made.
#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<String>>>);

struct Line(String);

impl Visit for Line {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        match field.name() {
            "message" => write!(self.0, " {value:?}"),
            "duration" => write!(self.0, " duration"),
            name => write!(self.0, " {name}={value:?}"),
        }
        .unwrap();
    }
}

impl Subscriber for Lines {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.target().starts_with("taskserver_core")
    }

    fn new_span(&self, span: &Attributes<'_>) -> Id {
        let mut line = Line(format!("span {}", span.metadata().name()));
        span.record(&mut line);
        self.0.lock().unwrap().push(line.0);
        Id::from_u64(1)
    }

    fn event(&self, event: &Event<'_>) {
        let mut line = Line(event.metadata().level().to_string());
        event.record(&mut line);
        self.0.lock().unwrap().push(line.0);
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}
    fn record_follows_from(&self, _: &Id, _: &Id) {}
    fn enter(&self, _: &Id) {}
    fn exit(&self, _: &Id) {}
}

/// The lines that are logged while a task with this work runs once.
async fn lines_of(work: Work, config: TaskConfig) -> Vec<String> {
    // While there is a single subscriber, tracing takes an event to be of no interest for good when it is first met on a
    // thread without one, such as that of another test. A second subscriber prevents that.
    static SECOND_SUBSCRIBER: OnceLock<Dispatch> = OnceLock::new();
    SECOND_SUBSCRIBER.get_or_init(|| Dispatch::new(Lines::default()));
    let lines = Lines::default();
    let _guard = tracing::subscriber::set_default(lines.clone());
    let (clock, probe) = (TestClock::noon(), Probe::new("probe", work));
    let app = app(&clock, &probe, config);
    app.tasks().run_and_wait(&app, probe.name()).await.unwrap();
    let lines = lines.0.lock().unwrap();
    lines.clone()
}

fn span(attempt: u32) -> String {
    format!("span run component=\"taskserver:probe\" task=\"probe\" scheduled=2026-01-01T12:00:00Z attempt={attempt}")
}

#[tokio::test(start_paused = true)]
async fn a_run_logs_one_line_with_its_figures() {
    let lines = lines_of(Work::Takes(SECOND), TaskConfig::manual()).await;
    assert_eq!(lines, [span(1), "INFO run succeeded duration figures=1".to_owned()]);
}

#[tokio::test(start_paused = true)]
async fn a_failed_attempt_is_a_warning_and_a_failed_run_an_error() {
    let lines = lines_of(Work::Fails, TaskConfig::manual().retries(1).backoff(std::time::Duration::ZERO, SECOND)).await;
    let expected = [
        span(1),
        "WARN attempt failed duration error=\"no such luck\" retry_in=0ns".to_owned(),
        span(2),
        "ERROR run failed duration error=\"no such luck\"".to_owned(),
    ];
    assert_eq!(lines, expected);
}

#[tokio::test(start_paused = true)]
async fn panics_and_time_outs_are_told_apart() {
    let lines = lines_of(Work::Panics, TaskConfig::manual()).await;
    assert_eq!(lines[1..], ["ERROR run panicked duration error=\"the sky falls\""]);
    let lines = lines_of(Work::Hangs, TaskConfig::manual().timeout(SECOND)).await;
    let expected = [
        "WARN the run did not end when it was asked to; it is dropped",
        "ERROR run timed out duration error=\"it took longer than 1s\"",
    ];
    assert_eq!(lines[1..], expected);
}
