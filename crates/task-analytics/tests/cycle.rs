//! Cycles, daily figures and maintenance over a service in memory and a source that is told what to say.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails; clippy.toml excepts only the test functions")]

use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;
use serde_json::{Value, json};
use task_analytics::{
    AnalyticsTask, Daily, DailyFigures, DailySource, Figure, FigureError, MaintenanceTask, MetricSource, Retention,
    RowPruner, SourceError, row_id,
};
use taskserver_core::{
    App, Checked, EventKind, Field, FieldType, Hooks, MemoryService, Method, Metrics, Outcome, Params, Query, Record,
    Schema, Service, ServiceError, TaskConfig, TaskError, TokioClock,
};

fn analytics() -> MemoryService {
    let fields = [("id", FieldType::ID), ("type", FieldType::TEXT), ("count", FieldType::INT)];
    MemoryService::new(Schema::new(fields.map(|(name, field_type)| Field::nullable(name, field_type))))
}

/// Answers what it was told last.
#[derive(Clone, Default)]
struct Told(Arc<Mutex<Vec<Figure>>>);

impl Told {
    fn say(&self, figures: &[(&str, Result<i64, FigureError>)]) {
        let figure = |(metric, outcome): &(&str, Result<i64, FigureError>)| Figure {
            metric: (*metric).to_owned(),
            outcome: outcome.clone(),
        };
        *self.0.lock().unwrap() = figures.iter().map(figure).collect();
    }
}

#[async_trait]
impl MetricSource for Told {
    async fn figures(&self) -> Result<Vec<Figure>, SourceError> {
        let figures = self.0.lock().unwrap().clone();
        match figures.is_empty() {
            true => Err(SourceError::new("the database is gone")),
            false => Ok(figures),
        }
    }
}

#[async_trait]
impl DailySource for Told {
    async fn daily(&self, daily: Daily, _now: Timestamp, days: u32) -> Result<Vec<i64>, SourceError> {
        let offset = if daily == Daily::Users { 0 } else { 1000 };
        Ok((0..i64::from(days)).map(|day| offset + day).collect())
    }
}

fn app(source: &Told) -> App {
    let metrics = Metrics::default();
    let task = AnalyticsTask::new(source.clone()).metrics(&metrics);
    App::builder()
        .metrics(metrics)
        .service_with("analytics", analytics(), Hooks::new().before(Method::Find, DailyFigures::new(source.clone())))
        .clock(TokioClock::starting_at("2026-01-01T00:10:00Z".parse().unwrap()))
        .task_with(task, TaskConfig::every(Duration::from_secs(1800)).run_on_start(true))
        .build()
        .unwrap()
}

async fn rows(app: &App) -> Vec<(String, i64)> {
    let page = app.service("analytics").find(Query::new().limit(100).ascending("type")).await.unwrap();
    page.data.iter().map(|row| (row["type"].as_str().unwrap().to_owned(), row["count"].as_i64().unwrap())).collect()
}

#[tokio::test(start_paused = true)]
async fn a_cycle_stores_one_row_per_metric_and_tells_of_each() {
    let source = Told::default();
    source.say(&[("activeChannels", Ok(2)), ("instanceUsers", Ok(5))]);
    let app = app(&source);
    let mut created = app.events().subscribe().of_service("analytics").of_kind(EventKind::Created);
    let run = app.tasks().run_and_wait(&app, "analytics").await.unwrap();
    assert_eq!(run.outcome, Some(Outcome::Succeeded));
    assert_eq!(run.result, json!({"stored": {"activeChannels": 2, "instanceUsers": 5}}));
    assert_eq!(rows(&app).await, [("activeChannels".to_owned(), 2), ("instanceUsers".to_owned(), 5)]);
    let metrics = app.metrics().encode();
    let figures: Vec<&str> = metrics.lines().filter(|line| line.starts_with("taskserver_analytics_figure{")).collect();
    let expected = ["{type=\"activeChannels\"} 2.0", "{type=\"instanceUsers\"} 5.0"];
    assert_eq!(figures, expected.map(|figure| format!("taskserver_analytics_figure{figure}")));
    for metric in ["activeChannels", "instanceUsers"] {
        let event = created.next().await.unwrap().unwrap();
        assert_eq!(event.record["type"], metric);
        assert_eq!(event.record["id"], row_id(metric, run.scheduled).to_string());
    }
}

#[tokio::test(start_paused = true)]
async fn a_source_that_fails_does_not_keep_the_figures_of_another_from_being_stored() {
    let (first, second) = (Told::default(), Told::default());
    let app = App::builder()
        .service("analytics", analytics())
        .task(AnalyticsTask::new(first.clone()).with(second.clone()))
        .build()
        .unwrap();
    second.say(&[("gameServers", Ok(3))]);
    let run = app.tasks().run_and_wait(&app, "analytics").await.unwrap();
    assert_eq!(run.error.as_deref(), Some("the figures cannot be read: the database is gone"));
    assert_eq!(rows(&app).await, [("gameServers".to_owned(), 3)]);
    first.say(&[("activeChannels", Ok(2))]);
    let run = app.tasks().run_and_wait(&app, "analytics").await.unwrap();
    assert_eq!(run.result, json!({"stored": {"activeChannels": 2}, "alreadyStored": ["gameServers"]}));
}

#[tokio::test(start_paused = true)]
async fn two_servers_that_run_one_cycle_store_it_once() {
    let source = Told::default();
    source.say(&[("activeChannels", Ok(2))]);
    // One table, two apps: what the second finds, the first has stored.
    let app = app(&source);
    app.start();
    tokio::time::sleep(Duration::from_secs(1)).await;
    let scheduled: Timestamp = "2026-01-01T00:00:00Z".parse().unwrap();
    let id = row_id("activeChannels", scheduled).to_string();
    assert_eq!(app.service("analytics").get(&id).await.unwrap()["count"], 2);

    let again = App::builder()
        .service("analytics", Forward(app.clone()))
        .clock(TokioClock::starting_at("2026-01-01T00:20:00Z".parse().unwrap()))
        .task_with(AnalyticsTask::new(source.clone()), TaskConfig::every(Duration::from_secs(1800)).run_on_start(true))
        .build()
        .unwrap();
    again.start();
    tokio::time::sleep(Duration::from_secs(1)).await;
    let run = again.tasks().status("analytics").unwrap().last_run.unwrap();
    assert_eq!(run.scheduled, scheduled);
    assert_eq!(run.result, json!({"stored": {}, "alreadyStored": ["activeChannels"]}));
    assert_eq!(rows(&app).await.len(), 1);
}

/// The analytics service of another app: a table that two servers share.
struct Forward(App);

#[async_trait]
impl Service for Forward {
    fn schema(&self) -> &Schema {
        self.0.services().get("analytics").unwrap().schema()
    }
    fn methods(&self) -> &[Method] {
        &Method::ALL
    }
    async fn create(&self, data: Checked, _: &Params) -> Result<Record, ServiceError> {
        self.0.service("analytics").create(Value::Object(data.into_record())).await
    }
    async fn create_many(&self, data: Vec<Checked>, _: &Params) -> Result<Vec<Record>, ServiceError> {
        let data = data.into_iter().map(Checked::into_record).collect();
        self.0.service("analytics").create_many(data).await
    }
}

#[tokio::test(start_paused = true)]
async fn a_metric_that_fails_fails_the_run_and_keeps_no_other_from_being_stored() {
    let source = Told::default();
    source.say(&[
        ("activeChannels", Ok(2)),
        ("broken", Err(FigureError::Failed("timed out after 5s".into()))),
        ("tooMany", Ok(3_000_000_000)),
        ("instanceUsers", Ok(5)),
    ]);
    let app = app(&source);
    let run = app.tasks().run_and_wait(&app, "analytics").await.unwrap();
    assert_eq!(run.outcome, Some(Outcome::Failed));
    assert_eq!(
        run.error.unwrap(),
        "2 of 4 metrics failed: broken: timed out after 5s; tooMany: `count` must be an integer from -2147483648 to 2147483647"
    );
    assert_eq!(rows(&app).await, [("activeChannels".to_owned(), 2), ("instanceUsers".to_owned(), 5)]);
}

#[tokio::test(start_paused = true)]
async fn a_metric_that_this_deployment_cannot_have_is_no_failure() {
    let source = Told::default();
    source.say(&[("activeChannels", Err(FigureError::Disabled("there is no table `channel`".into()))), ("x", Ok(1))]);
    let app = app(&source);
    let run = app.tasks().run_and_wait(&app, "analytics").await.unwrap();
    assert_eq!(run.outcome, Some(Outcome::Succeeded));
    assert_eq!(run.result, json!({"stored": {"x": 1}, "disabled": {"activeChannels": "there is no table `channel`"}}));
}

#[tokio::test(start_paused = true)]
async fn a_source_without_an_answer_fails_the_run_with_its_cause() {
    let app = app(&Told::default());
    let run = app.tasks().run_and_wait(&app, "analytics").await.unwrap();
    assert_eq!(run.error.unwrap(), "the figures cannot be read: the database is gone");
}

#[tokio::test(start_paused = true)]
async fn daily_figures_are_asked_for_by_action() {
    let source = Told::default();
    let app = app(&source);
    let find = async |query: Value| app.service("analytics").find(Query::parse(&query).unwrap()).await;

    let page = find(json!({"action": "dailyUsers", "$limit": 3})).await.unwrap();
    assert_eq!((page.total, page.limit, page.skip, page.data.len()), (3, 3, 0, 3));
    let yesterday = json!({
        "id": "", "count": 1, "type": "",
        "createdAt": "2025-12-31T00:10:00.000Z", "updatedAt": "2025-12-31T00:10:00.000Z"
    });
    assert_eq!(Value::Object(page.data[1].clone()), yesterday);

    let page = find(json!({"action": "dailyNewUsers"})).await.unwrap();
    assert_eq!((page.total, page.data.len(), &page.data[29]["count"]), (30, 30, &json!(1029)));
    let error = find(json!({"action": "weeklyUsers"})).await.unwrap_err();
    assert_eq!(error.to_string(), "`action` must be dailyUsers or dailyNewUsers");
    assert_eq!(find(json!({"type": "x"})).await.unwrap().total, 0);
}

#[derive(Clone, Default)]
struct Pruner(Arc<Mutex<Vec<String>>>);

#[async_trait]
impl RowPruner for Pruner {
    async fn prune_older_than(&self, moment: Timestamp) -> Result<u64, TaskError> {
        self.0.lock().unwrap().push(format!("older than {moment}"));
        Ok(7)
    }
    async fn prune_all_but(&self, rows: u64) -> Result<u64, TaskError> {
        self.0.lock().unwrap().push(format!("all but {rows}"));
        Ok(2)
    }
}

#[tokio::test(start_paused = true)]
async fn maintenance_does_what_the_retention_says_at_the_time() {
    let (pruner, retention) = (Pruner::default(), Arc::new(Mutex::new(Retention::default())));
    let app = App::builder()
        .clock(TokioClock::starting_at("2026-01-08T00:00:00Z".parse().unwrap()))
        .task(MaintenanceTask::new(pruner.clone(), Arc::clone(&retention)))
        .build()
        .unwrap();
    let run = async || app.tasks().run_and_wait(&app, "analytics-maintenance").await.unwrap().result;
    assert_eq!(run().await, json!({"tooOld": 0, "tooMany": 0}));
    assert_eq!(*pruner.0.lock().unwrap(), Vec::<String>::new());

    *retention.lock().unwrap() = Retention { max_age: Some(Duration::from_secs(7 * 86400)), max_rows: Some(100) };
    assert_eq!(run().await, json!({"tooOld": 7, "tooMany": 2}));
    assert_eq!(*pruner.0.lock().unwrap(), ["older than 2026-01-01T00:00:00Z", "all but 100"]);
}
