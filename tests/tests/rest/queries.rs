//! Any query of any rows.

use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use serde_json::json;
use taskserver_core::Query;
use taskserver_tests::for_each_backend;
use tokio::runtime::Handle;

use crate::expected;
use crate::generate::{query, rows, style, url};
use crate::thing::{Things, fill};

/// Tables, and queries of each.
const TABLES: u32 = 10;
const QUERIES: usize = 30;

for_each_backend! {
    async fn any_query_is_answered_as_in_memory(database: TestDatabase) {
        let things = Things::start(&database).await;
        let config = Config { cases: TABLES, failure_persistence: None, ..Config::default() };
        let cases = (rows(), prop::collection::vec((query(), style()), QUERIES));
        let runtime = Handle::current();
        let result = tokio::task::block_in_place(|| TestRunner::new(config).run(&cases, |(rows, queries)| {
            fill(&database, &rows);
            for (query, style) in queries {
                let url = url(&query, style);
                let answer = runtime.block_on(things.find(&url));
                prop_assert_eq!(answer, expected::answer(&rows, &query), "{}\n{}", query, url);
            }
            Ok(())
        }));
        result.unwrap_or_else(|error| panic!("{error}"));
        things.stop().await;
    }

    /// While rows come and go, four at a time, a page that holds all of them has as many as it says that there are, and never a
    /// part of the four.
    async fn a_page_and_its_total_are_of_one_state(database: TestDatabase) {
        let things = Things::start(&database).await;
        let service = things.app.service("thing");
        let writer = tokio::spawn(async move {
            loop {
                let rows = (0..4).map(|count| json!({"count": count}).as_object().unwrap().clone()).collect();
                service.create_many(rows).await.unwrap();
                for row in service.find(Query::new().eq("count", 0).limit(100)).await.unwrap().data {
                    service.remove(row["id"].as_str().unwrap()).await.unwrap();
                }
            }
        });
        let mut totals = std::collections::BTreeSet::new();
        while totals.len() < 20 {
            let (status, page) = things.find("$limit=100&count[$gt]=0").await;
            assert_eq!(status, 200, "{page}");
            let total = page["total"].as_u64().unwrap();
            assert_eq!(page["data"].as_array().unwrap().len() as u64, total.min(100));
            assert_eq!(total % 3, 0, "{page}");
            totals.insert(total);
        }
        writer.abort();
        things.stop().await;
    }
}
