//! Workers: they take jobs, run them and store how they ended.
//!
//! Each process has, beside the attempts that run,
//!
//! - one loop for each queue, which takes jobs as slots become free (`take`);
//! - one writer for all, which stores the ends of attempts, as many at once as have come together (`finish`);
//! - one keeper, which renews the leases of what runs here, and stops what is no longer this process's (`keep`);
//! - one loop that looks after the jobs of all: those whose time has come, and those of dead workers (`tend`).
//!
//! No loop stops at an error: the store may be away for a while. Jobs that run go on meanwhile, until their lease has expired;
//! their ends are stored when it is back, if nobody else has taken them over.

mod attempt;
mod finish;
mod keep;
mod take;
mod tend;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use taskserver_core::{App, HealthReporter};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::{Jobs, Queue, WorkerControl, WorkerOptions};
use finish::Ended;
use keep::Held;

/// How many ends of attempts may wait to be stored. Those that are more wait with their slots.
const WAITING_ENDS: usize = 1000;

/// How long the ends of the last attempts may take to be stored when the workers stop.
const FLUSH_TIMEOUT: Duration = Duration::from_secs(5);

/// The wait after an error of the store's before it is asked again.
const ERROR_WAIT: Duration = Duration::from_secs(1);

/// The workers of a process, before they start.
pub struct Workers {
    queue: Queue,
    jobs: Jobs,
    control: WorkerControl,
    instance: String,
}

/// What the loops share.
struct Shared {
    app: App,
    queue: Queue,
    jobs: Jobs,
    control: WorkerControl,
    instance: String,
    health: HealthReporter,
    held: Held,
    ends: mpsc::Sender<Ended>,
    /// The loops that take jobs, and the attempts.
    work: TaskTracker,
    /// Nothing new is to be taken.
    stopping: CancellationToken,
    /// What runs is to be given back.
    aborting: CancellationToken,
    /// Nothing runs any more, and every end was handed over.
    drained: CancellationToken,
}

impl Shared {
    /// How many jobs of a queue are to run here at once.
    fn concurrency_of(&self, queue: &str, options: &WorkerOptions) -> usize {
        options.concurrency_of(queue, self.jobs.queues().any(|known| known == queue))
    }

    /// Resolves when nothing new is to be taken.
    async fn stopping(&self) {
        tokio::select! {
            () = self.stopping.cancelled() => {}
            () = self.app.shutdown().stopping() => {}
        }
    }
}

impl Workers {
    /// Workers for these kinds of jobs. `instance` is the name of this process among its replicas.
    #[must_use]
    pub fn new(queue: &Queue, jobs: Jobs, options: WorkerOptions, instance: impl Into<String>) -> Self {
        Self { queue: queue.clone(), jobs, control: WorkerControl::new(options), instance: instance.into() }
    }

    /// What changes the options while the workers work.
    #[must_use]
    pub fn control(&self) -> WorkerControl {
        self.control.clone()
    }

    /// Starts. Must be called within a tokio runtime, once the store can be used.
    #[must_use = "the workers must be stopped for their jobs to end in peace"]
    pub fn start(self, app: &App) -> RunningWorkers {
        let Self { queue, jobs, control, instance } = self;
        let (ends, receiver) = mpsc::channel(WAITING_ENDS);
        let shared = Arc::new(Shared {
            app: app.clone(),
            queue,
            jobs,
            control,
            instance,
            health: app.health().register("queue", false),
            held: Held::default(),
            ends,
            work: TaskTracker::new(),
            stopping: CancellationToken::new(),
            aborting: CancellationToken::new(),
            drained: CancellationToken::new(),
        });
        shared.work.spawn(work(Arc::clone(&shared)));
        let writer = tokio::spawn(finish::write(Arc::clone(&shared), receiver));
        let background = vec![
            tokio::spawn(keep::keep(Arc::clone(&shared))),
            tokio::spawn(tend::tend(Arc::clone(&shared))),
            tokio::spawn(tend::count(Arc::clone(&shared))),
            tokio::spawn(tend::listen(Arc::clone(&shared))),
        ];
        RunningWorkers { shared, writer, background }
    }
}

/// Has each queue worked on that is to be, also one that becomes so later.
async fn work(shared: Arc<Shared>) {
    let mut options = shared.control.watch();
    let mut begun = BTreeSet::new();
    loop {
        let now = options.borrow_and_update().clone();
        let known = shared.jobs.queues().map(str::to_owned);
        let queues: BTreeSet<String> = known.chain(now.queues.keys().cloned()).collect();
        for queue in queues {
            if shared.concurrency_of(&queue, &now) > 0 && begun.insert(queue.clone()) {
                shared.queue.metrics().know(&queue);
                shared.work.spawn(take::work(Arc::clone(&shared), queue));
            }
        }
        tokio::select! {
            () = shared.stopping() => return,
            // The sender is in `shared`.
            _ = options.changed() => {}
        }
    }
}

/// Workers at work. They take nothing any more once the app is asked to stop; [`stop`](Self::stop) ends them.
pub struct RunningWorkers {
    shared: Arc<Shared>,
    writer: JoinHandle<()>,
    background: Vec<JoinHandle<()>>,
}

impl RunningWorkers {
    /// Stops: takes no more jobs, lets those that run come to their end within the deadline, and gives the others back, to run
    /// again elsewhere or later. The app's [abort](taskserver_core::Shutdown::abort) cuts the wait short.
    pub async fn stop(self, deadline: Duration) {
        let Self { shared, writer, background } = self;
        shared.stopping.cancel();
        shared.work.close();
        let in_time = tokio::select! {
            () = shared.work.wait() => true,
            () = shared.app.shutdown().aborting() => false,
            () = tokio::time::sleep(deadline) => false,
        };
        if !in_time {
            tracing::warn!(?deadline, "jobs did not end before the shutdown deadline; they are given back");
            shared.aborting.cancel();
            // A job that never awaits cannot be stopped, and is not waited for either.
            let _ = tokio::time::timeout(FLUSH_TIMEOUT, shared.work.wait()).await;
        }
        shared.drained.cancel();
        if tokio::time::timeout(FLUSH_TIMEOUT, writer).await.is_err() {
            tracing::error!("the ends of the last jobs could not be stored; the jobs will run again");
        }
        background.iter().for_each(JoinHandle::abort);
    }
}
