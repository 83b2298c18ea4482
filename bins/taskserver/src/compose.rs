//! What the app consists of, as the settings say.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use task_analytics::rollup::{ROLLUP, RollupTask, rollup_service};
use task_analytics::{
    ANALYTICS, AnalyticsTask, DailyFigures, MaintenanceTask, PLATFORM_METRICS, Retention, SqlMetric, SqlMetrics,
};
use task_k8s_events::{AlertRules, EventFilter, EventRetention, RetentionTask, event_services};
use task_report::{ReportOptions, ReportTask};
use task_self_check::SelfCheck;
use taskserver_alerts::{AlertDelivery, AlertRetention, AlertRetentionTask, Alerts, alert_services};
use taskserver_config::{Settings, settings};
use taskserver_core::prometheus_client::metrics::info::Info;
use taskserver_core::{
    App, AppBuilder, CallLog, CallMetrics, Hooks, Method, Metrics, Monitor, Pagination, Service, Task, TaskConfig,
};
use taskserver_http::{Authenticator, RequestMetrics};
use taskserver_queue::{JOB, Job, JobRetention, JobRetentionTask, JobService, Jobs, Queue, WorkerControl, Workers};
use taskserver_redis::Redis;
use taskserver_store::{
    LEADERSHIP, MaintenanceOptions, RunRetention, SqlMaintenance, Store, StoreError, own_services, platform_services,
};
use tokio::sync::watch;

use crate::kubernetes::{ApiServerProbe, Cluster, EventRules};
use crate::queue::LogMessage;
use crate::{access, agones, alerts, authentication, database, kubernetes, leadership, queue, redis, schedule};

/// Settings of which each by itself is possible, but not all together.
#[derive(Debug, thiserror::Error)]
#[error("the configuration is impossible:\n{}", .0.iter().map(|problem| format!("  - {problem}")).collect::<Vec<_>>().join("\n"))]
pub(crate) struct ImpossibleSettings(Vec<String>);

/// Composes an app only to see whether these settings make one. Connects to nothing.
pub(crate) fn check(settings: &Settings) -> anyhow::Result<()> {
    Composition::new(settings, Purpose::Serve, Vec::new()).map(|_| ())
}

/// Adds services and tasks to an app that is being composed.
pub(crate) type Extension = Box<dyn FnOnce(&mut Parts<'_>)>;

/// The parts of an app that is being composed.
pub struct Parts<'a> {
    builder: AppBuilder,
    settings: &'a Settings,
    store: Store,
    queue: Queue,
    jobs: Jobs,
    alerts: Alerts,
    defaults: BTreeMap<String, TaskConfig>,
    problems: Vec<String>,
}

impl Parts<'_> {
    /// The settings.
    #[must_use]
    pub fn settings(&self) -> &Settings {
        self.settings
    }

    /// The database.
    #[must_use]
    pub fn store(&self) -> &Store {
        &self.store
    }

    /// The queue of jobs, for what enqueues them.
    #[must_use]
    pub fn queue(&self) -> &Queue {
        &self.queue
    }

    /// Adds a kind of job, and what its jobs work with.
    ///
    /// # Panics
    /// If another kind has its name.
    pub fn job<J: Job>(&mut self, environment: J::Environment) {
        self.jobs = std::mem::take(&mut self.jobs).register::<J>(environment);
    }

    /// The alerts: what raises some, or makes reports, does so with these.
    #[must_use]
    pub fn alerts(&self) -> &Alerts {
        &self.alerts
    }

    /// Adds a service at a path.
    pub fn service(&mut self, path: &str, service: impl Service, hooks: Hooks) {
        self.builder = std::mem::take(&mut self.builder).service_with(path, service, hooks);
    }

    /// Adds a task, with what the settings override of its defaults.
    pub fn task(&mut self, task: impl Task) {
        let (name, defaults) = (task.name().to_owned(), task.defaults());
        let config = schedule::configure(&name, &defaults, self.settings.tasks.get(&name)).unwrap_or_else(|error| {
            self.problems.push(error.to_string());
            defaults.clone()
        });
        self.builder = std::mem::take(&mut self.builder).task_with(task, config);
        self.defaults.insert(name, defaults);
    }
}

/// What an app is composed for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// To follow the schedules, as the leader among the replicas if there are several, and to remember the runs.
    Serve,
    /// To run a task once, beside servers that may run it too.
    RunOnce,
}

/// A composed app, and what of it can change while it runs.
pub(crate) struct Composition {
    pub(crate) app: App,
    pub(crate) store: Store,
    /// What works on the jobs, where this replica does.
    pub(crate) workers: Option<Workers>,
    /// Counts and times what is asked from outside.
    pub(crate) requests: RequestMetrics,
    authenticator: watch::Sender<Arc<dyn Authenticator>>,
    /// What the platform's events go through, where it is used.
    pub(crate) redis: Option<Redis>,
    /// The way to the cluster.
    pub(crate) cluster: Cluster,
    pub(crate) event_rules: Arc<EventRules>,
    /// What delivers alerts, until it is started.
    pub(crate) delivery: Option<AlertDelivery>,
    metrics: Arc<SqlMetrics>,
    retention: Arc<Mutex<Retention>>,
    event_retention: Arc<Mutex<EventRetention>>,
    alert_retention: Arc<Mutex<AlertRetention>>,
    queue: Queue,
    worker_control: Option<WorkerControl>,
    job_retention: Arc<Mutex<JobRetention>>,
    defaults: BTreeMap<String, TaskConfig>,
}

impl Composition {
    pub(crate) fn new(settings: &Settings, purpose: Purpose, extensions: Vec<Extension>) -> anyhow::Result<Self> {
        let store = database::options(&settings.database)
            .and_then(Store::new)
            .map_err(|error| ImpossibleSettings(vec![format!("`database`: {error}")]))?;
        let gauges = Metrics::default();
        gauges.register("build", "What was built", Info::new([("version", env!("CARGO_PKG_VERSION"))]));
        let mut builder = App::builder()
            .instance(leadership::instance(settings))
            .metrics(gauges.clone())
            .access(access::access(&settings.http))
            .pagination(Pagination { default: settings.http.page_size, max: settings.http.max_page_size })
            .watch(CallLog)
            .watch(CallMetrics::register(&gauges));
        let cluster = Cluster::new(&settings.kubernetes);
        if purpose == Purpose::Serve {
            builder = leadership::lead(builder, settings, &store, &cluster)
                .map_err(|error| ImpossibleSettings(vec![format!("{error:#}")]))?;
        }
        let redis = redis::pool(&settings.redis)?;
        let queue = queue::queue(&settings.queue, &store, redis.as_ref(), &gauges);
        let mut problems = clashes(&settings.analytics);
        problems.extend(kubernetes::check(&settings.kubernetes).err());
        let mut found = |wrong: Vec<String>| problems.extend(wrong);
        let [include, exclude] = alerts::filter(&settings.kubernetes.events).map_err(&mut found).unwrap_or_default();
        let rules = alerts::rules(&settings.alerts).map_err(&mut found).unwrap_or_default();
        let delivery = alerts::delivery(&settings.alerts, &store).map_err(&mut found).ok();
        let is_elected = leadership::is_elected(settings, &store);
        let delivery = delivery.map(|delivery| if is_elected { delivery.fenced(LEADERSHIP) } else { delivery });
        let alerts = delivery.as_ref().map(AlertDelivery::alerts).unwrap_or_default();
        let event_rules = Arc::new(EventRules {
            filter: Arc::new(EventFilter::new(include, exclude)),
            alerts: Arc::new(AlertRules::new(alerts.clone(), rules)),
        });
        let mut parts = Parts {
            builder,
            settings,
            store: store.clone(),
            queue: queue.clone(),
            jobs: Jobs::new(),
            alerts: alerts.clone(),
            defaults: BTreeMap::new(),
            problems,
        };

        let metrics = Arc::new(SqlMetrics::new(store.clone(), own_metrics(&settings.analytics)));
        for (path, service) in platform_services(&store) {
            let hooks = match path {
                ANALYTICS => Hooks::new().before(Method::Find, DailyFigures::new(Arc::clone(&metrics))),
                _ => Hooks::new(),
            };
            parts.service(path, service, hooks);
        }
        for (path, service) in own_services(&store) {
            parts.service(path, service, Hooks::new());
        }
        for (path, service) in alert_services(&store) {
            parts.service(path, service, Hooks::new());
        }
        let alert_retention = Arc::new(Mutex::new(alerts::retention(&settings.alerts)));
        parts.task(AlertRetentionTask::new(store.clone(), Arc::clone(&alert_retention)));
        let event_retention = Arc::new(Mutex::new(kubernetes::retention(&settings.kubernetes.events)));
        let mut off = event_services(&store);
        if kubernetes::keeps_events(settings) {
            for (path, service) in off.drain(..) {
                parts.service(path, service, Hooks::new());
            }
            parts.task(RetentionTask::new(store.clone(), Arc::clone(&event_retention)));
        }
        parts.service(ROLLUP, rollup_service(&store), Hooks::new());
        parts.task(RollupTask::new(store.clone()).retention(settings.analytics.rollup_retention));
        let retention = Arc::new(Mutex::new(retention(&settings.analytics)));
        let analytics = AnalyticsTask::new(Arc::clone(&metrics)).metrics(&gauges);
        parts.task(match agones::figures(settings, &cluster, &gauges) {
            Some(figures) => analytics.with(figures),
            None => analytics,
        });
        parts.task(MaintenanceTask::new(Arc::clone(&metrics), Arc::clone(&retention)));

        parts.service(JOB, JobService::new(&store, &queue), Hooks::new());
        parts.job::<LogMessage>(());
        let job_retention = Arc::new(Mutex::new(queue::retention(&settings.queue)));
        parts.task(JobRetentionTask::new(&store, Arc::clone(&job_retention)));
        let report = ReportTask::new(store.clone(), alerts.clone(), report(&settings.report));
        parts.task(if is_elected { report.fenced(LEADERSHIP) } else { report });
        let self_check = SelfCheck::new(store.clone(), alerts, alerts::self_check(&settings.self_check));
        parts.task(if is_elected { self_check.fenced(LEADERSHIP) } else { self_check });
        parts.task(RunRetention::new(&store).max_age(settings.history.retention).max_runs(settings.history.limit));
        let mut monitor = Monitor::new(&leadership::instance(settings), &gauges)
            .retention(settings.monitoring.retention)
            .probe(database::DatabaseProbe(store.clone()));
        if let Some(redis) = redis.clone() {
            monitor = monitor.probe(redis);
        }
        if kubernetes::has_cluster(settings) {
            monitor = monitor.probe(ApiServerProbe(cluster.clone()));
        }
        parts.task(monitor);

        for (name, settings) in &settings.maintenance {
            match maintenance(&store, name, settings) {
                Ok(task) => parts.task(if is_elected { task.fenced(LEADERSHIP) } else { task }),
                Err(error) => parts.problems.push(format!("`maintenance.{name}.sql`: {error}")),
            }
        }

        for extension in extensions {
            extension(&mut parts);
        }
        let authenticator = authentication::authenticator(&settings.authentication, &store);
        let Parts { builder, jobs, defaults, mut problems, .. } = parts;
        problems.extend(authenticator.as_ref().err().map(|error| format!("{error:#}")));
        if !problems.is_empty() {
            return Err(ImpossibleSettings(problems).into());
        }
        let app = builder.build()?;
        let problems = access::problems(settings, &app, &off);
        if !problems.is_empty() {
            return Err(ImpossibleSettings(problems).into());
        }
        let (authenticator, requests) = (watch::Sender::new(authenticator?), RequestMetrics::register(&gauges));
        // Work goes on without these, so they are not required; the monitor reports how they are.
        for (component, is_used) in [("redis", redis.is_some()), ("kubernetes", kubernetes::has_cluster(settings))] {
            if is_used {
                let _ = app.health().register(component, false);
            }
        }
        let workers = (settings.queue.enabled && purpose == Purpose::Serve).then(|| {
            let options = queue::worker_options(&settings.queue);
            Workers::new(&queue, jobs, options, leadership::instance(settings))
        });
        let worker_control = workers.as_ref().map(Workers::control);
        Ok(Self {
            app,
            store,
            workers,
            requests,
            authenticator,
            redis,
            cluster,
            event_rules,
            delivery,
            metrics,
            retention,
            event_retention,
            alert_retention,
            queue,
            worker_control,
            job_retention,
            defaults,
        })
    }

    /// Recognises callers from outside, as the settings say that were applied last.
    pub(crate) fn authenticator(&self) -> Arc<dyn Authenticator> {
        Arc::new(self.authenticator.subscribe())
    }

    /// Applies what can change while the app runs. Everything is worked out before anything is changed.
    pub(crate) fn apply(&self, settings: &Settings) -> anyhow::Result<()> {
        let configure = |(name, defaults): (&String, &TaskConfig)| {
            schedule::configure(name, defaults, settings.tasks.get(name)).map(|config| (name.clone(), config))
        };
        let (configs, mut problems) =
            (Vec::from_iter(self.defaults.iter().map(configure)), clashes(&settings.analytics));
        problems.extend(configs.iter().filter_map(|config| Some(config.as_ref().err()?.to_string())));
        let authenticator = authentication::authenticator(&settings.authentication, &self.store);
        problems.extend(authenticator.as_ref().err().map(|error| format!("{error:#}")));
        let mut found = |wrong: Vec<String>| problems.extend(wrong);
        let [include, exclude] = alerts::filter(&settings.kubernetes.events).map_err(&mut found).unwrap_or_default();
        let rules = alerts::rules(&settings.alerts).map_err(&mut found).unwrap_or_default();
        if !problems.is_empty() {
            return Err(ImpossibleSettings(problems).into());
        }
        for (name, config) in configs.into_iter().flatten() {
            let current = self.app.tasks().status(&name).map(|status| TaskConfig {
                schedule: status.schedule,
                policy: status.policy,
                enabled: status.enabled,
            });
            if current.as_ref() != Some(&config) {
                self.app.tasks().reconfigure(&name, config)?;
            }
        }
        self.authenticator.send_replace(authenticator?);
        self.metrics.set_own_metrics(own_metrics(&settings.analytics));
        *self.retention.lock().unwrap_or_else(PoisonError::into_inner) = retention(&settings.analytics);
        let event_retention = kubernetes::retention(&settings.kubernetes.events);
        *self.event_retention.lock().unwrap_or_else(PoisonError::into_inner) = event_retention;
        let alert_retention = alerts::retention(&settings.alerts);
        *self.alert_retention.lock().unwrap_or_else(PoisonError::into_inner) = alert_retention;
        *self.job_retention.lock().unwrap_or_else(PoisonError::into_inner) = queue::retention(&settings.queue);
        self.queue.limit(queue::limits(&settings.queue));
        if let Some(workers) = &self.worker_control {
            workers.set(queue::worker_options(&settings.queue));
        }
        self.event_rules.filter.set(include, exclude);
        self.event_rules.alerts.set(rules);
        Ok(())
    }
}

/// Metrics of one's own that would be taken for the platform's.
fn clashes(settings: &settings::Analytics) -> Vec<String> {
    let clashing = settings.metrics.keys().filter(|name| PLATFORM_METRICS.contains(&name.as_str()));
    clashing
        .map(|name| format!("`analytics.metrics.{name}`: the platform has a metric of this name; choose another one"))
        .collect()
}

fn own_metrics(settings: &settings::Analytics) -> Vec<SqlMetric> {
    let metric = |(name, metric): (&String, &settings::Metric)| SqlMetric {
        name: name.clone(),
        sql: metric.sql.clone(),
        timeout: metric.timeout,
    };
    settings.metrics.iter().map(metric).collect()
}

fn maintenance(store: &Store, name: &str, settings: &settings::Maintenance) -> Result<SqlMaintenance, StoreError> {
    let defaults = MaintenanceOptions::default();
    let options = MaintenanceOptions {
        dry_run: settings.dry_run.unwrap_or(defaults.dry_run),
        batch_size: settings.batch_size.unwrap_or(defaults.batch_size),
        max_batches: settings.max_batches.unwrap_or(defaults.max_batches),
        timeout: settings.timeout,
    };
    SqlMaintenance::new(store, name, &settings.sql, options)
}

fn report(settings: &settings::Report) -> ReportOptions {
    let settings::Report { max_figures, max_reasons, max_alerts } = *settings;
    ReportOptions { max_figures, max_reasons, max_alerts }
}

fn retention(settings: &settings::Analytics) -> Retention {
    Retention { max_age: settings.retention, max_rows: settings.storage_limit }
}
