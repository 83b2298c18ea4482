//! How long the pages take to make, with a year of figures and a million events in the database: `just bench-page`.
//!
//! On each kind of database: a figure of each of six types every ten minutes of a year (three times as often as the platform takes
//! them), a million Kubernetes events, and a thousand runs of each task. Every page is made a few hundred times, one after the other,
//! from the request to the whole document. The benchmark fails where one in a hundred takes longer than 50 ms.
#![allow(clippy::print_stdout, reason = "a benchmark prints its results")]

use std::process::ExitCode;
use std::time::{Duration, Instant};

use task_analytics::AnalyticsTask;
use task_analytics::rollup::{MIGRATIONS, ROLLUP, RollupTask, rollup_service};
use task_analytics::{DailyFigures, SqlMetrics};
use task_k8s_events::{MIGRATIONS as EVENT_MIGRATIONS, event_services};
use taskserver_core::{App, Hooks, Method, Monitor, Outcome};
use taskserver_page::{Request, StatusPage};
use taskserver_store::{RunRetention, SqlHistory, Store, StoreOptions, own_services, platform_services};
use taskserver_tests::servers::{mariadb, postgres};
use taskserver_tests::{Backend, TestDatabase};

const ROUNDS: usize = 300;
const BOUND: Duration = Duration::from_millis(50);

/// The pages, and what each is at its most expensive.
const PAGES: [(&str, &str); 10] = [
    ("/", ""),
    ("/", "range=7d"),
    ("/", "range=30d"),
    ("/tasks/analytics", ""),
    ("/events", ""),
    ("/events", "range=30d"),
    ("/events", "type=Warning"),
    ("/events", "namespace=ir-engine&reason=Reason7"),
    ("/events", "object=pod-4711"),
    ("/events", "object=Pod/pod-4711"),
];

#[tokio::main]
async fn main() -> ExitCode {
    let mut within = measure("SQLite", &TestDatabase::sqlite()).await;
    if let Some(server) = postgres::start() {
        within &= measure("PostgreSQL", &TestDatabase::on(server.url())).await;
    }
    if let Some(server) = mariadb::start_with(&["--innodb-buffer-pool-size=1G"]) {
        within &= measure("MariaDB", &TestDatabase::on(server.url())).await;
    }
    if within { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

async fn measure(name: &str, database: &TestDatabase) -> bool {
    let store = Store::new(StoreOptions::new(database.url()).expect("a URL")).expect("a store");
    store.create_platform_tables().await.expect("the platform's tables");
    store.migrate().await.expect("tables");
    store.migrate_with(MIGRATIONS).await.expect("tables");
    store.migrate_with(EVENT_MIGRATIONS).await.expect("tables");
    println!("{name}: a year of figures and a million events ...");
    fill(database);
    let app = app(&store);
    let start = Instant::now();
    let run = app.tasks().run_and_wait(&app, "analytics-rollup").await.expect("a run");
    assert_eq!((run.outcome, run.error), (Some(Outcome::Succeeded), None));
    println!("{:<44} {:>8.1?}", "rolling the year up", start.elapsed());

    let pages = StatusPage::new(app);
    let mut within = true;
    for (path, query) in PAGES {
        let mut times = Vec::with_capacity(ROUNDS);
        let mut length = 0;
        for round in 0..ROUNDS + 10 {
            let start = Instant::now();
            let page = pages.answer(&Request { query, ..Request::new(path) }).await;
            let time = start.elapsed();
            assert_eq!(page.status, 200, "{path}");
            assert!(!page.html.contains("cannot be read now"), "{path}?{query}");
            length = page.html.len();
            // The first rounds only warm up.
            if round >= 10 {
                times.push(time);
            }
        }
        within &= report(&format!("{path}?{query}, {} KiB", length / 1024), &mut times);
    }
    within
}

/// An app with what the server composes for its pages.
fn app(store: &Store) -> App {
    let metrics = std::sync::Arc::new(SqlMetrics::new(store.clone(), Vec::new()));
    let mut builder = App::builder().history(SqlHistory::new(store, "bench"));
    for (path, service) in platform_services(store) {
        let hooks = match path {
            "analytics" => Hooks::new().before(Method::Find, DailyFigures::new(metrics.clone())),
            _ => Hooks::new(),
        };
        builder = builder.service_with(path, service, hooks);
    }
    for (path, service) in own_services(store).into_iter().chain(event_services(store)) {
        builder = builder.service(path, service);
    }
    let app = builder
        .service(ROLLUP, rollup_service(store))
        .task(AnalyticsTask::new(metrics))
        .task(RollupTask::new(store.clone()))
        .task(RunRetention::new(store))
        .task(Monitor::new("bench", &taskserver_core::Metrics::default()));
    app.build().expect("an app")
}

fn fill(database: &TestDatabase) {
    let dialect = Dialect(database.backend());
    let names =
        ["activeChannels", "instanceUsers", "channelUsers", "activeInstances", "activeLocations", "activeScenes"];
    for (place, name) in names.into_iter().enumerate() {
        let at = dialect.ago("n * 600");
        database.execute(&format!(
            r#"INSERT INTO "analytics" ("id", "type", "count", "createdAt", "updatedAt") SELECT {}, '{name}', n % {}, {at}, {at} FROM {}"#,
            dialect.id(&format!("n * 10 + {place}")),
            40 + place,
            dialect.series(52_560),
        ));
    }
    // Three weeks of them, in 40 namespaces, about 20,000 objects, for 25 reasons.
    let at = dialect.ago("n * 2");
    let [namespace, object, reason] = [("ns-", "n % 40"), ("pod-", "n % 20000"), ("Reason", "n % 25")]
        .map(|(prefix, number)| dialect.concatenation(prefix, number));
    database.execute(&format!(
        r#"INSERT INTO "k8s-event" ("id", "cluster", "uid", "namespace", "name", "resourceVersion", "involvedKind", "involvedName", "type",
           "reason", "message", "time", "occurrences", "createdAt", "updatedAt")
           SELECT {id}, 'default', {uid}, CASE WHEN n % 3 = 0 THEN 'ir-engine' ELSE {namespace} END, 'event', '1', 'Pod', {object},
           CASE WHEN n % 20 = 0 THEN 'Warning' ELSE 'Normal' END, {reason},
           'Back-off restarting failed container instanceserver in pod', {at}, 1, {at}, {at} FROM {series}"#,
        id = dialect.id("n"),
        uid = dialect.concatenation("", "n"),
        series = dialect.series(1_000_000),
    ));
    for (period, pieces) in [(3600, 768), (21_600, 128), (86_400, 32)] {
        for reason in 0..25 {
            let start = dialect.start(period);
            database.execute(&format!(
                r#"INSERT INTO "k8s-event-count" ("id", "reason", "type", "period", "start", "count")
                   SELECT {}, 'Reason{reason}', 'Normal', {period}, {start}, n % 50 FROM {}"#,
                dialect.id(&format!("n * 100 + {}", reason + period / 3600 * 100_000)),
                dialect.series(pieces),
            ));
        }
    }
    for (place, task) in ["analytics", "analytics-rollup", "task-run-retention", "monitoring"].into_iter().enumerate() {
        let at = dialect.ago("n * 1800");
        let no = if database.backend() == Backend::Postgres { "FALSE" } else { "0" };
        database.execute(&format!(
            r#"INSERT INTO "task-run" ("id", "task", "scheduled", "trigger", "started", "finished", "durationMicros", "outcome", "interrupted",
               "attempt", "instance", "result")
               SELECT {}, '{task}', {at}, 'schedule', {at}, {at}, 1000 + n, 'succeeded', {no}, 1, 'bench', '{{"stored":{{"instanceUsers":3}}}}' FROM {}"#,
            dialect.id(&format!("n * 10 + {place}")),
            dialect.series(1000),
        ));
    }
    if database.backend() == Backend::Postgres {
        database.execute("ANALYZE");
    }
}

/// What is written differently for each kind of database.
struct Dialect(Backend);

impl Dialect {
    /// The numbers from 0 on, as `n`.
    fn series(&self, count: u32) -> String {
        match self.0 {
            Backend::Sqlite => format!(
                "(WITH RECURSIVE numbers(n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM numbers WHERE n < {count} - 1) SELECT n FROM numbers)"
            ),
            Backend::Postgres => format!("generate_series(0, {count} - 1) AS series(n)"),
            Backend::MariaDb => format!("(SELECT seq AS n FROM seq_0_to_{}) AS series", count - 1),
        }
    }

    /// A moment so many seconds ago.
    fn ago(&self, seconds: &str) -> String {
        match self.0 {
            Backend::Sqlite => format!("strftime('%Y-%m-%d %H:%M:%S', 'now', '-' || ({seconds}) || ' seconds')"),
            Backend::Postgres => {
                format!("date_trunc('second', now() AT TIME ZONE 'UTC') - ({seconds}) * interval '1 second'")
            }
            Backend::MariaDb => format!("UTC_TIMESTAMP() - INTERVAL ({seconds}) SECOND"),
        }
    }

    /// The beginning of the `n`th piece of time of a length, from the present one back.
    fn start(&self, period: u32) -> String {
        match self.0 {
            Backend::Sqlite => {
                format!("strftime('%Y-%m-%d %H:%M:%S', (unixepoch('now') / {period} - n) * {period}, 'unixepoch')")
            }
            Backend::Postgres => {
                format!("to_timestamp((floor(extract(epoch FROM now()) / {period}) - n) * {period}) AT TIME ZONE 'UTC'")
            }
            Backend::MariaDb => format!(
                "TIMESTAMPADD(SECOND, (TIMESTAMPDIFF(SECOND, '1970-01-01', UTC_TIMESTAMP()) DIV {period} - n) * {period}, '1970-01-01')"
            ),
        }
    }

    /// An id that looks like a UUID, whose beginnings are spread as those of UUIDs are.
    fn id(&self, number: &str) -> String {
        match self.0 {
            Backend::Sqlite => {
                format!("printf('%08x-0000-4000-8000-%012d', (({number}) * 2654435761) % 4294967296, {number})")
            }
            Backend::Postgres => format!(
                "lpad(to_hex((({number})::bigint * 2654435761) % 4294967296), 8, '0') || '-0000-4000-8000-' || lpad(({number})::text, 12, '0')"
            ),
            Backend::MariaDb => format!(
                "CONCAT(LPAD(HEX((({number}) * 2654435761) % 4294967296), 8, '0'), '-0000-4000-8000-', LPAD({number}, 12, '0'))"
            ),
        }
    }

    fn concatenation(&self, prefix: &str, number: &str) -> String {
        match self.0 {
            Backend::Sqlite => format!("'{prefix}' || ({number})"),
            Backend::Postgres => format!("'{prefix}' || ({number})::text"),
            Backend::MariaDb => format!("CONCAT('{prefix}', {number})"),
        }
    }
}

/// Prints the times of a page; says whether they are within the bound.
fn report(name: &str, times: &mut [Duration]) -> bool {
    times.sort();
    let of = |percent: usize| times[(times.len() * percent / 100).min(times.len() - 1)];
    let within = of(99) <= BOUND;
    let verdict = if within { "" } else { "  TOO SLOW" };
    println!("{name:<44} median {:>8.2?}, 99 of 100 within {:>8.2?}{verdict}", of(50), of(99));
    within
}
