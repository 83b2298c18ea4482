//! Events as rows, on every kind of database.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails; clippy.toml excepts only the test functions")]

mod common;

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures_util::StreamExt as _;
use jiff::Timestamp;
use serde_json::{Value, json};
use task_k8s_events::{
    Batch, CollectorOptions, EventRecord, EventRetention, EventStore, EventStoreError, EventWriter, Gap, GapReason,
    Keep, MIGRATIONS, Outcome, Point, RetentionTask, Series, event_services,
};
use taskserver_core::{App, Comparison, LeaseRecord, LeaseStore as _, Query};
use taskserver_store::{Fence, LEADERSHIP, SqlLease, Store, StoreOptions};
use taskserver_tests::kubernetes::ApiServer;
use taskserver_tests::{TestDatabase, for_each_backend};

use common::{
    Batches, EVENTS, batch, collector, event, next_batch, options, recorded_watch, replay, resource_version, revision,
    time, write, write_many,
};

async fn store(database: &TestDatabase) -> Store {
    let store = Store::new(StoreOptions::new(database.url()).unwrap()).unwrap();
    store.migrate_with(MIGRATIONS).await.unwrap();
    store
}

fn app(store: &Store) -> App {
    let services = event_services(store).into_iter();
    services.fold(App::builder(), |app, (path, service)| app.service(path, service)).build().unwrap()
}

async fn writer(store: &Store) -> EventWriter {
    EventStore::new(store.clone(), "test").claim().await.unwrap()
}

/// Stores batches until the newest version of the server is stored.
async fn catch_up(server: &ApiServer, writer: &mut EventWriter, batches: &mut Batches) {
    let newest = server.changes().last().map(|change| change.revision);
    loop {
        let batch = next_batch(batches).await;
        writer.store(&batch).await.unwrap();
        if batch.changes.iter().any(|change| change.event.resource_version.number() == newest) {
            return;
        }
    }
}

async fn count(app: &App, path: &str, query: Query) -> u64 {
    app.service(path).find(query).await.unwrap().total
}

async fn names(app: &App) -> Vec<String> {
    let page = app.service("k8s-event").find(Query::new().ascending("name").limit(1000)).await.unwrap();
    page.data.iter().map(|record| record["name"].as_str().unwrap().to_owned()).collect()
}

for_each_backend! {
    async fn the_recorded_events_make_119_rows_and_back_off_one_with_the_count_25(database: TestDatabase) {
        let store = store(&database).await;
        let app = app(&store);
        let server = ApiServer::start().await;
        let lines = recorded_watch();
        let (listed, later): (Vec<_>, Vec<_>) = lines.iter().partition(|line| revision(&line["object"]) <= Some(662));
        // The first half is listed, the second watched: the increments of BackOff come in both ways.
        let (first, second) = listed.split_at(listed.len() / 2);
        replay(&server, first.iter().copied());
        let mut writer = writer(&store).await;
        let mut batches = collector(&server, CollectorOptions { page_size: 7, ..options() }).stream(None);
        catch_up(&server, &mut writer, &mut batches).await;
        replay(&server, second.iter().copied());
        catch_up(&server, &mut writer, &mut batches).await;

        assert_eq!(count(&app, "k8s-event", Query::new().limit(0)).await, 119);
        let back_off = app.service("k8s-event").find(Query::new().eq("reason", "BackOff")).await.unwrap();
        assert_eq!(back_off.total, 1);
        let back_off = &back_off.data[0];
        let line = listed.iter().rfind(|line| line["object"]["reason"] == "BackOff").unwrap();
        let object = &line["object"];
        assert_eq!((&back_off["count"], &back_off["occurrences"]), (&json!(25), &json!(25)));
        for (column, expected) in [
            ("uid", &object["metadata"]["uid"]),
            ("namespace", &object["metadata"]["namespace"]),
            ("name", &object["metadata"]["name"]),
            ("resourceVersion", &object["metadata"]["resourceVersion"]),
            ("involvedKind", &object["involvedObject"]["kind"]),
            ("involvedNamespace", &object["involvedObject"]["namespace"]),
            ("involvedName", &object["involvedObject"]["name"]),
            ("involvedUid", &object["involvedObject"]["uid"]),
            ("involvedFieldPath", &object["involvedObject"]["fieldPath"]),
            ("involvedApiVersion", &object["involvedObject"]["apiVersion"]),
            ("type", &object["type"]),
            ("message", &object["message"]),
            ("sourceComponent", &object["source"]["component"]),
            ("sourceHost", &object["source"]["host"]),
        ] {
            assert!(expected.is_string(), "{column}: {object}");
            assert_eq!(&back_off[column], expected, "{column}");
        }
        for (column, field) in [("firstSeen", "firstTimestamp"), ("lastSeen", "lastTimestamp"), ("time", "lastTimestamp")] {
            assert_eq!(back_off[column], taskserver_core::date_time(time(object[field].as_str().unwrap())), "{column}");
        }
        assert_eq!(back_off["deletedAt"], Value::Null);

        replay(&server, later.iter().copied());
        catch_up(&server, &mut writer, &mut batches).await;
        assert_eq!(count(&app, "k8s-event", Query::new().limit(0)).await, 122);
        assert_eq!(count(&app, "k8s-event-gap", Query::new().limit(0)).await, 0);
    }

    async fn a_crash_between_two_batches_loses_nothing_and_repeats_nothing(database: TestDatabase) {
        let store = store(&database).await;
        let server = ApiServer::start().await;
        write_many(&server, 50);
        let options = || CollectorOptions { page_size: 10, ..options() };
        {
            let mut writer = writer(&store).await;
            let mut batches = collector(&server, options()).stream(writer.cursor().cloned());
            for _ in 0..2 {
                let outcomes = writer.store(&next_batch(&mut batches).await).await.unwrap();
                assert_eq!(outcomes, [Outcome::Created { occurrences: 1 }; 10]);
            }
            // The third page is read, and then everything ends.
            assert_eq!(next_batch(&mut batches).await.changes.len(), 10);
        }
        let mut writer = writer(&store).await;
        let mut batches = collector(&server, options()).stream(writer.cursor().cloned());
        for _ in 0..3 {
            let outcomes = writer.store(&next_batch(&mut batches).await).await.unwrap();
            assert_eq!(outcomes, [Outcome::Created { occurrences: 1 }; 10]);
        }
        let names = names(&app(&store)).await;
        assert_eq!(names.len(), 50);
        assert_eq!(names.iter().collect::<BTreeSet<_>>().len(), 50);
        assert_eq!(server.requests().len(), 6, "no page but the third is asked for twice");
    }

    async fn a_collector_that_was_superseded_stores_nothing_any_more(database: TestDatabase) {
        let store = store(&database).await;
        let mut first = writer(&store).await;
        first.store(&batch([event("a", "1")])).await.unwrap();
        let mut second = writer(&store).await;
        assert_eq!(second.cursor(), first.cursor(), "the second goes on where the first has come to");
        let error = first.store(&batch([event("b", "2")])).await.unwrap_err();
        assert_eq!(
            error.to_string(),
            "another collector has begun to store the events of the cluster \"test\", and this one stores nothing any \
             more: run one for each name of a cluster, or let the replicas elect a leader"
        );
        second.store(&batch([event("c", "3")])).await.unwrap();
        assert_eq!(names(&app(&store)).await, ["event-a", "event-c"]);
    }

    async fn of_collectors_that_run_at_once_each_event_is_stored_once(database: TestDatabase) {
        let store = store(&database).await;
        let app = app(&store);
        let server = ApiServer::start().await;
        write_many(&server, 200);
        let collect = || async {
            let mut writer = writer(&store).await;
            let options = CollectorOptions { page_size: 9, ..options() };
            let mut batches = collector(&server, options).stream(writer.cursor().cloned());
            let mut created = 0;
            // A watch that lasts its second without an event ends in a batch, too.
            while count(&app, "k8s-event", Query::new().limit(0)).await < 200 {
                let batch = batches.next().await.unwrap().unwrap();
                match writer.store(&batch).await {
                    Ok(outcomes) => {
                        created += outcomes.iter().filter(|it| matches!(it, Outcome::Created { .. })).count();
                    }
                    Err(EventStoreError::Superseded { .. }) => break,
                    Err(error) => panic!("{error}"),
                }
            }
            created
        };
        let created: usize = futures_util::future::join_all((0..3).map(|_| collect())).await.into_iter().sum();
        assert_eq!(created, 200);
        assert_eq!(names(&app).await.len(), 200);
    }

    async fn a_stale_version_changes_nothing(database: TestDatabase) {
        let store = store(&database).await;
        let app = app(&store);
        let mut writer = writer(&store).await;
        let counted = |version, count| EventRecord { count: Some(count), ..event("a", version) };
        for (events, outcomes, version) in [
            (vec![counted("999", 3)], vec![Outcome::Created { occurrences: 3 }], "999"),
            // As numbers, not as texts.
            (vec![counted("1000", 5)], vec![Outcome::Updated { occurrences: 2 }], "1000"),
            (vec![counted("999", 3)], vec![Outcome::Stale], "1000"),
            (vec![counted("1000", 5)], vec![Outcome::Stale], "1000"),
            // Several versions at once, and not in their order.
            (
                vec![counted("1001", 6), counted("1003", 9), counted("1002", 7)],
                vec![Outcome::Updated { occurrences: 1 }, Outcome::Updated { occurrences: 3 }, Outcome::Stale],
                "1003",
            ),
        ] {
            assert_eq!(writer.store(&batch(events)).await.unwrap(), outcomes);
            let page = app.service("k8s-event").find(Query::new()).await.unwrap();
            assert_eq!((page.total, &page.data[0]["resourceVersion"]), (1, &json!(version)));
        }
    }

    async fn what_is_deleted_in_the_cluster_stays_with_the_time(database: TestDatabase) {
        let store = store(&database).await;
        let app = app(&store);
        let server = ApiServer::start().await;
        write(&server, "default", "kept");
        let gone = write(&server, "default", "gone");
        let mut writer = writer(&store).await;
        let mut batches = collector(&server, options()).stream(None);
        writer.store(&next_batch(&mut batches).await).await.unwrap();
        let started = Timestamp::now();
        server.delete(EVENTS, "default", "gone");
        catch_up(&server, &mut writer, &mut batches).await;
        let deleted = app.service("k8s-event").find(Query::new().compare("deletedAt", Comparison::Ne, Value::Null)).await.unwrap();
        assert_eq!(deleted.total, 1);
        assert_eq!(deleted.data[0]["uid"], gone["metadata"]["uid"]);
        let at = time(deleted.data[0]["deletedAt"].as_str().unwrap());
        assert!(at.as_millisecond() >= started.as_millisecond() && at <= Timestamp::now(), "{at}");
        assert_eq!(names(&app).await, ["gone", "kept"]);
    }

    async fn a_gap_is_a_row_and_only_once(database: TestDatabase) {
        let store = store(&database).await;
        let app = app(&store);
        let mut writer = writer(&store).await;
        let point = |version: &str, at| Point { resource_version: resource_version(version), at: time(at) };
        let gap = Gap {
            namespace: None,
            from: point("10", "2026-11-24T01:00:00Z"),
            to: point("20", "2026-11-24T02:30:00Z"),
            why: GapReason::Expired,
        };
        let batch = Batch { gap: Some(gap), ..batch([event("a", "20")]) };
        writer.store(&batch).await.unwrap();
        // As when the answer to the commit was lost.
        assert_eq!(writer.store(&batch).await.unwrap(), [Outcome::Stale]);
        let page = app.service("k8s-event-gap").find(Query::new()).await.unwrap();
        let mut gap = page.data[0].clone();
        for volatile in ["id", "createdAt", "updatedAt"] {
            assert!(gap.remove(volatile).is_some());
        }
        assert_eq!(page.total, 1);
        assert_eq!(
            Value::Object(gap),
            json!({
                "cluster": "test", "namespace": null, "from": "2026-11-24T01:00:00.000Z", "fromVersion": "10",
                "to": "2026-11-24T02:30:00.000Z", "toVersion": "20", "why": "expired"
            })
        );
    }

    async fn a_server_that_has_forgotten_leaves_a_gap(database: TestDatabase) {
        let store = store(&database).await;
        let app = app(&store);
        let server = ApiServer::start().await;
        write(&server, "default", "before");
        {
            let mut writer = writer(&store).await;
            let mut batches = collector(&server, options()).stream(None);
            writer.store(&next_batch(&mut batches).await).await.unwrap();
        }
        write(&server, "default", "lost");
        server.delete(EVENTS, "default", "lost");
        write(&server, "default", "after");
        server.compact(server.revision());
        let mut writer = writer(&store).await;
        let mut batches = collector(&server, options()).stream(writer.cursor().cloned());
        catch_up(&server, &mut writer, &mut batches).await;
        assert_eq!(names(&app).await, ["after", "before"]);
        assert_eq!(count(&app, "k8s-event-gap", Query::new().eq("why", "expired")).await, 1);
    }

    async fn odd_values_are_stored_as_well_as_can_be(database: TestDatabase) {
        let store = store(&database).await;
        let app = app(&store);
        let mut writer = writer(&store).await;
        let mut odd = event("odd", "etcd-7");
        odd.message = format!("nul \0, emoji \u{1F600}, and \u{fc} {}", "x".repeat(2_000_000));
        odd.reason = "r\0".into();
        odd.involved.name = "n".repeat(1000);
        odd.first_seen = Some(time("0800-01-01T00:00:00Z"));
        odd.last_seen = None;
        odd.event_time = Some(time("2026-11-24T01:34:02.123456789Z"));
        odd.series = Some(Series { count: i64::MAX, last_observed: None });
        odd.type_ = String::new();
        let plain = event("plain", "18446744073709551615");
        writer.store(&batch([odd.clone(), plain])).await.unwrap();
        let page = app.service("k8s-event").find(Query::new().eq("uid", "odd")).await.unwrap();
        let stored = &page.data[0];
        assert_eq!(stored["message"].as_str().unwrap(), odd.message.replace('\0', "\u{fffd}"));
        assert_eq!(stored["reason"], "r\u{fffd}");
        assert_eq!(stored["involvedName"], format!("{}… [1000 bytes]", "n".repeat(239)));
        assert_eq!(stored["firstSeen"], Value::Null);
        assert_eq!(stored["eventTime"], "2026-11-24T01:34:02.123Z");
        assert_eq!(stored["time"], "2026-11-24T01:34:02.123Z");
        assert_eq!(stored["occurrences"], json!(i64::MAX));
        assert_eq!(stored["type"], "");
        // Versions that are no numbers replace each other whenever they differ.
        odd.resource_version = resource_version("etcd-6");
        assert_eq!(writer.store(&batch([odd])).await.unwrap(), [Outcome::Updated { occurrences: 0 }]);
        assert_eq!(count(&app, "k8s-event", Query::new().eq("resourceVersion", "etcd-6")).await, 1);
    }

    async fn only_the_leader_of_this_term_stores(database: TestDatabase) {
        let store = store(&database).await;
        store.migrate().await.unwrap();
        let lease = SqlLease::new(&store, LEADERSHIP).unwrap();
        let of_term = |term| LeaseRecord {
            holder: Some("one".into()),
            term,
            duration: Duration::from_secs(15),
            version: String::new(),
        };
        let first = lease.write(None, &of_term(1)).await.unwrap().unwrap();
        let fenced = EventStore::new(store.clone(), "test").fenced(Fence::new(LEADERSHIP, 1));
        let mut writer = fenced.claim().await.unwrap();
        writer.store(&batch([event("a", "1")])).await.unwrap();

        lease.write(Some(&first), &of_term(2)).await.unwrap().unwrap();
        for error in [
            writer.store(&batch([event("b", "2")])).await.map(drop).unwrap_err(),
            fenced.claim().await.map(drop).unwrap_err(),
        ] {
            assert_eq!(error.to_string(), "the term 1 of the leadership `taskserver` is over; it is in term 2");
        }
        let app = app(&store);
        assert_eq!(names(&app).await, ["event-a"]);
        let next = EventStore::new(store, "test").fenced(Fence::new(LEADERSHIP, 2));
        next.claim().await.unwrap().store(&batch([event("c", "3")])).await.unwrap();
        assert_eq!(names(&app).await, ["event-a", "event-c"]);
    }

    async fn retention_keeps_warnings_longer_and_the_newest_of_each_type(database: TestDatabase) {
        let store = store(&database).await;
        let mut writer = writer(&store).await;
        let hours_ago = |hours: i64| Timestamp::now() - jiff::SignedDuration::from_hours(hours);
        let aged = |type_: &str, hours: i64| EventRecord {
            type_: type_.into(),
            last_seen: Some(hours_ago(hours)),
            ..event(&format!("{type_}-{hours:04}"), "1")
        };
        let events = (0..700).flat_map(|hours| ["Normal", "Warning"].map(|type_| aged(type_, hours)));
        let gap = |hours: i64| Gap {
            namespace: Some("default".into()),
            from: Point { resource_version: resource_version("1"), at: hours_ago(hours + 1) },
            to: Point { resource_version: resource_version("2"), at: hours_ago(hours) },
            why: GapReason::LatePoll,
        };
        writer.store(&Batch { gap: Some(gap(700)), ..batch(events) }).await.unwrap();
        writer.store(&Batch { gap: Some(gap(100)), ..batch([]) }).await.unwrap();

        let hours = |hours: u64| Some(Duration::from_secs(hours * 3600));
        let keep = Arc::new(Mutex::new(EventRetention {
            normal: Keep { max_age: hours(24), max_rows: Some(10) },
            warning: Keep { max_age: hours(600), max_rows: None },
            counts: hours(24),
        }));
        let services = event_services(&store).into_iter();
        let app = services.fold(App::builder(), |app, (path, service)| app.service(path, service));
        let app = app.task(RetentionTask::new(store.clone(), Arc::clone(&keep))).build().unwrap();
        let run = app.tasks().run_and_wait(&app, "kubernetes-events-maintenance").await.unwrap();
        // Those of hour 24 are a moment older than that.
        assert_eq!(run.result, json!({"tooOld": (700 - 24) + (700 - 600), "tooMany": 14, "gaps": 1}));
        let names = names(&app).await;
        let expected: BTreeSet<String> = (0..10).map(|hours| format!("event-Normal-{hours:04}")).collect();
        assert_eq!(names.iter().filter(|name| name.contains("Normal")).cloned().collect::<BTreeSet<_>>(), expected);
        assert_eq!(names.len(), 610);
        assert_eq!(count(&app, "k8s-event-gap", Query::new()).await, 1);
    }
}

for_each_backend! {
    async fn each_time_that_an_event_happened_is_counted_once_under_its_reason(database: TestDatabase) {
        let store = store(&database).await;
        let (app, mut writer) = (app(&store), writer(&store).await);
        let happened = |uid: &str, version: &str, reason: &str, count: i64, at: &str| EventRecord {
            reason: reason.into(),
            count: Some(count),
            last_seen: Some(time(at)),
            ..event(uid, version)
        };
        let early = [
            happened("a", "1", "BackOff", 3, "2026-11-24T10:59:59Z"),
            happened("b", "2", "BackOff", 1, "2026-11-24T10:00:00Z"),
            happened("c", "3", "Pulled", 1, "2026-11-24T10:30:00Z"),
        ];
        let late = happened("a", "4", "BackOff", 8, "2026-11-24T11:00:00Z");
        for _ in 0..2 {
            // What is listed again is not counted again.
            writer.store(&batch(early.clone())).await.unwrap();
            writer.store(&batch([late.clone(), late.clone()])).await.unwrap();
        }
        let counts = async |period: i64| {
            let query = Query::new().eq("period", period).ascending("start").ascending("reason");
            let page = app.service("k8s-event-count").find(query).await.unwrap();
            let count = |row: &taskserver_core::Record| json!([row["reason"], row["start"], row["count"]]);
            page.data.iter().map(count).collect::<Vec<_>>()
        };
        let (ten, eleven) = ("2026-11-24T10:00:00.000Z", "2026-11-24T11:00:00.000Z");
        assert_eq!(
            counts(3600).await,
            [json!(["BackOff", ten, 4]), json!(["Pulled", ten, 1]), json!(["BackOff", eleven, 5])]
        );
        let (six, midnight) = ("2026-11-24T06:00:00.000Z", "2026-11-24T00:00:00.000Z");
        assert_eq!(counts(21_600).await, [json!(["BackOff", six, 9]), json!(["Pulled", six, 1])]);
        assert_eq!(counts(86_400).await, [json!(["BackOff", midnight, 9]), json!(["Pulled", midnight, 1])]);
    }
}
