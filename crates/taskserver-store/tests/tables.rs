//! The platform's tables: created where they are missing, looked at, and cleared of what is old.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails; clippy.toml excepts only the test functions")]

use jiff::Timestamp;
use taskserver_store::{ForeignKey, Retention, Store, StoreOptions};
use taskserver_tests::{Backend, TestDatabase, for_each_backend};

fn store(database: &TestDatabase) -> Store {
    Store::new(StoreOptions::new(database.url()).unwrap()).unwrap()
}

const TABLES: [&str; 11] = [
    "analytics",
    "channel",
    "channel-user",
    "engine-setting",
    "identity-provider",
    "instance",
    "instance-attendance",
    "location",
    "scope",
    "user",
    "user-api-key",
];

for_each_backend! {
    async fn several_replicas_create_the_platforms_tables_at_once(database: TestDatabase) {
        let stores: Vec<Store> = (0..6).map(|_| store(&database)).collect();
        let created = futures_util::future::join_all(stores.iter().map(Store::create_platform_tables)).await;
        assert!(created.iter().all(Result::is_ok), "{created:?}");
        for table in TABLES {
            assert!(stores[0].columns(table).await.unwrap().is_some(), "{table}");
        }
    }

    async fn the_tables_have_the_columns_of_a_deployment(database: TestDatabase) {
        database.create_platform_tables();
        let deployment = store(&database);
        let other = database.backend().database().unwrap();
        let own = store(&other);
        own.create_platform_tables().await.unwrap();
        for table in TABLES {
            assert_eq!(own.columns(table).await, deployment.columns(table).await, "{table}");
            assert_eq!(own.foreign_keys(table).await, deployment.foreign_keys(table).await, "{table}");
        }
        let key = |column: &str, table: &str| ForeignKey { column: column.into(), references_table: table.into() };
        assert_eq!(
            own.foreign_keys("instance-attendance").await.unwrap(),
            [key("instanceId", "instance"), key("userId", "user")]
        );
    }

    async fn tables_that_are_there_are_not_touched(database: TestDatabase) {
        database.execute(r#"CREATE TABLE "user" ("id" int)"#);
        let store = store(&database);
        store.create_platform_tables().await.unwrap_or_else(|error| {
            // A foreign key cannot refer to a table that is so different.
            assert_ne!(database.backend(), Backend::Sqlite, "{error}");
        });
        assert_eq!(store.columns("user").await.unwrap(), Some(vec!["id".to_owned()]));
        assert_eq!(store.columns("nowhere").await.unwrap(), None);
        assert_eq!(store.foreign_keys("nowhere").await.unwrap(), []);
    }

    async fn what_is_old_or_too_much_is_deleted_and_nothing_else(database: TestDatabase) {
        let store = store(&database);
        store.create_platform_tables().await.unwrap();
        // More than a batch of old rows, and some of types that differ in nothing but their case.
        let mut rows: Vec<String> = (0..1203)
            .map(|row| format!("('old{row}', 'a', '2025-12-31 23:{:02}:{:02}', '2025-12-31 23:59:59')", row / 60, row % 60))
            .collect();
        for (name, kind) in [("a", "'a'"), ("A", "'A'"), ("none", "NULL")] {
            for row in 0..4 {
                rows.push(format!("('{name}{row}', {kind}, '2026-01-01 00:00:0{row}', '2026-01-01 00:00:00')"));
            }
        }
        database.execute(&format!(
            r#"INSERT INTO analytics ("id", "type", "createdAt", "updatedAt") VALUES {}"#,
            rows.join(", ")
        ));
        let since: Timestamp = "2026-01-01T00:00:00Z".parse().unwrap();
        assert_eq!(store.prune_analytics(Retention::default()).await, Ok(0));
        assert_eq!(store.prune_analytics(Retention { since: Some(since), newest: None }).await, Ok(1203));
        assert_eq!(store.prune_analytics(Retention { since: Some(since), newest: Some(3) }).await, Ok(3));
        let mut left: Vec<String> = database.query("SELECT id FROM analytics").concat();
        left.sort();
        assert_eq!(left, ["A1", "A2", "A3", "a1", "a2", "a3", "none1", "none2", "none3"]);
    }
}
