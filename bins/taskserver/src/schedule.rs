//! From the settings of a task to its configuration in the scheduler.

use taskserver_config::settings;
use taskserver_core::{Cron, Missed, Overlap, Recurrence, TaskConfig, TaskConfigError};

/// What makes the settings of a task impossible, though each by itself is possible.
#[derive(Debug, thiserror::Error)]
#[error("`tasks.{task}` is impossible: {source}")]
pub(crate) struct ImpossibleTask {
    task: String,
    source: TaskConfigError,
}

/// The task's own defaults, with what the settings override of them.
pub(crate) fn configure(
    task: &str,
    defaults: &TaskConfig,
    settings: Option<&settings::Task>,
) -> Result<TaskConfig, ImpossibleTask> {
    let Some(settings) = settings else { return Ok(defaults.clone()) };
    overridden(defaults, settings)
        .and_then(|config| config.validate().map(|()| config))
        .map_err(|source| ImpossibleTask { task: task.to_owned(), source })
}

fn overridden(defaults: &TaskConfig, settings: &settings::Task) -> Result<TaskConfig, TaskConfigError> {
    let mut config = defaults.clone();
    let settings::Task {
        enabled,
        every,
        cron,
        time_zone,
        run_on_start,
        jitter,
        offset,
        concurrency,
        overlap,
        missed,
        missed_max,
        timeout,
        retries,
        retry_backoff,
        retry_backoff_max,
    } = settings;
    if let Some(every) = every {
        config.schedule.recurrence = Recurrence::Interval { every: *every };
    }
    if let Some(cron) = cron {
        config.schedule.recurrence = Recurrence::Cron(Cron::new(cron)?);
    }
    if let (Some(time_zone), Recurrence::Cron(cron)) = (time_zone, &config.schedule.recurrence) {
        config.schedule.recurrence = Recurrence::Cron(cron.clone().in_time_zone(time_zone)?);
    }
    set(&mut config.enabled, *enabled);
    set(&mut config.schedule.run_on_start, *run_on_start);
    set(&mut config.schedule.jitter, *jitter);
    set(&mut config.schedule.offset, *offset);
    set(&mut config.policy.concurrency, *concurrency);
    set(&mut config.policy.retries, *retries);
    set(&mut config.policy.backoff.base, *retry_backoff);
    set(&mut config.policy.backoff.max, *retry_backoff_max);
    set(&mut config.policy.timeout, timeout.map(Some));
    let overlap = overlap.map(|overlap| match overlap {
        settings::Overlap::Skip => Overlap::Skip,
        settings::Overlap::Queue => Overlap::QueueOne,
        settings::Overlap::Cancel => Overlap::CancelOld,
    });
    set(&mut config.policy.overlap, overlap);
    let missed = missed.map(|missed| match missed {
        settings::Missed::Skip => Missed::Skip,
        settings::Missed::Once => Missed::Once,
        settings::Missed::All => Missed::All { max: missed_max.unwrap_or(DEFAULT_MISSED_MAX) },
    });
    set(&mut config.policy.missed, missed);
    Ok(config)
}

/// How many missed runs `missed = "all"` makes up for where `missed_max` does not say.
const DEFAULT_MISSED_MAX: u32 = 10;

fn set<T>(place: &mut T, value: Option<T>) {
    if let Some(value) = value {
        *place = value;
    }
}
