//! The application: services by name, tasks, health and shutdown, built once and shared as a cheap clone.

use std::sync::Arc;
use std::time::Duration;

use crate::scheduler::Scheduler;
use crate::service::{Access, AroundHook, Hooks, Pagination, Registry, Service, ServiceHandle, TypedHandle};
use crate::task::{Task, TaskConfig};
use crate::{
    Clock, Control, ControlOptions, ControlStore, Election, EventBus, HealthRegistry, Leadership, MemoryControl,
    Metrics, Resource, RunHistory, Shutdown, SystemClock,
};

/// Why an app cannot be built.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BuildError {
    /// Two services want the same path.
    #[error("the service `{0}` is registered twice; give one of them another name")]
    DuplicateService(String),
    /// A service wants a path that the HTTP surface answers itself.
    #[error("the path `/{0}` is this server's own; give the service another name")]
    ReservedService(String),
    /// Two tasks have the same name.
    #[error("the task `{0}` is registered twice; give one of them another name")]
    DuplicateTask(String),
    /// A task's configuration is impossible.
    #[error("the task `{task}` cannot be scheduled: {reason}")]
    Task {
        /// The task's name.
        task: String,
        /// What is wrong with its configuration.
        reason: String,
    },
}

/// The application. Cloning is cheap; all clones are the same app.
#[derive(Clone)]
pub struct App(Arc<Inner>);

struct Inner {
    services: Registry,
    events: EventBus,
    scheduler: Scheduler,
    control: Control,
    election: Option<Arc<Election>>,
    leadership: Leadership,
    health: HealthRegistry,
    metrics: Metrics,
    shutdown: Shutdown,
    clock: Arc<dyn Clock>,
}

impl App {
    /// Begins an app.
    #[must_use]
    pub fn builder() -> AppBuilder {
        AppBuilder::default()
    }

    /// The service at `path`, as a handle for trusted, internal calls. Calls to a path without a service answer
    /// [`NotFound`](crate::ErrorKind::NotFound).
    #[must_use]
    pub fn service(&self, path: &str) -> ServiceHandle {
        ServiceHandle::new(self.clone(), path)
    }

    /// The service of the resource `R`, as a handle that takes and gives structs.
    #[must_use]
    pub fn service_of<R: Resource>(&self) -> TypedHandle<R> {
        TypedHandle::new(self.service(R::SERVICE))
    }

    /// All services by path.
    #[must_use]
    pub fn services(&self) -> &Registry {
        &self.0.services
    }

    /// The bus that carries the events of all services.
    #[must_use]
    pub fn events(&self) -> &EventBus {
        &self.0.events
    }

    /// The tasks: their state, and how to run, pause and change them.
    #[must_use]
    pub fn tasks(&self) -> &Scheduler {
        &self.0.scheduler
    }

    /// Control over the tasks of all replicas, by people: lasting, and on record.
    #[must_use]
    pub fn control(&self) -> &Control {
        &self.0.control
    }

    /// Whether this process leads.
    #[must_use]
    pub fn leadership(&self) -> &Leadership {
        &self.0.leadership
    }

    /// The components and their health.
    #[must_use]
    pub fn health(&self) -> &HealthRegistry {
        &self.0.health
    }

    /// The metrics of all parts.
    #[must_use]
    pub fn metrics(&self) -> &Metrics {
        &self.0.metrics
    }

    /// How the app is asked to stop.
    #[must_use]
    pub fn shutdown(&self) -> &Shutdown {
        &self.0.shutdown
    }

    /// The app's clock.
    #[must_use]
    pub fn clock(&self) -> &Arc<dyn Clock> {
        &self.0.clock
    }

    /// Competes for the lead, if there is an [election](AppBuilder::election), and starts the schedules of all tasks. Must be
    /// called within a tokio runtime; a second call does nothing.
    pub fn start(&self) {
        if !self.0.scheduler.start(self) {
            return;
        }
        let app = self.clone();
        tokio::spawn(async move { app.control().follow(&app).await });
        if let Some(election) = self.0.election.clone() {
            let health = self.0.health.register("leadership", false);
            tokio::spawn(async move { election.run(&health).await });
        }
    }

    /// Stops: begins no new run, waits up to `deadline` for the running ones, then cancels what is left. Once no run is left,
    /// gives up the lead. [`Shutdown::abort`], called meanwhile, cuts the wait short.
    pub async fn stop(&self, deadline: Duration) {
        self.0.shutdown.stop();
        let finished = self.0.scheduler.finished();
        tokio::pin!(finished);
        let in_time = tokio::select! {
            () = &mut finished => true,
            () = self.0.shutdown.aborting() => false,
            () = tokio::time::sleep(deadline) => {
                tracing::warn!(deadline = ?deadline, "runs did not finish before the shutdown deadline; cancelling them");
                self.0.shutdown.abort();
                false
            }
        };
        if !in_time {
            finished.await;
        }
        self.0.leadership.release().await;
    }
}

/// Collects what an [`App`] consists of.
pub struct AppBuilder {
    services: Vec<(String, Arc<dyn Service>, Hooks)>,
    hooks: Hooks,
    watchers: Vec<Arc<dyn AroundHook>>,
    tasks: Vec<(crate::task::BoxedTask, TaskConfig)>,
    history: Option<Arc<dyn RunHistory>>,
    control: Arc<dyn ControlStore>,
    control_options: ControlOptions,
    election: Option<Election>,
    instance: String,
    pagination: Pagination,
    access: Access,
    metrics: Metrics,
    clock: Arc<dyn Clock>,
    event_capacity: usize,
}

impl Default for AppBuilder {
    fn default() -> Self {
        Self {
            services: Vec::new(),
            hooks: Hooks::default(),
            watchers: Vec::new(),
            tasks: Vec::new(),
            history: None,
            control: Arc::new(MemoryControl::default()),
            control_options: ControlOptions::default(),
            election: None,
            instance: "local".to_owned(),
            pagination: Pagination::default(),
            access: Access::default(),
            metrics: Metrics::default(),
            clock: Arc::new(SystemClock),
            event_capacity: 1024,
        }
    }
}

impl AppBuilder {
    /// Registers a service at a path, such as `analytics`.
    #[must_use]
    pub fn service(self, path: &str, service: impl Service) -> Self {
        self.service_with(path, service, Hooks::default())
    }

    /// Registers a service with hooks of its own.
    #[must_use]
    pub fn service_with(mut self, path: &str, service: impl Service, hooks: Hooks) -> Self {
        self.services.push((path.to_owned(), Arc::new(service), hooks));
        self
    }

    /// Adds hooks that surround every call to every service.
    #[must_use]
    pub fn hooks(mut self, hooks: Hooks) -> Self {
        self.hooks = self.hooks.and(hooks);
        self
    }

    /// Adds a hook that sees every call to every service, those included that [`Access`] refuses; the first one added is outermost.
    /// It runs before it is known whether the call may be made, so it only watches, and never answers in the call's place.
    #[must_use]
    pub fn watch(mut self, hook: impl AroundHook) -> Self {
        self.watchers.push(Arc::new(hook));
        self
    }

    /// Registers a task with its own [`defaults`](Task::defaults).
    #[must_use]
    pub fn task<T: Task>(self, task: T) -> Self {
        let config = task.defaults();
        self.task_with(task, config)
    }

    /// Registers a task with this configuration in place of its defaults.
    #[must_use]
    pub fn task_with<T: Task>(mut self, task: T, config: TaskConfig) -> Self {
        self.tasks.push((crate::task::BoxedTask::new(task), config));
        self
    }

    /// Where runs are recorded. The default keeps the newest runs of each task in memory.
    #[must_use]
    pub fn history(mut self, history: impl RunHistory) -> Self {
        self.history = Some(Arc::new(history));
        self
    }

    /// Where what people do to the tasks is kept, and how often that is looked at. The default keeps it in memory.
    #[must_use]
    pub fn control(mut self, store: impl ControlStore, options: ControlOptions) -> Self {
        (self.control, self.control_options) = (Arc::new(store), options);
        self
    }

    /// Lets several replicas elect the one that runs the tasks. Without an election, the app always runs them.
    #[must_use]
    pub fn election(mut self, election: Election) -> Self {
        self.election = Some(election);
        self
    }

    /// The name of this process among its replicas, such as the pod's, by which the run history knows it. No two replicas may
    /// have the same one. The default is `local`.
    #[must_use]
    pub fn instance(mut self, name: impl Into<String>) -> Self {
        self.instance = name.into();
        self
    }

    /// How many records a page holds. See [`Pagination`].
    #[must_use]
    pub fn pagination(mut self, pagination: Pagination) -> Self {
        self.pagination = pagination;
        self
    }

    /// What outside callers may do. See [`Access`].
    #[must_use]
    pub fn access(mut self, access: Access) -> Self {
        self.access = access;
        self
    }

    /// The clock by which the app lives. The default is the system's.
    #[must_use]
    pub fn clock(mut self, clock: impl Clock) -> Self {
        self.clock = Arc::new(clock);
        self
    }

    /// The registry of metrics, for parts that register theirs before the app is built.
    #[must_use]
    pub fn metrics(mut self, metrics: Metrics) -> Self {
        self.metrics = metrics;
        self
    }

    /// How many events a slow subscriber may be behind before it misses some. The default is 1024.
    #[must_use]
    pub fn event_capacity(mut self, events: usize) -> Self {
        self.event_capacity = events.max(1);
        self
    }

    /// Builds the app.
    ///
    /// # Errors
    /// Two services or tasks with one name, a service with a reserved one, or a task that cannot be scheduled as configured.
    pub fn build(self) -> Result<App, BuildError> {
        let mut services = Registry::new(self.access, self.watchers, self.hooks, self.pagination);
        for (path, service, hooks) in self.services {
            services.insert(path, service, hooks)?;
        }
        let shutdown = Shutdown::default();
        let leadership =
            self.election.as_ref().map_or_else(Leadership::always, |election| election.leadership().clone());
        match &self.election {
            Some(election) => election.register(&self.metrics),
            None => leadership.register(&self.metrics),
        }
        let control = Control::new(self.control, self.control_options, self.instance.clone());
        let mut scheduler = Scheduler::new(
            Arc::clone(&self.clock),
            shutdown.clone(),
            self.history,
            leadership.clone(),
            self.instance,
            &self.metrics,
        );
        for (task, config) in self.tasks {
            scheduler.register(task, config)?;
        }
        scheduler.observe(&self.metrics);
        let health = HealthRegistry::new(Arc::clone(&self.clock));
        health.observe(&self.metrics);
        Ok(App(Arc::new(Inner {
            services,
            events: EventBus::new(self.event_capacity),
            scheduler,
            control,
            election: self.election.map(Arc::new),
            leadership,
            health,
            metrics: self.metrics,
            shutdown,
            clock: self.clock,
        })))
    }
}
