//! The metrics of the process that all of Prometheus' client libraries have, under the names that they share, as of now.

use std::fmt;
use std::sync::{Mutex, PoisonError};

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, NoLabelSet};
use prometheus_client::metrics::MetricType;
use sysinfo::{ProcessRefreshKind, ProcessesToUpdate, System};

/// Reads them from the operating system; those that it does not tell are left out.
pub(super) struct ProcessCollector {
    /// `None` on a system that does not tell.
    system: Mutex<Option<System>>,
}

impl Default for ProcessCollector {
    fn default() -> Self {
        Self { system: Mutex::new(System::new().ok()) }
    }
}

impl fmt::Debug for ProcessCollector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ProcessCollector").finish_non_exhaustive()
    }
}

impl Collector for ProcessCollector {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let mut system = self.system.lock().unwrap_or_else(PoisonError::into_inner);
        let (Ok(pid), Some(system)) = (sysinfo::get_current_pid(), &mut *system) else { return Ok(()) };
        let what = ProcessRefreshKind::nothing().with_memory().with_cpu().without_tasks();
        system.refresh_processes_specifics(ProcessesToUpdate::Some(&[pid]), false, what);
        let Some(process) = system.process(pid) else { return Ok(()) };

        let cpu_seconds = process.accumulated_cpu_time() as f64 / 1000.0;
        let help = "Total user and system CPU time spent in seconds.";
        let mut cpu = encoder.encode_descriptor("process_cpu_seconds", help, None, MetricType::Counter)?;
        cpu.encode_counter::<NoLabelSet, _, f64>(&cpu_seconds, None)?;

        let number = |files: Option<usize>| files.map(|files| files as f64);
        for (name, help, value) in [
            ("process_resident_memory_bytes", "Resident memory size in bytes.", Some(process.memory() as f64)),
            ("process_virtual_memory_bytes", "Virtual memory size in bytes.", Some(process.virtual_memory() as f64)),
            (
                "process_start_time_seconds",
                "Start time of the process since unix epoch in seconds.",
                Some(process.start_time() as f64),
            ),
            ("process_open_fds", "Number of open file descriptors.", number(process.open_files())),
            ("process_max_fds", "Maximum number of open file descriptors.", number(process.open_files_limit())),
        ] {
            if let Some(value) = value {
                encoder.encode_descriptor(name, help, None, MetricType::Gauge)?.encode_gauge(&value)?;
            }
        }
        Ok(())
    }
}
