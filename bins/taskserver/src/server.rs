//! The running server: what starts, in which order, and how it ends.
//!
//! The port is bound first, so that a port in use is found before anything else begins. The HTTP surface then answers at
//! once, not ready, while the database is prepared; that is tried again for as long as it takes. Tasks start when it is done.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use taskserver_config::{Effective, ExposeSecret as _, Settings};
use taskserver_core::App;
use taskserver_http::Server as HttpServer;
use taskserver_queue::RunningWorkers;
use taskserver_redis::{FeathersSync, RunningSync};
use taskserver_store::Store;
use tokio::sync::{oneshot, watch};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::compose::{Composition, Extension, Parts, Purpose};
use crate::pages::{self, Shown};
use crate::telemetry::Telemetry;
use crate::{database, http, kubernetes, leadership, redis};

/// How long the last events may take to reach Redis.
const FLUSH_TIMEOUT: Duration = Duration::from_secs(3);

/// Starts a server with these settings. Must be called within a multi-threaded tokio runtime.
///
/// # Errors
/// The port cannot be bound, or the settings are impossible together.
pub async fn start(settings: Settings) -> anyhow::Result<Running> {
    Server::new(settings).start().await
}

/// A server before it starts.
pub struct Server {
    settings: Settings,
    effective: Vec<Effective>,
    extensions: Vec<Extension>,
}

impl Server {
    /// A server with these settings.
    #[must_use]
    pub fn new(settings: Settings) -> Self {
        Self { settings, effective: Vec::new(), extensions: Vec::new() }
    }

    /// Shows this on the status page as the effective configuration.
    #[must_use]
    pub fn effective(mut self, effective: Vec<Effective>) -> Self {
        self.effective = effective;
        self
    }

    /// Adds services and tasks.
    #[must_use]
    pub fn extend(mut self, extension: impl FnOnce(&mut Parts<'_>) + 'static) -> Self {
        self.extensions.push(Box::new(extension));
        self
    }

    /// Starts the server.
    ///
    /// # Errors
    /// The port cannot be bound, or the settings are impossible together.
    pub async fn start(self) -> anyhow::Result<Running> {
        self.compose()?.start(&Telemetry::default()).await
    }

    /// Composes the app, and so finds out whether the settings are possible together. Connects to nothing.
    pub(crate) fn compose(self) -> anyhow::Result<Composed> {
        let Self { settings, effective, extensions } = self;
        let composition = Composition::new(&settings, Purpose::Serve, extensions)?;
        Ok(Composed { settings, effective, composition })
    }
}

/// A server whose app is composed, before it starts.
pub(crate) struct Composed {
    settings: Settings,
    effective: Vec<Effective>,
    composition: Composition,
}

impl Composed {
    /// The database.
    pub(crate) fn store(&self) -> &Store {
        &self.composition.store
    }

    /// Starts the server, which exports with these.
    pub(crate) async fn start(self, telemetry: &Telemetry) -> anyhow::Result<Running> {
        let Self { settings, effective, mut composition } = self;
        let app = composition.app.clone();
        let shown = Shown::new(pages::settings(effective));
        let page = pages::pages(&app, leadership::instance(&settings), &shown);
        let mut listeners = Vec::new();
        for options in http::options(&settings) {
            let listener = HttpServer::bind(options).await?;
            let mut listener = listener
                .authenticator(composition.authenticator())
                .metrics(composition.requests.clone())
                .pages(Arc::clone(&page));
            if let Some(secret) = &settings.authentication.secret {
                listener = listener.session_secret(secret.expose_secret().as_bytes());
            }
            if let Some(join_trace) = telemetry.join_trace() {
                listener = listener.join_trace(join_trace);
            }
            listeners.push(listener);
        }
        let addresses: Vec<_> = listeners.iter().map(HttpServer::local_addr).collect();
        let database = app.health().register("database", true);
        let end = CancellationToken::new();
        let serving =
            listeners.into_iter().map(|listener| tokio::spawn(listener.serve(app.clone(), end.clone()))).collect();
        let sync = composition
            .redis
            .as_ref()
            .map(|redis| FeathersSync::new(redis, redis::sync_options(&settings)).start(&app));
        let (started, tasks_run) = watch::channel(false);
        let address = addresses[0];
        let (working_on_jobs, workers) = oneshot::channel();
        let working = {
            let (app, store, settings) = (app, composition.store.clone(), settings.clone());
            let workers = composition.workers.take();
            let delivery = composition.delivery.take();
            let (cluster, rules) = (composition.cluster.clone(), Arc::clone(&composition.event_rules));
            let sink = telemetry.event_sink();
            tokio::spawn(async move {
                let prepared = tokio::select! {
                    () = database::prepare_patiently(&store, &settings, &database) => true,
                    () = app.shutdown().stopping() => false,
                };
                if prepared {
                    tokio::spawn(task_analytics::rollup::follow(app.clone(), store.clone()));
                    app.start();
                    if let Some(workers) = workers {
                        // Who stops the server is there for as long as it runs.
                        let _ = working_on_jobs.send(workers.start(&app));
                    }
                    tracing::info!("Task server running.");
                    tracing::info!("Task server listening on port {}", address.port());
                    for administration in &addresses[1..] {
                        tracing::info!("Metrics, tasks and pages are answered on port {}", administration.port());
                    }
                    started.send_replace(true);
                    let delivering = async {
                        if let Some(delivery) = delivery {
                            delivery.run(&app).await;
                        }
                    };
                    let collecting = async {
                        if kubernetes::keeps_events(&settings) {
                            kubernetes::collect_events(&app, &store, &settings, &cluster, &rules, sink).await;
                        }
                    };
                    tokio::join!(delivering, collecting);
                }
            })
        };
        let timeout = settings.shutdown.timeout;
        Ok(Running { composition, shown, address, end, serving, working, workers, sync, tasks_run, timeout })
    }
}

/// A server that runs. Dropping it leaves it running; [`stop`](Self::stop) ends it.
pub struct Running {
    composition: Composition,
    shown: Shown,
    address: SocketAddr,
    end: CancellationToken,
    /// A task for each address that is listened on.
    serving: Vec<JoinHandle<()>>,
    working: JoinHandle<()>,
    /// The workers, once they have started.
    workers: oneshot::Receiver<RunningWorkers>,
    sync: Option<RunningSync>,
    tasks_run: watch::Receiver<bool>,
    timeout: Duration,
}

impl Running {
    /// The address of the services.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The app.
    #[must_use]
    pub fn app(&self) -> &App {
        &self.composition.app
    }

    /// The database.
    pub(crate) fn store(&self) -> &Store {
        &self.composition.store
    }

    /// Resolves once the database is prepared and the tasks run; `false` if the server was stopped before.
    pub async fn tasks_run(&self) -> bool {
        self.tasks_run.clone().wait_for(|started| *started).await.is_ok()
    }

    /// Applies what can change while the server runs: the tasks' schedules and policies, and what the collectors collect.
    ///
    /// # Errors
    /// The settings are impossible together; then nothing has changed.
    pub fn apply(&self, settings: &Settings) -> anyhow::Result<()> {
        self.composition.apply(settings)
    }

    /// Shows this on the status page as the effective configuration from now on.
    pub fn show_effective(&self, effective: Vec<Effective>) {
        self.shown.send_replace(pages::settings(effective));
    }

    /// Stops: no new run or job begins, those in progress get until the configured deadline, the rest is cancelled; then the last
    /// events are sent, and the HTTP surface and the connections are closed. Abort the app's [`shutdown`](App::shutdown) to
    /// cut the wait short.
    pub async fn stop(self) {
        self.composition.app.shutdown().stop();
        tracing::info!("Task server stopping.");
        let workers = async {
            if let Ok(workers) = self.workers.await {
                workers.stop(self.timeout).await;
            }
        };
        tokio::join!(self.composition.app.stop(self.timeout), workers);
        if let Some(sync) = self.sync {
            sync.stop(FLUSH_TIMEOUT).await;
        }
        self.end.cancel();
        for part in std::iter::once(self.working).chain(self.serving) {
            if let Err(error) = part.await {
                tracing::error!(%error, "a part of the server ended badly");
            }
        }
        self.composition.store.close();
        tracing::info!("Task server stopped.");
    }
}
