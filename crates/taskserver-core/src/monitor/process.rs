//! What the process itself uses.

use std::time::{Duration, Instant};

use sysinfo::{ProcessRefreshKind, ProcessesToUpdate, System};

/// How often a timer is tried in one sample of the event loop.
const LAG_TRIES: u32 = 5;

/// Measures the memory and processor time of this process.
pub(super) struct ProcessMeter {
    /// `None` on a system that does not tell.
    system: Option<System>,
    last: Option<(Instant, u64)>,
}

impl ProcessMeter {
    pub(super) fn new() -> Self {
        Self { system: System::new().ok(), last: None }
    }

    /// Resident memory in bytes, and the use of processors since the last sample in thousandths of a core. Each is `None` where
    /// the operating system does not tell, or, for the processors, at the first sample.
    pub(super) fn sample(&mut self) -> (Option<u64>, Option<u64>) {
        let (Ok(pid), Some(system)) = (sysinfo::get_current_pid(), &mut self.system) else { return (None, None) };
        let what = ProcessRefreshKind::nothing().with_memory().with_cpu().without_tasks();
        system.refresh_processes_specifics(ProcessesToUpdate::Some(&[pid]), false, what);
        let Some(process) = system.process(pid) else { return (None, None) };
        let (memory, cpu_time) = (process.memory(), process.accumulated_cpu_time());
        (Some(memory), self.processor_use(cpu_time))
    }

    fn processor_use(&mut self, accumulated_millis: u64) -> Option<u64> {
        let now = Instant::now();
        let (then, before) = self.last.replace((now, accumulated_millis))?;
        let elapsed = now.duration_since(then).as_millis();
        let used = u128::from(accumulated_millis.saturating_sub(before));
        u64::try_from(used * 1000 / elapsed.max(1)).ok()
    }
}

/// How late a timer of this runtime fires at worst: what a task that blocks the runtime does to all others.
pub(super) async fn event_loop_lag() -> Duration {
    let wait = Duration::from_millis(2);
    let mut worst = Duration::ZERO;
    for _ in 0..LAG_TRIES {
        let started = tokio::time::Instant::now();
        tokio::time::sleep(wait).await;
        worst = worst.max(started.elapsed().saturating_sub(wait));
    }
    worst
}
