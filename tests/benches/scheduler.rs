//! What the scheduler itself costs: `just bench-scheduler`.
//!
//! Ten thousand tasks run every second, evenly spread over it, each without any work; their runs are remembered in memory. Measured
//! are how late they begin after their scheduled times, and the processor's time. The benchmark fails where a bound is passed.
#![allow(clippy::print_stdout, reason = "a benchmark prints its results")]

use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use taskserver_core::{App, Clock as _, MemoryHistory, SystemClock, Task, TaskConfig, TaskContext, TaskError};

const TASKS: u32 = 10_000;
const EVERY: Duration = Duration::from_secs(1);
/// How long the schedules are followed before anything is measured.
const WARM_UP: Duration = Duration::from_secs(5);
const MEASURED: Duration = Duration::from_secs(30);

const LATENESS_BOUND: f64 = 5.0;
const CORES_BOUND: f64 = 0.15;

/// How many runs began how late, in steps of ten microseconds; the last step is for all that are later.
struct Lateness {
    is_measured: AtomicBool,
    steps: Vec<AtomicU64>,
}

impl Lateness {
    const STEP: i128 = 10;

    fn new() -> Self {
        Self { is_measured: AtomicBool::new(false), steps: (0..100_000).map(|_| AtomicU64::new(0)).collect() }
    }

    fn add(&self, micros: i128) {
        if self.is_measured.load(Ordering::Relaxed) {
            let step = usize::try_from(micros / Self::STEP).unwrap_or_default().min(self.steps.len() - 1);
            self.steps[step].fetch_add(1, Ordering::Relaxed);
        }
    }

    fn count(&self) -> u64 {
        self.steps.iter().map(|step| step.load(Ordering::Relaxed)).sum()
    }

    /// The lateness in milliseconds that this part of the runs does not pass.
    fn quantile(&self, part: f64) -> f64 {
        let wanted = self.count() as f64 * part;
        let mut seen = 0;
        let step = self.steps.iter().position(|step| {
            seen += step.load(Ordering::Relaxed);
            seen as f64 >= wanted
        });
        (step.unwrap_or(self.steps.len()) as f64 + 1.0) * Self::STEP as f64 / 1e3
    }
}

struct Nothing {
    name: String,
    lateness: Arc<Lateness>,
}

impl Task for Nothing {
    type Output = ();

    fn name(&self) -> &str {
        &self.name
    }

    async fn run(&self, context: &TaskContext) -> Result<(), TaskError> {
        self.lateness.add(SystemClock.now().duration_since(context.scheduled()).as_micros());
        Ok(())
    }
}

fn main() -> ExitCode {
    let lateness = Arc::new(Lateness::new());
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().expect("a runtime");
    let (cores, runs) = runtime.block_on(async {
        let tasks =
            (0..TASKS).map(|number| Nothing { name: format!("task-{number}"), lateness: Arc::clone(&lateness) });
        let app = tasks.enumerate().fold(App::builder(), |app, (number, task)| {
            app.task_with(task, TaskConfig::every(EVERY).offset(EVERY * number as u32 / TASKS))
        });
        let app = app.history(MemoryHistory::new(10)).build().expect("ten thousand tasks");
        app.start();
        tokio::time::sleep(WARM_UP).await;
        lateness.is_measured.store(true, Ordering::Relaxed);
        let (used, began) = (processor_time(), Instant::now());
        tokio::time::sleep(MEASURED).await;
        let cores = (processor_time() - used).as_secs_f64() / began.elapsed().as_secs_f64();
        lateness.is_measured.store(false, Ordering::Relaxed);
        let runs = lateness.count();
        app.stop(Duration::from_secs(5)).await;
        (cores, runs)
    });
    println!("{runs} runs of {TASKS} tasks in {MEASURED:?}");
    println!("late by {:.2} ms (median), {:.2} ms (99.9 %)", lateness.quantile(0.5), lateness.quantile(0.999));
    let expected = f64::from(TASKS) * MEASURED.as_secs_f64() / EVERY.as_secs_f64();
    let complete = runs as f64 > 0.999 * expected;
    let within = [
        compare("late by at most, of 99 %", lateness.quantile(0.99), "ms", LATENESS_BOUND),
        compare("processor", cores, "cores", CORES_BOUND),
    ];
    if complete && !within.contains(&false) { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// The time that this process has used the processor, as the kernel counts it: in hundredths of a second.
fn processor_time() -> Duration {
    let stat = std::fs::read_to_string("/proc/self/stat").expect("a Linux kernel");
    // The fields after the name, which stands in parentheses and may have blanks in it: utime and stime are the 14th and 15th.
    let fields = stat.rsplit_once(") ").expect("a name").1;
    let ticks: u64 = fields.split(' ').skip(11).take(2).map(|ticks| ticks.parse::<u64>().expect("a number")).sum();
    Duration::from_millis(ticks * 10)
}

/// Prints a figure; says whether it is within its bound.
fn compare(name: &str, figure: f64, unit: &str, bound: f64) -> bool {
    let verdict = if figure <= bound { "" } else { "  TOO MUCH" };
    println!("{name:<28} {figure:>6.2} {unit}, at most {bound} {unit}{verdict}");
    figure <= bound
}
