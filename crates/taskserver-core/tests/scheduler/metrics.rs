//! What the tasks' metrics say.

use taskserver_core::{App, TaskConfig};

use crate::fixture::*;

/// The samples of the tasks' metrics with this beginning, without it and without the buckets of histograms.
fn samples(app: &App, beginning: &str) -> Vec<String> {
    let metrics = app.metrics().encode();
    let lines = metrics.lines().filter(|line| !line.contains("_bucket{"));
    let mut samples: Vec<_> = lines.filter_map(|line| line.strip_prefix(beginning)).map(str::to_owned).collect();
    samples.sort();
    samples
}

#[tokio::test(start_paused = true)]
async fn runs_are_counted_from_zero_by_outcome_and_timed() {
    let (clock, probe) = (TestClock::noon(), Probe::new("probe", Work::Takes(2 * SECOND)));
    let app = started(&clock, &probe, TaskConfig::every(MINUTE).timeout(Some(10 * SECOND)));
    let outcomes = |counts: [u32; 6]| {
        let names = ["cancelled", "failed", "panicked", "skipped", "succeeded", "timed_out"];
        let samples = names.iter().zip(counts);
        samples.map(|(name, count)| format!("{{task=\"probe\",outcome=\"{name}\"}} {count}")).collect::<Vec<_>>()
    };
    assert_eq!(samples(&app, "taskserver_task_runs_total"), outcomes([0; 6]));
    wait(MINUTE + 3 * SECOND).await;
    probe.now_does(Work::Fails);
    wait(2 * MINUTE).await;
    probe.now_does(Work::Hangs);
    wait(MINUTE + 20 * SECOND).await;
    assert_eq!(samples(&app, "taskserver_task_runs_total"), outcomes([0, 2, 0, 0, 1, 1]));
    assert_eq!(
        samples(&app, "taskserver_task_run_duration_seconds"),
        ["_count{task=\"probe\"} 4", "_sum{task=\"probe\"} 13.0"]
    );
    assert_eq!(samples(&app, "taskserver_task_run_lateness_seconds_count"), ["{task=\"probe\"} 4"]);
    assert_eq!(samples(&app, "taskserver_task_consecutive_failures"), ["{task=\"probe\"} 3.0"]);
    let noon = time("2026-01-01T12:00:00Z").as_second();
    let after_noon = |seconds: i64| [format!("{{task=\"probe\"}} {}.0", noon + seconds)];
    assert_eq!(samples(&app, "taskserver_task_last_success_timestamp_seconds"), after_noon(62));
    assert_eq!(samples(&app, "taskserver_task_last_run_timestamp_seconds"), after_noon(240));
    assert_eq!(samples(&app, "taskserver_task_next_run_timestamp_seconds"), after_noon(300));
    assert_eq!(samples(&app, "taskserver_task_interval_seconds"), ["{task=\"probe\"} 60.0"]);
    assert_eq!(samples(&app, "taskserver_task_paused"), ["{task=\"probe\"} 0.0"]);
    assert_eq!(samples(&app, "taskserver_task_history_failures_total"), [" 0.0"]);
    app.tasks().pause("probe").unwrap();
    assert_eq!(samples(&app, "taskserver_task_paused"), ["{task=\"probe\"} 1.0"]);
    assert_eq!(samples(&app, "taskserver_task_next_run_timestamp_seconds"), [""; 0]);
}
