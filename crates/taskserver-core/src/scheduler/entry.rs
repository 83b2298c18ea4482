//! The state of one task and the decisions that follow from it. Nothing here waits or spawns.

use std::collections::{BTreeSet, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use tokio::sync::oneshot;
use tokio_util::sync::CancellationToken;

use super::history::LastRuns;
use crate::task::{
    BoxedTask, Missed, Outcome, Overlap, Policy, Recurrence, Run, RunCounts, Schedule, TaskConfig, TaskConfigError,
    TaskStatus, Trigger,
};
use crate::{App, LeadershipState, TaskState};

/// A run that starts later than this is missed. Longer than the driver's longest sleep, so that a run is not missed merely
/// because a change of the clock was noticed late.
const ON_TIME: SignedDuration = SignedDuration::from_secs(60);

/// A registered task.
pub(super) struct Entry {
    pub(super) name: Arc<str>,
    pub(super) task: BoxedTask,
    pub(super) every_replica: bool,
    state: Mutex<State>,
}

/// A run that is asked for.
pub(super) struct Request {
    pub(super) run: Box<Run>,
    /// How it stands with this process: the run ends with its leadership. [`Always`](LeadershipState::Always) for a task of
    /// every replica.
    pub(super) leading: LeadershipState,
    pub(super) app: App,
    /// Who waits for its end.
    pub(super) done: Option<oneshot::Sender<Run>>,
}

/// A run that may start: it holds one of the task's slots until [`State::finish`] is called.
pub(super) struct Started {
    pub(super) request: Request,
    pub(super) cancellation: CancellationToken,
    pub(super) policy: Policy,
}

/// What becomes of a request.
pub(super) enum Admission {
    Start(Started),
    /// It waits, in the place of another run, if there is one.
    Wait {
        replaced: Option<Request>,
    },
    Skip(Request),
}

/// What is to be done about the scheduled times that have come.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Due {
    /// The runs to start, oldest first.
    pub(super) runs: Vec<(Timestamp, Trigger)>,
    /// The latest scheduled time, if it is given up.
    pub(super) skipped: Option<Timestamp>,
    /// How many scheduled times were missed.
    pub(super) missed: usize,
}

pub(super) struct State {
    name: Arc<str>,
    every_replica: bool,
    /// As the settings have it.
    configured: TaskConfig,
    /// With what people made of it.
    config: TaskConfig,
    changed: Option<TaskState>,
    /// Whether it is this process's turn: the scheduler has been started and, unless the task runs on every replica, leads.
    started: bool,
    paused: bool,
    next: Option<Next>,
    /// The scheduled times to come that are settled already.
    ahead: BTreeSet<Timestamp>,
    /// Oldest first.
    running: Vec<Running>,
    /// Bounded by the policy.
    waiting: VecDeque<Request>,
    last_run: Option<Run>,
    last_success: Option<Timestamp>,
    runs: RunCounts,
    missed: u64,
    consecutive_failures: u64,
}

#[derive(Clone, Copy)]
struct Next {
    scheduled: Timestamp,
    /// The scheduled time and its jitter.
    start: Timestamp,
}

struct Running {
    run: Run,
    cancellation: CancellationToken,
}

/// A task in figures: times in seconds since 1970, durations in seconds.
pub(super) struct Standing {
    pub(super) running: usize,
    pub(super) paused: bool,
    pub(super) consecutive_failures: u64,
    pub(super) last_run: Option<f64>,
    pub(super) last_success: Option<f64>,
    pub(super) next_run: Option<f64>,
    pub(super) interval: Option<f64>,
}

impl Entry {
    pub(super) fn new(task: BoxedTask, config: TaskConfig) -> Self {
        let name: Arc<str> = task.name().into();
        let every_replica = task.every_replica();
        let state = State {
            name: Arc::clone(&name),
            every_replica,
            configured: config.clone(),
            config,
            changed: None,
            started: false,
            paused: false,
            next: None,
            ahead: BTreeSet::new(),
            running: Vec::new(),
            waiting: VecDeque::new(),
            last_run: None,
            last_success: None,
            runs: RunCounts::default(),
            missed: 0,
            consecutive_failures: 0,
        };
        Self { name, task, every_replica, state: Mutex::new(state) }
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The schedule.
impl State {
    /// Begins to follow the schedule: from `now`, or from the last scheduled time that had a run, so that those since then are
    /// due and missed. Gives the scheduled time of the run on start, if there is to be one.
    pub(super) fn start(&mut self, now: Timestamp, last: Option<LastRuns>) -> Option<Timestamp> {
        self.started = true;
        // What succeeded in another process, by its scheduled time.
        self.last_success = self.last_success.max(last.as_ref().and_then(|last| last.succeeded));
        self.reschedule(now);
        if !self.follows_schedule() {
            return None;
        }
        let schedule = &self.config.schedule;
        let (latest, last) = (schedule.previous(now), last.unwrap_or_default());
        let open = first_open(schedule, &last, self.changed.as_ref().map(|state| state.changed));
        self.ahead = last.ahead.into_iter().collect();
        let is_missed = open.zip(latest).is_some_and(|(open, latest)| open <= latest);
        let makes_up_for_each = is_missed && matches!(self.config.policy.missed, Missed::All { .. });
        if schedule.run_on_start && !makes_up_for_each {
            let Some(latest) = latest else { return Some(whole_milliseconds(now)) };
            let succeeded = last.succeeded.is_some_and(|succeeded| succeeded >= latest);
            return (!succeeded).then_some(latest);
        }
        if open.is_some() {
            self.set_next(open);
        }
        None
    }

    /// Stops following the schedule: it is another process's turn. Gives the runs that will not start.
    pub(super) fn stop(&mut self) -> Vec<Request> {
        self.started = false;
        self.next = None;
        self.take_waiting()
    }

    /// Takes up a new configuration; what runs already is left alone. Says whether it is another one than before.
    pub(super) fn reconfigure(&mut self, config: TaskConfig, now: Timestamp) -> bool {
        let is_new = self.configured != config;
        self.configured = config;
        self.combine(now);
        is_new
    }

    /// Takes up what people made of the task, and gives the runs that will not start; nothing, if it was known.
    pub(super) fn take_up(&mut self, state: TaskState, now: Timestamp) -> Option<Vec<Request>> {
        if self.changed.as_ref() == Some(&state) {
            return None;
        }
        let paused = state.paused.is_some();
        self.changed = Some(state);
        self.combine(now);
        if paused {
            return Some(self.pause());
        }
        self.resume(now);
        Some(Vec::new())
    }

    /// Whether these scheduled times go with the rest of the configuration.
    pub(super) fn check(&self, recurrence: &Recurrence) -> Result<(), TaskConfigError> {
        with(&self.configured, recurrence).validate()
    }

    /// Combines the configuration with what people made of it. The next run stays as it is if the schedule does: it may be
    /// waiting out its jitter.
    fn combine(&mut self, now: Timestamp) {
        let rescheduled = self.changed.as_ref().and_then(|state| state.rescheduled.as_ref());
        let config = match rescheduled.map(|(_, recurrence)| with(&self.configured, recurrence)) {
            Some(config) if config.validate().is_ok() => config,
            // A jitter that was configured since, say, may not go with the times that somebody chose.
            Some(_) | None => self.configured.clone(),
        };
        let keeps_schedule = (&config.schedule, config.enabled) == (&self.config.schedule, self.config.enabled);
        self.config = config;
        if !keeps_schedule {
            self.reschedule(now);
        }
    }

    /// Stops following the schedule. Gives the runs that will not start.
    pub(super) fn pause(&mut self) -> Vec<Request> {
        self.paused = true;
        self.next = None;
        self.take_waiting()
    }

    pub(super) fn resume(&mut self, now: Timestamp) {
        if self.paused {
            self.paused = false;
            self.reschedule(now);
        }
    }

    /// When the next run starts.
    pub(super) fn next_start(&self) -> Option<Timestamp> {
        self.next.map(|next| next.start)
    }

    /// Takes up the schedule at `now` if the clock was set back so far that otherwise several scheduled times would pass
    /// without a run. If it was set back by less, waiting for the next run is better than running twice for one time.
    pub(super) fn follow_clock_back(&mut self, now: Timestamp) {
        let schedule = &self.config.schedule;
        let second = schedule.next(now).and_then(|first| schedule.next(first));
        if let (Some(next), Some(second)) = (self.next, second)
            && second < next.scheduled
        {
            self.reschedule(now);
        }
    }

    /// The runs that are due at `now`, if any; moves on to the next scheduled time.
    pub(super) fn take_due(&mut self, now: Timestamp) -> Option<Due> {
        let first = self.next.filter(|next| next.start <= now)?.scheduled;
        let mut passed = self.passed(first, now);
        self.set_next(self.config.schedule.next(*passed.last()?));
        passed.retain(|time| !self.ahead.contains(time));
        self.ahead.retain(|time| *time > now);
        let Some(latest) = passed.last().copied() else {
            return Some(Due { runs: Vec::new(), skipped: None, missed: 0 });
        };

        let on_time = now.duration_since(self.config.schedule.start_of(&self.name, latest)) <= ON_TIME;
        let missed = passed.len() - usize::from(on_time);
        self.missed += missed as u64;
        let most = match self.config.policy.missed {
            Missed::Skip if !on_time => return Some(Due { runs: Vec::new(), skipped: Some(latest), missed }),
            Missed::Skip | Missed::Once => 1,
            Missed::All { max } => max as usize,
        };
        let made_up = &passed[passed.len().saturating_sub(most)..passed.len() - 1];
        let trigger = if on_time { Trigger::Schedule } else { Trigger::Missed };
        let runs = made_up.iter().map(|time| (*time, Trigger::Missed)).chain([(latest, trigger)]).collect();
        Some(Due { runs, skipped: None, missed })
    }

    /// The scheduled times from `first` whose runs could have started by `now`, oldest first: the newest of them, if they are
    /// more than anything can be done about.
    fn passed(&self, first: Timestamp, now: Timestamp) -> Vec<Timestamp> {
        let schedule = &self.config.schedule;
        let before = |time: Timestamp| {
            let just_before = time.checked_sub(SignedDuration::from_nanos(1)).ok()?;
            schedule.previous(just_before).filter(|time| *time >= first)
        };
        let mut latest = schedule.previous(now).unwrap_or(first).max(first);
        if schedule.start_of(&self.name, latest) > now {
            latest = before(latest).unwrap_or(first);
        }
        let mut passed: Vec<_> =
            std::iter::successors(Some(latest), |time| before(*time)).take(Missed::MOST as usize).collect();
        passed.reverse();
        passed
    }

    fn follows_schedule(&self) -> bool {
        self.started && self.config.enabled && !self.paused
    }

    fn reschedule(&mut self, now: Timestamp) {
        let next = if self.follows_schedule() { self.config.schedule.next(now) } else { None };
        self.set_next(next);
    }

    fn set_next(&mut self, scheduled: Option<Timestamp>) {
        let start = |scheduled| self.config.schedule.start_of(&self.name, scheduled);
        self.next = scheduled.map(|scheduled| Next { scheduled, start: start(scheduled) });
    }
}

/// The runs.
impl State {
    /// Decides by the overlap policy what becomes of a request.
    pub(super) fn admit(&mut self, request: Request) -> Admission {
        if self.waiting.is_empty() && self.running.len() < self.config.policy.concurrency as usize {
            return Admission::Start(self.occupy(request));
        }
        // Runs that are made up for wait for each other, and what comes due meanwhile keeps its place behind them.
        let missed = |run: &Run| run.trigger == Trigger::Missed;
        let making_up =
            missed(&request.run) || !self.waiting.is_empty() || self.running.iter().any(|running| missed(&running.run));
        if let Missed::All { max } = self.config.policy.missed
            && making_up
            && self.waiting.len() < max as usize
        {
            self.waiting.push_back(request);
            return Admission::Wait { replaced: None };
        }
        match self.config.policy.overlap {
            Overlap::Skip => return Admission::Skip(request),
            Overlap::QueueOne => {}
            Overlap::CancelOld => {
                if let Some(oldest) = self.running.iter().find(|running| !running.cancellation.is_cancelled()) {
                    oldest.cancellation.cancel();
                }
            }
        }
        let replaced = self.waiting.pop_back();
        self.waiting.push_back(request);
        Admission::Wait { replaced }
    }

    /// Takes note of what the record of a run in progress says now.
    pub(super) fn update(&mut self, run: &Run) {
        if let Some(running) = self.running.iter_mut().find(|running| running.run.id == run.id) {
            running.run.clone_from(run);
        }
    }

    /// Takes note of the end of a run and frees its slot.
    pub(super) fn finish(&mut self, run: &Run) {
        self.running.retain(|running| running.run.id != run.id);
        let Some(outcome) = run.outcome else { return };
        self.runs.add(outcome);
        match outcome {
            Outcome::Succeeded => {
                self.last_success = run.finished;
                self.consecutive_failures = 0;
            }
            Outcome::Failed | Outcome::TimedOut | Outcome::Panicked => self.consecutive_failures += 1,
            Outcome::Cancelled | Outcome::Skipped | Outcome::Lost => {}
        }
        if outcome != Outcome::Skipped {
            self.last_run = Some(run.clone());
        }
    }

    /// The next waiting run, if there is a slot for it.
    pub(super) fn start_waiting(&mut self) -> Option<Started> {
        if self.running.len() >= self.config.policy.concurrency as usize {
            return None;
        }
        let request = self.waiting.pop_front()?;
        Some(self.occupy(request))
    }

    pub(super) fn is_running(&self) -> bool {
        !self.running.is_empty()
    }

    /// Gives up the waiting runs.
    pub(super) fn take_waiting(&mut self) -> Vec<Request> {
        self.waiting.drain(..).collect()
    }

    /// Cancels the runs in progress and says how many they are.
    pub(super) fn cancel_running(&self) -> usize {
        for running in &self.running {
            running.cancellation.cancel();
        }
        self.running.len()
    }

    pub(super) fn status(&self) -> TaskStatus {
        TaskStatus {
            name: self.name.as_ref().to_owned(),
            schedule: self.config.schedule.clone(),
            policy: self.config.policy.clone(),
            enabled: self.config.enabled,
            every_replica: self.every_replica,
            paused: self.paused,
            paused_by: self.changed.as_ref().and_then(|state| state.paused.clone()).filter(|_| self.paused),
            rescheduled_by: self.changed.as_ref().and_then(|state| Some(state.rescheduled.as_ref()?.0.clone())),
            running: self.running.iter().map(|running| running.run.clone()).collect(),
            waiting: self.waiting.len(),
            next_run: self.next.map(|next| next.scheduled),
            last_run: self.last_run.clone(),
            last_success: self.last_success,
            runs: self.runs,
            missed: self.missed,
            consecutive_failures: self.consecutive_failures,
        }
    }

    /// How it stands with the task; `None` while it is another process's turn.
    pub(super) fn standing(&self) -> Option<Standing> {
        let seconds = |time: Timestamp| time.as_millisecond() as f64 / 1000.0;
        let next = self.next.map(|next| next.scheduled);
        let interval = next.and_then(|next| Some(self.config.schedule.next(next)?.duration_since(next)));
        self.started.then(|| Standing {
            running: self.running.len(),
            paused: self.paused,
            consecutive_failures: self.consecutive_failures,
            last_run: self.last_run.as_ref().map(|run| seconds(run.started)),
            last_success: self.last_success.map(seconds),
            next_run: next.map(seconds),
            interval: interval.map(|interval| interval.as_secs_f64()),
        })
    }

    /// How late a run that its schedule started begins at `now`, in seconds: after its scheduled time and jitter.
    pub(super) fn lateness(&self, run: &Run, now: Timestamp) -> Option<f64> {
        let start = self.config.schedule.start_of(&self.name, run.scheduled);
        (run.trigger == Trigger::Schedule).then(|| now.duration_since(start).as_secs_f64())
    }

    fn occupy(&mut self, request: Request) -> Started {
        let cancellation = CancellationToken::new();
        self.running.push(Running { run: Run::clone(&request.run), cancellation: cancellation.clone() });
        Started { request, cancellation, policy: self.config.policy.clone() }
    }
}

/// The first scheduled time that has had no run, if the history knows of any run. What is not missed by what people did is
/// passed over.
fn first_open(schedule: &Schedule, last: &LastRuns, not_missed: Option<Timestamp>) -> Option<Timestamp> {
    let before = match last.settled {
        Some(settled) => settled,
        None => last.interrupted?.checked_sub(SignedDuration::from_nanos(1)).ok()?,
    };
    schedule.next(not_missed.map_or(before, |time| time.max(before)))
}

/// The configuration with other scheduled times.
fn with(config: &TaskConfig, recurrence: &Recurrence) -> TaskConfig {
    let mut config = config.clone();
    config.schedule.recurrence = recurrence.clone();
    config
}

/// `time` cut to whole milliseconds: the precision of a time that nobody scheduled.
pub(super) fn whole_milliseconds(time: Timestamp) -> Timestamp {
    Timestamp::from_millisecond(time.as_millisecond()).unwrap_or(time)
}

/// How long it is from `now` until `time`; zero if it has passed.
pub(super) fn until(time: Timestamp, now: Timestamp) -> Duration {
    Duration::try_from(time.duration_since(now)).unwrap_or_default()
}
