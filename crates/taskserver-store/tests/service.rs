//! Services over tables answer as the core defines it, on every database.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails; clippy.toml excepts only the test functions")]

use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use serde_json::{Value, json};
use taskserver_core::{App, ErrorKind, MemoryService, Page, Query, Record, Service, ServiceError, ServiceHandle};
use taskserver_store::{Store, StoreOptions, platform_services};
use taskserver_tests::{ALIKE_TEXTS, TestDatabase, for_each_backend};
use tokio::runtime::Handle;

fn store(database: &TestDatabase) -> Store {
    Store::new(StoreOptions::new(database.url()).unwrap()).unwrap()
}

/// One of the platform's services, in an app of its own.
fn service(store: &Store, path: &str) -> ServiceHandle {
    let (path, service) = platform_services(store).into_iter().find(|(name, _)| *name == path).unwrap();
    alone(path, service)
}

fn alone(path: &str, service: impl Service) -> ServiceHandle {
    App::builder().service(path, service).build().unwrap().service(path)
}

fn record(value: Value) -> Record {
    let Value::Object(record) = value else { panic!("not an object") };
    record
}

async fn find(service: &ServiceHandle, query: Value) -> Result<Page, ServiceError> {
    service.find(Query::parse(&query).unwrap()).await
}

for_each_backend! {
    async fn a_record_is_created_found_changed_and_removed(database: TestDatabase) {
        let store = store(&database);
        store.create_platform_tables().await.unwrap();
        let analytics = service(&store, "analytics");

        let created = analytics.create(json!({"type": "instanceUsers", "count": 3})).await.unwrap();
        let id = created["id"].as_str().unwrap().to_owned();
        assert_eq!(id.len(), 36);
        assert!(created["createdAt"].as_str().unwrap().ends_with(".000Z"), "{created:?}");
        assert_eq!(analytics.get(&id).await.unwrap(), created);

        let patch = json!({"count": null, "updatedAt": "2030-01-01T00:00:00.999Z"});
        let patched = analytics.patch(&id, patch).await.unwrap();
        let mut expected = created.clone();
        expected.insert("count".into(), Value::Null);
        expected.insert("updatedAt".into(), "2030-01-01T00:00:00.000Z".into());
        assert_eq!(patched, expected);

        let updated = analytics.update(&id, json!({"count": 5})).await.unwrap();
        assert_eq!(updated["count"], 5);
        assert_eq!(updated["type"], Value::Null);
        assert_eq!(updated["createdAt"], created["createdAt"]);
        assert_ne!(updated["updatedAt"], patched["updatedAt"]);

        assert_eq!(analytics.remove(&id).await.unwrap(), updated);
        for error in [
            analytics.get(&id).await.unwrap_err(),
            analytics.patch(&id, json!({"count": 1})).await.unwrap_err(),
            analytics.update(&id, json!({"count": 1})).await.unwrap_err(),
            analytics.remove(&id).await.unwrap_err(),
        ] {
            assert_eq!(error.kind(), ErrorKind::NotFound);
            assert_eq!(error.message(), format!("No record found for id '{id}'"));
        }
    }
}

for_each_backend! {
    async fn an_id_is_stored_once(database: TestDatabase) {
        let store = store(&database);
        store.create_platform_tables().await.unwrap();
        let analytics = service(&store, "analytics");
        let data = |count: u32| json!({"id": "one", "count": count});
        let (first, second) =
            tokio::join!(analytics.create(data(1)), analytics.create(data(2)));
        let (stored, refused) = if first.is_ok() { (first, second) } else { (second, first) };
        let stored = stored.unwrap();
        let refused = refused.unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::Conflict, "{refused:?}");
        assert_eq!(refused.message(), "a record with the id 'one' exists already");
        assert_eq!(analytics.get("one").await.unwrap(), stored);
    }
}

for_each_backend! {
    async fn several_records_are_created_all_or_none(database: TestDatabase) {
        let store = store(&database);
        store.create_platform_tables().await.unwrap();
        let analytics = service(&store, "analytics");
        let data = |ids: &[&str]| ids.iter().map(|id| record(json!({"id": id}))).collect();
        analytics.create_many(data(&["a", "b"])).await.unwrap();
        let error = analytics.create_many(data(&["c", "b"])).await.unwrap_err();
        assert_eq!((error.kind(), error.message()), (ErrorKind::Conflict, "a record with the id 'c' or 'b' exists already"));
        assert_eq!(find(&analytics, json!({})).await.unwrap().total, 2);
    }
}

for_each_backend! {
    async fn a_page_that_is_not_counted_knows_of_what_comes_before_it_alone(database: TestDatabase) {
        let store = store(&database);
        store.create_platform_tables().await.unwrap();
        let analytics = service(&store, "analytics");
        let data = ["a", "b", "c", "d"].map(|id| record(json!({"id": id}))).to_vec();
        analytics.create_many(data).await.unwrap();
        let query = Query::new().descending("id").skip(1).limit(2).uncounted();
        let page = analytics.find(query).await.unwrap();
        let ids: Vec<&str> = page.data.iter().map(|record| record["id"].as_str().unwrap()).collect();
        assert_eq!((ids, page.total), (vec!["c", "b"], 3));
        let counted = analytics.find(Query::new().limit(0).uncounted()).await.unwrap();
        assert_eq!(counted.total, 4);
    }
}

for_each_backend! {
    async fn wrong_data_and_queries_are_refused_before_they_reach_the_database(database: TestDatabase) {
        let store = store(&database);
        store.create_platform_tables().await.unwrap();
        let analytics = service(&store, "analytics");
        for (data, message) in [
            (json!({"type": "x".repeat(256)}), "`type` has 256 characters; at most 255 are stored"),
            (json!({"type": "a\0b"}), "`type` must not contain the character NUL"),
            (json!({"id": "a "}), "`id` must not end with a blank"),
            (json!({"count": 1.5}), "`count` must be an integer from -2147483648 to 2147483647"),
            (json!({"size": 1}), "there is no field `size`"),
            (json!({"createdAt": "0999-12-31T00:00:00Z"}), "`createdAt` must lie between the years 1000 and 9999"),
        ] {
            let error = analytics.create(data).await.unwrap_err();
            assert_eq!((error.kind(), error.message()), (ErrorKind::BadRequest, message));
        }
        for (query, message) in [
            (json!({"size": 1}), "Invalid query parameter size"),
            (json!({"$sort": {"size": 1}}), "Invalid query parameter size"),
            (json!({"type": "\0"}), "`type` must not contain the character NUL"),
            (json!({"$or": vec![json!({"count": 1}); 500]}), "The query has more than 500 conditions"),
            (json!({"count": {"$in": vec![1; 30_001]}}), "The query has more than 30000 values"),
        ] {
            let error = find(&analytics, query).await.unwrap_err();
            assert_eq!((error.kind(), error.message()), (ErrorKind::BadRequest, message));
        }
        let many = find(&analytics, json!({"type": {"$in": vec!["x"; 10_000]}})).await.unwrap();
        assert_eq!(many.total, 0);
        assert_eq!(analytics.get("a\0").await.unwrap_err().kind(), ErrorKind::NotFound);
    }
}

for_each_backend! {
    async fn other_tables_are_read_only(database: TestDatabase) {
        let store = store(&database);
        store.create_platform_tables().await.unwrap();
        database.execute(
            r#"INSERT INTO "user" ("id", "name", "isGuest", "ageVerified", "createdAt", "updatedAt")
               VALUES ('u', 'Ann', FALSE, TRUE, '2026-01-01 00:00:00', '2026-01-01 00:00:01')"#,
        );
        let users = service(&store, "user");
        let user = users.get("u").await.unwrap();
        assert_eq!(
            Value::Object(user),
            json!({
                "id": "u", "name": "Ann", "isGuest": false, "inviteCode": null, "did": null, "ageVerified": true,
                "isDeactivated": false, "deactivatedAt": null,
                "createdAt": "2026-01-01T00:00:00.000Z", "updatedAt": "2026-01-01T00:00:01.000Z"
            })
        );
        let (_, users) = platform_services(&store).into_iter().find(|(path, _)| *path == "user").unwrap();
        assert_eq!(users.methods(), taskserver_core::Method::READS);
        for path in ["channel", "instance", "instance-attendance", "location"] {
            let page = find(&service(&store, path), json!({"$limit": 3})).await.unwrap();
            assert_eq!((page.total, page.limit, page.data.len()), (0, 3, 0), "{path}");
        }
    }
}

for_each_backend! {
    async fn a_missing_table_or_column_is_named_and_disables_nothing_else(database: TestDatabase) {
        let store = store(&database);
        let analytics = service(&store, "analytics");
        let error = find(&analytics, json!({})).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unavailable);
        assert_eq!(error.message(), "The database of this deployment has no table `analytics`");

        database.execute(
            r#"CREATE TABLE analytics ("id" char(36) PRIMARY KEY, "count" int, "createdAt" varchar(30));
               INSERT INTO analytics VALUES ('a', 1, '2026-01-01 00:00:00')"#,
        );
        let page = find(&analytics, json!({"count": 1})).await.unwrap();
        assert_eq!(
            page.data[0].keys().collect::<Vec<_>>(),
            ["id", "count", "createdAt"],
            "the record goes without the column"
        );
        let error = find(&analytics, json!({"type": "x"})).await.unwrap_err();
        assert_eq!((error.kind(), error.message()), (ErrorKind::BadRequest, "Invalid query parameter type"));

        let error = analytics.create(json!({"type": "x"})).await.unwrap_err();
        assert_eq!((error.kind(), error.message()), (ErrorKind::BadRequest, "there is no field `type`"));
        let created = analytics.create(json!({"count": 2})).await.unwrap();
        assert_eq!(created.keys().collect::<Vec<_>>(), ["id", "count", "createdAt"]);
        analytics.update("a", json!({"count": 3})).await.unwrap();

        database.execute("DROP TABLE analytics");
        for _ in 0..2 {
            let error = find(&analytics, json!({})).await.unwrap_err();
            assert_eq!(error.message(), "The database of this deployment has no table `analytics`");
        }
    }
}

for_each_backend! {
    async fn the_last_second_of_the_year_9999_is_a_moment_like_others(database: TestDatabase) {
        let store = store(&database);
        store.create_platform_tables().await.unwrap();
        database.execute(
            r#"INSERT INTO "analytics" ("id", "createdAt", "updatedAt")
               VALUES ('never', '9999-12-31 23:59:59', '2026-01-01 00:00:00'),
                      ('now', '2026-01-01 00:00:00', '2026-01-01 00:00:00')"#,
        );
        let analytics = service(&store, "analytics");
        let never = "9999-12-31T23:59:59.000Z";
        let page = find(&analytics, json!({"$sort": {"createdAt": -1}})).await.unwrap();
        assert_eq!((&page.data[0]["createdAt"], &page.data[1]["id"]), (&json!(never), &json!("now")));
        let page = find(&analytics, json!({"createdAt": {"$gte": never}})).await.unwrap();
        assert_eq!((page.total, &page.data[0]["id"]), (1, &json!("never")));
        let patched = analytics.patch("now", json!({"createdAt": "9999-12-31T23:59:59.9Z"})).await.unwrap();
        assert_eq!(patched["createdAt"], never);
        assert_eq!(find(&analytics, json!({"createdAt": never})).await.unwrap().total, 2);
    }
}

for_each_backend! {
    /// As a database that does not mind types, or a column of another type than the platform's, may have them.
    async fn a_value_that_does_not_fit_its_field_is_null_and_the_page_goes_on(database: TestDatabase) {
        database.execute(
            r#"CREATE TABLE analytics ("id" char(36) PRIMARY KEY, "count" varchar(30), "type" varchar(255),
                                       "createdAt" varchar(30), "updatedAt" varchar(30));
               INSERT INTO analytics VALUES ('a', 'many', 'x', '10000-01-01 00:00:00', 'yesterday'),
                                            ('b', '3', 'x', '2026-01-01 00:00:00', 'infinity')"#,
        );
        let analytics = service(&store(&database), "analytics");
        let page = find(&analytics, json!({})).await.unwrap();
        let records = json!([
            {"id": "a", "count": null, "type": "x", "createdAt": null, "updatedAt": null},
            {"id": "b", "count": 3, "type": "x", "createdAt": "2026-01-01T00:00:00.000Z", "updatedAt": null},
        ]);
        assert_eq!(json!(page.data), records);
        assert_eq!(json!(analytics.get("a").await.unwrap()), records[0]);
    }
}

fn text() -> impl Strategy<Value = String> {
    prop_oneof![prop::sample::select(ALIKE_TEXTS).prop_map(str::to_owned), "[^\0]{0,3}"]
}

fn count() -> impl Strategy<Value = Value> {
    prop_oneof![Just(Value::Null), (-2i32..3).prop_map(Value::from), Just(json!(i32::MAX)), Just(json!(i32::MIN))]
}

fn nullable_text() -> impl Strategy<Value = Value> {
    prop_oneof![1 => Just(Value::Null), 5 => text().prop_map(Value::from)]
}

fn moment() -> impl Strategy<Value = String> {
    prop_oneof![
        (0..3u32).prop_map(|second| format!("2026-01-01T00:00:0{second}.000Z")),
        Just("1000-01-01T00:00:00.000Z".to_owned()),
        Just("1969-12-31T23:59:59.000Z".to_owned()),
        Just("9999-12-30T00:00:00.000Z".to_owned()),
    ]
}

fn records() -> impl Strategy<Value = Vec<Value>> {
    let record = (nullable_text(), count(), moment(), moment()).prop_map(|(text, count, created, updated)| {
        json!({"type": text, "count": count, "createdAt": created, "updatedAt": updated})
    });
    prop::collection::vec(record, 0..25).prop_map(|mut records| {
        for (index, record) in records.iter_mut().enumerate() {
            let id = ["a", "B", "Ä", "b", "z"][index % 5];
            record["id"] = format!("{id}{index}").into();
        }
        records
    })
}

fn operand(field: &'static str) -> BoxedStrategy<Value> {
    match field {
        "id" => prop_oneof![
            Just(json!("a0")),
            Just(json!("A0")),
            Just(json!("a0 ")),
            Just(json!("b3")),
            text().prop_map(|text| json!(text))
        ]
        .boxed(),
        "type" => text().prop_map(Value::from).boxed(),
        "count" => (-2i32..3).prop_map(Value::from).boxed(),
        _ => prop_oneof![moment(), (0..3u32).prop_map(|second| format!("2026-01-01T01:00:0{second}.500+01:00"))]
            .prop_map(Value::from)
            .boxed(),
    }
}

const FIELDS: [&str; 5] = ["id", "type", "count", "createdAt", "updatedAt"];

fn condition() -> impl Strategy<Value = Value> {
    prop::sample::select(&FIELDS[..]).prop_flat_map(|field| {
        let value = operand(field);
        let nullable = prop_oneof![1 => Just(Value::Null), 6 => operand(field)];
        let list = prop::collection::vec(operand(field), 0..4);
        prop_oneof![
            nullable.prop_map(move |value| json!({field: value})),
            (
                prop::sample::select(vec!["$ne", "$lt", "$lte", "$gt", "$gte"]),
                prop_oneof![1 => Just(Value::Null), 8 => value]
            )
                .prop_map(move |(operator, value)| json!({field: {operator: value}})),
            (prop::sample::select(vec!["$in", "$nin"]), list)
                .prop_map(move |(operator, list)| json!({field: {operator: list}})),
        ]
    })
}

fn query() -> impl Strategy<Value = Value> {
    let filter = condition().prop_recursive(3, 12, 4, |inner| {
        (prop::sample::select(vec!["$or", "$and"]), prop::collection::vec(inner, 0..4))
            .prop_map(|(operator, list)| json!({operator: list}))
    });
    let sort = prop::collection::vec((prop::sample::select(&FIELDS[1..]), prop::sample::select(vec![1, -1])), 0..3);
    let select = prop::option::of(prop::collection::vec(prop::sample::select(&FIELDS[..]), 0..4));
    (prop::option::weighted(0.9, filter), sort, prop::option::of(0..30u64), 0..4u64, select).prop_map(
        |(filter, sort, limit, skip, select)| {
            let mut query = filter.unwrap_or(json!({}));
            // Where the order is left open the core's is that of creation, and a table's that of the ids.
            let mut order = serde_json::Map::new();
            for (field, direction) in sort {
                order.insert(field.into(), direction.into());
            }
            order.insert("id".into(), 1.into());
            query["$sort"] = order.into();
            query["$skip"] = skip.into();
            if let Some(limit) = limit {
                query["$limit"] = limit.into();
            }
            if let Some(select) = select {
                query["$select"] = select.into();
            }
            query
        },
    )
}

/// Runs queries over records in the table and in memory, and compares the answers.
fn compare(database: &TestDatabase, store: &Store, indexed: &'static [&'static str]) {
    let runtime = Handle::current();
    let (_, table) = platform_services(store).into_iter().find(|(path, _)| *path == "analytics").unwrap();
    let schema = table.schema().clone();
    let analytics = alone("analytics", table.indexed(indexed));
    let config = Config { cases: 24, failure_persistence: None, ..Config::default() };
    let cases = (records(), prop::collection::vec(query(), 50));
    let result = TestRunner::new(config).run(&cases, |(records, queries)| {
        runtime.block_on(async {
            let memory = alone("analytics", MemoryService::new(schema.clone()));
            database.execute("DELETE FROM analytics");
            for data in &records {
                memory.create(data.clone()).await.unwrap();
                let stored = analytics.create(data.clone()).await.unwrap();
                prop_assert_eq!(&analytics.get(data["id"].as_str().unwrap()).await.unwrap(), &stored);
            }
            for query in queries {
                let expected = find(&memory, query.clone()).await.unwrap();
                let found = find(&analytics, query.clone()).await.unwrap();
                prop_assert_eq!(found, expected, "{}", query);
            }
            Ok(())
        })
    });
    result.unwrap_or_else(|error| panic!("{error}"));
}

for_each_backend! {
    async fn any_query_finds_what_the_core_says_that_it_means(database: TestDatabase) {
        let store = store(&database);
        store.create_platform_tables().await.unwrap();
        tokio::task::block_in_place(|| compare(&database, &store, &[]));
    }

    async fn the_same_holds_where_pages_are_found_through_an_index(database: TestDatabase) {
        let store = store(&database);
        store.create_platform_tables().await.unwrap();
        tokio::task::block_in_place(|| compare(&database, &store, &["createdAt", "updatedAt"]));
    }

    async fn the_same_holds_for_the_tables_of_a_deployment(database: TestDatabase) {
        database.create_platform_tables();
        tokio::task::block_in_place(|| compare(&database, &store(&database), &[]));
    }
}
