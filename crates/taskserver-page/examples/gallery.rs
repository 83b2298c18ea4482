//! Writes the pages of a made-up server into a folder, to look at them: `cargo run -p taskserver-page --example gallery -- FOLDER
//! [failing|empty]`.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use taskserver_core::{
    App, Field, FieldType, Health, HistoryError, MemoryService, Outcome, Run, RunHistory, Schema, Task, TaskConfig,
    TaskContext, TaskError, date_time,
};
use taskserver_page::view::{Setting, Visitor};
use taskserver_page::{Asset, Request, StatusPage};
use tokio::sync::watch;

#[derive(Clone, Copy, PartialEq)]
enum State {
    Working,
    Failing,
    Empty,
}

struct Pretend(&'static str, TaskConfig, bool);

impl Task for Pretend {
    type Output = Value;

    fn name(&self) -> &str {
        self.0
    }

    fn defaults(&self) -> TaskConfig {
        self.1.clone()
    }

    async fn run(&self, _: &TaskContext) -> Result<Value, TaskError> {
        if self.2 {
            return Err(
                "2 of 6 metrics failed: channelUsers: no answer within 60 s; instanceUsers: no answer within 60 s"
                    .into(),
            );
        }
        Ok(json!({"stored": {"activeChannels": 3, "activeInstances": 14, "instanceUsers": 112}}))
    }
}

/// Runs that never were.
struct Past(State);

#[async_trait::async_trait]
impl RunHistory for Past {
    async fn started(&self, _: &Run) -> Result<(), HistoryError> {
        Ok(())
    }

    async fn finished(&self, _: &Run) -> Result<(), HistoryError> {
        Ok(())
    }

    async fn recent(&self, task: &str, limit: usize) -> Result<Vec<Run>, HistoryError> {
        if self.0 == State::Empty {
            return Ok(Vec::new());
        }
        let now = Timestamp::now();
        let run = |index: usize| {
            let scheduled = now - SignedDuration::from_mins(30 * index as i64 + 4);
            let wave = ((index * 7 + task.len()) as f64 / 3.0).sin();
            let outcome = match index {
                0..3 if self.0 == State::Failing && task == "analytics" => Outcome::TimedOut,
                11 if task == "analytics" => Outcome::Failed,
                17 => Outcome::Skipped,
                23 if task == "monitoring" => Outcome::Lost,
                _ => Outcome::Succeeded,
            };
            let mut run: Run = serde_json::from_value(json!({
                "id": format!("00000000-0000-4000-8000-{index:012}"), "task": task, "scheduled": scheduled, "trigger": "schedule",
                "started": scheduled, "finished": scheduled, "durationSeconds": 0.031 + wave * 0.012, "attempt": 1,
                "instance": "taskserver-7c9f-x2v4q", "outcome": "succeeded", "error": null,
                "result": {"stored": {"activeChannels": 3, "activeInstances": 14}}
            }))
            .expect("a run");
            run.outcome = Some(outcome);
            if outcome != Outcome::Succeeded {
                run.error = Some("the figures cannot be read: no connection within 10 s".to_owned());
                run.result = Value::Null;
            }
            run
        };
        Ok((0..limit).map(run).collect())
    }
}

fn schema(fields: &[(&str, FieldType)]) -> Schema {
    Schema::new(fields.iter().map(|(name, field_type)| Field::nullable(name, *field_type)))
}

async fn app(state: State) -> App {
    let (text, number, moment) = (FieldType::TEXT, FieldType::INT, FieldType::DateTime);
    let long = FieldType::String { max: 100_000 };
    let rollups = MemoryService::new(schema(&[
        ("id", FieldType::ID),
        ("type", text),
        ("period", number),
        ("start", moment),
        ("last", number),
        ("lastAt", moment),
        ("min", number),
        ("max", number),
    ]));
    let events = MemoryService::new(schema(&[
        ("id", FieldType::ID),
        ("type", text),
        ("reason", text),
        ("message", long),
        ("namespace", text),
        ("involvedKind", text),
        ("involvedName", text),
        ("time", moment),
        ("occurrences", number),
        ("reportingComponent", text),
    ]));
    let counts = MemoryService::new(schema(&[
        ("id", FieldType::ID),
        ("reason", text),
        ("type", text),
        ("period", number),
        ("start", moment),
        ("count", number),
    ]));
    let alerts = MemoryService::new(schema(&[
        ("id", FieldType::ID),
        ("rule", text),
        ("level", text),
        ("title", text),
        ("message", long),
        ("state", text),
        ("firstSeen", moment),
        ("lastSeen", moment),
        ("source", text),
        ("deliveries", number),
        ("events", number),
    ]));
    let receivers = MemoryService::new(schema(&[
        ("id", text),
        ("failures", number),
        ("nextAttemptAt", moment),
        ("lastError", long),
        ("deliveredAt", moment),
    ]));
    let reports = MemoryService::new(schema(&[
        ("id", FieldType::ID),
        ("name", text),
        ("title", text),
        ("markdown", long),
        ("createdAt", moment),
    ]));
    let jobs = MemoryService::new(schema(&[
        ("id", FieldType::ID),
        ("name", text),
        ("queue", text),
        ("state", text),
        ("runAt", moment),
        ("finishedAt", moment),
        ("attempt", number),
        ("maxAttempts", number),
        ("worker", text),
        ("error", long),
    ]));
    let analytics = MemoryService::new(schema(&[
        ("id", FieldType::ID),
        ("action", text),
        ("count", number),
        ("createdAt", moment),
    ]));
    let failing = state == State::Failing;
    let app = App::builder()
        .instance("taskserver-7c9f-x2v4q")
        .history(Past(state))
        .service("analytics-rollup", rollups)
        .service("analytics", analytics)
        .service("k8s-event", events)
        .service("k8s-event-count", counts)
        .service("alert", alerts)
        .service("alert-receiver", receivers)
        .service("report", reports)
        .service("job", jobs)
        .task(Pretend("analytics", TaskConfig::every(Duration::from_secs(1800)).retries(3), failing))
        .task(Pretend("analytics-maintenance", TaskConfig::every(Duration::from_secs(3600)), false))
        .task(Pretend("kubernetes-events-maintenance", TaskConfig::every(Duration::from_secs(3600)), false))
        .task(Pretend("monitoring", TaskConfig::every(Duration::from_secs(15)), false))
        .task(Pretend("weekly-report", TaskConfig::cron_in("0 6 * * MON", "Europe/Berlin").expect("a pattern"), false))
        .build()
        .expect("an app");
    let report = |name: &str, required, health| app.health().register(name, required).report(health);
    report(
        "database",
        true,
        if failing {
            Health::Down("cannot connect to 10.3.0.12:3306: connection refused (os error 111)".to_owned())
        } else {
            Health::Ready
        },
    );
    report(
        "redis",
        false,
        if failing { Health::Degraded("reconnecting; 12 events wait".to_owned()) } else { Health::Ready },
    );
    report("kubernetes", false, Health::Ready);
    report(
        "kubernetes-events",
        false,
        if failing {
            Health::Down(
                "events is forbidden: User \"system:serviceaccount:ir:default\" cannot list resource \"events\""
                    .to_owned(),
            )
        } else {
            Health::Ready
        },
    );
    report("leadership", false, Health::Ready);
    if state != State::Empty {
        fill(&app, failing).await;
        app.start();
        for task in ["analytics", "monitoring", "weekly-report"] {
            let run = app.tasks().run_now(&app, task);
            drop(run);
        }
        tokio::time::sleep(Duration::from_millis(300)).await;
        let _ = app.tasks().pause("weekly-report");
    }
    app
}

async fn create(app: &App, service: &str, record: Value) {
    app.service(service).create(record).await.expect("a record");
}

async fn fill(app: &App, failing: bool) {
    let now = Timestamp::now();
    let ago = |seconds: i64| date_time(now - SignedDuration::from_secs(seconds));
    let names = [
        "instanceUsers",
        "channelUsers",
        "activeInstances",
        "activeLocations",
        "activeScenes",
        "activeChannels",
        "paidSeats",
    ];
    for (place, name) in names.into_iter().enumerate() {
        let scale = [140.0, 60.0, 18.0, 12.0, 9.0, 30.0, 4200.0][place];
        for (period, count) in [(900_i64, 96_i64), (7200, 84), (21_600, 120)] {
            for index in 0..count {
                if (name == "channelUsers" && (30..41).contains(&index))
                    || (name == "activeScenes" && index < 60)
                    || (period == 900 && index % 2 == 0)
                {
                    continue;
                }
                if failing && index < 5 {
                    continue;
                }
                let age = index * period;
                let day = (age as f64 / 86_400.0 * std::f64::consts::TAU).cos();
                let noise = (index as f64 * 1.7 + place as f64).sin() * 0.1;
                let value = (scale * (0.55 + 0.4 * day + noise)).max(0.0) as i64;
                let spread = (scale * 0.08) as i64;
                create(app, "analytics-rollup", json!({
                    "type": name, "period": period, "start": ago(age + period / 2), "last": value, "lastAt": ago(age),
                    "min": (value - spread).max(0), "max": value + spread
                }))
                .await;
            }
        }
    }
    let reasons = [
        "BackOff",
        "Unhealthy",
        "FailedScheduling",
        "Pulled",
        "Started",
        "Killing",
        "ScalingReplicaSet",
        "SuccessfulCreate",
    ];
    for (place, reason) in reasons.into_iter().enumerate() {
        for hour in 0..24_i64 {
            let start = now.as_second().div_euclid(3600) * 3600 - hour * 3600;
            let count = ((hour as f64 / 3.0 + place as f64).sin() * 9.0 + 10.0) as i64 / (place as i64 + 1);
            create(
                app,
                "k8s-event-count",
                json!({
                    "reason": reason, "type": if place < 3 { "Warning" } else { "Normal" }, "period": 3600,
                    "start": date_time(Timestamp::from_second(start).expect("a moment")), "count": count
                }),
            )
            .await;
        }
    }
    let messages = [
        (
            "Warning",
            "BackOff",
            "Back-off restarting failed container instanceserver in pod ir-dev-instanceserver-9d7bf_ir(e21c)",
            37,
        ),
        ("Normal", "Started", "Started container instanceserver", 1),
        (
            "Warning",
            "FailedScheduling",
            "0/4 nodes are available: 1 Insufficient memory, 3 node(s) didn't match Pod's node affinity/selector.",
            4,
        ),
        (
            "Warning",
            "<script>alert(1)</script>",
            "<img src=x onerror=alert(document.domain)> \u{202e}gnp.exe\u{202c} \u{200b}invisible, and a very long word: AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\u{7}",
            1,
        ),
        ("Normal", "Pulled", "Container image \"ghcr.io/ir-engine/ir-engine:1.6.2\" already present on machine", 2),
        ("Warning", "Unhealthy", "Readiness probe failed: HTTP probe failed with statuscode: 503", 1210),
    ];
    for index in 0..64_usize {
        let (kind, reason, message, occurrences) = messages[index % messages.len()];
        create(
            app,
            "k8s-event",
            json!({
                "type": kind, "reason": reason, "message": message, "namespace": "ir-engine", "involvedKind": "Pod",
                "involvedName": format!("ir-dev-instanceserver-9d7bf-{index:04}"), "time": ago(index as i64 * 97 + 12),
                "occurrences": occurrences, "reportingComponent": "kubelet"
            }),
        )
        .await;
    }
    if failing {
        create(app, "alert", json!({
            "id": "a1", "rule": "crash-loop", "level": "critical", "title": "Pod ir-dev-instanceserver-9d7bf is crash-looping",
            "message": "Back-off restarting failed container instanceserver", "state": "firing", "firstSeen": ago(5400), "lastSeen": ago(60), "events": 37
        })).await;
    }
    create(app, "alert", json!({
        "id": "a2", "rule": "scheduling", "level": "warning", "title": "Pods cannot be scheduled in ir-engine", "message": "0/4 nodes are available",
        "state": "resolved", "firstSeen": ago(90_000), "lastSeen": ago(80_000), "events": 4
    })).await;
    create(app, "alert-receiver", json!({"id": "on-call", "failures": 0, "deliveredAt": ago(50)})).await;
    if failing {
        let error = "https://chat.example.com/hook answered 503";
        create(
            app,
            "alert-receiver",
            json!({"id": "chat", "failures": 4, "lastError": error, "nextAttemptAt": ago(-240)}),
        )
        .await;
    }
    let markdown = "# Week 47\n\n| figure | average | peak |\n| --- | --- | --- |\n| instanceUsers | 112 | 304 |\n";
    create(
        app,
        "report",
        json!({"name": "weekly", "title": "The week of 16 November", "markdown": markdown, "createdAt": ago(4000)}),
    )
    .await;
    for (index, state) in ["running", "queued", "dead", "succeeded", "succeeded"].into_iter().enumerate() {
        create(app, "job", json!({
            "name": "send-digest", "queue": "default", "state": state, "runAt": ago(index as i64 * 60), "attempt": index + 1, "maxAttempts": 10,
            "worker": (state == "running").then_some("taskserver-0"), "error": (state == "dead").then_some("the mail server answered 550"),
        }))
        .await;
    }
    for day in 0..30_i64 {
        for (action, scale) in [("dailyUsers", 900.0), ("dailyNewUsers", 60.0)] {
            let count = (scale * (1.0 + 0.3 * (day as f64 * 0.9).sin())) as i64;
            create(app, "analytics", json!({"action": action, "count": count, "createdAt": ago(day * 86_400)})).await;
        }
    }
}

fn write(folder: &Path, path: &str, contents: &str) {
    let file = folder.join(path.trim_start_matches('/'));
    std::fs::create_dir_all(file.parent().expect("a folder")).expect("a folder");
    std::fs::write(file, contents).expect("a file");
}

#[tokio::main]
async fn main() {
    let mut arguments = std::env::args().skip(1);
    let folder = arguments.next().expect("give a folder");
    let state = match arguments.next().as_deref() {
        Some("failing") => State::Failing,
        Some("empty") => State::Empty,
        _ => State::Working,
    };
    let folder = Path::new(&folder);
    let settings: Vec<Setting> =
        [("http.port", "5050", "defaults"), ("database.url", "\"mysql://server:***@db/ir\"", "variable MYSQL_URL")]
            .map(|(key, value, source)| Setting { key: key.into(), value: value.into(), source: source.into() })
            .to_vec();
    let (_keep, settings) = watch::channel(Arc::from(settings));
    let page = StatusPage::new(app(state).await).identity("taskserver-7c9f-x2v4q").settings(settings);
    for _ in 0..2 {
        // The users by day are there the second time.
        page.answer(&Request::new("/")).await;
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    let visitor = Visitor::Operator("operator".to_owned());
    for (path, query, file) in [
        ("/", "", "index.html"),
        ("/", "range=7d", "week.html"),
        ("/tasks/analytics", "", "task.html"),
        ("/events", "", "events.html"),
        ("/alerts", "", "alerts.html"),
        ("/jobs", "", "jobs.html"),
        ("/reports", "", "reports.html"),
        ("/configuration", "", "configuration.html"),
        ("/nothing", "", "missing.html"),
    ] {
        let answer = page.answer(&Request { path, query, visitor: visitor.clone() }).await;
        write(folder, file, &answer.html);
        for found in answer.html.match_indices("\"/assets/").map(|(at, _)| &answer.html[at + 1..]) {
            let path = &found[..found.find('"').unwrap_or_default()];
            let asset: &Asset = page.asset(path).expect("an asset");
            write(folder, path, asset.body);
        }
    }
    write(folder, "login.html", &page.sign_in("/", Some("Not authenticated")).html);
}
