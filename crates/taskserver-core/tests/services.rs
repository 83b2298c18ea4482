//! Services, hooks and events, through the app's own handles.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails; clippy.toml excepts only the test functions")]

use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use serde_json::json;
use taskserver_core::{
    Access, All, App, AroundHook, BuildError, CallMetrics, Comparison, ErrorKind, EventKind, Field, FieldType, Hook,
    HookContext, Hooks, Identity, MemoryService, Method, Metrics, Next, Pagination, Parameter, Params, Provider, Query,
    Record, Resource, Schema, Service, ServiceError, Timestamps, TokioClock,
};

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Analytics {
    id: String,
    r#type: String,
    count: Option<i32>,
}

impl Resource for Analytics {
    const SERVICE: &'static str = "analytics";
}

fn analytics() -> MemoryService {
    MemoryService::new(Schema::new([
        Field::required("id", FieldType::ID),
        Field::required("type", FieldType::TEXT),
        Field::nullable("count", FieldType::INT),
    ]))
}

fn row(id: &str, count: i32) -> Analytics {
    Analytics { id: id.into(), r#type: "instanceUsers".into(), count: Some(count) }
}

fn administrator() -> Identity {
    Identity { user: "u".into(), scopes: [Access::ADMIN.to_owned()].into() }
}

fn outside(identity: Option<Identity>) -> Params {
    Params { provider: Provider::External, identity, ..Params::default() }
}

fn app() -> App {
    App::builder().service("analytics", analytics()).build().unwrap()
}

#[tokio::test]
async fn the_typed_and_the_dynamic_handle_reach_the_same_records() {
    let app = app();
    app.service_of::<Analytics>().create(&row("a", 3)).await.unwrap();
    let record = app.service("analytics").get("a").await.unwrap();
    assert_eq!(serde_json::Value::Object(record), json!({"id": "a", "type": "instanceUsers", "count": 3}));

    let typed = app.service_of::<Analytics>();
    assert_eq!(typed.find(Query::new().eq("count", 3)).await.unwrap().data, [row("a", 3)]);
    assert_eq!(typed.patch("a", json!({"count": 4})).await.unwrap(), row("a", 4));
    assert_eq!(typed.update("a", &row("a", 5)).await.unwrap(), row("a", 5));
    assert_eq!(typed.remove("a").await.unwrap(), row("a", 5));
    assert_eq!(typed.get("a").await.unwrap_err().to_string(), "No record found for id 'a'");
}

#[tokio::test]
async fn a_path_without_a_service_is_not_found() {
    let error = app().service("zzz").get("a").await.unwrap_err();
    assert_eq!((error.kind(), error.message()), (ErrorKind::NotFound, "Can not find service 'zzz'"));
}

#[tokio::test]
async fn a_second_record_with_an_id_is_a_conflict_and_emits_nothing() {
    let app = app();
    let handle = app.service_of::<Analytics>();
    handle.create(&row("a", 1)).await.unwrap();
    let mut events = app.events().subscribe();
    assert_eq!(handle.create(&row("a", 2)).await.unwrap_err().kind(), ErrorKind::Conflict);
    handle.create(&row("b", 2)).await.unwrap();
    assert_eq!(events.next().await.unwrap().unwrap().record["id"], "b");
    assert_eq!(handle.get("a").await.unwrap(), row("a", 1));
}

#[tokio::test]
async fn every_write_emits_its_event_and_a_read_emits_none() {
    let app = app();
    let handle = app.service_of::<Analytics>();
    let mut events = app.events().subscribe().of_service("analytics");
    handle.create(&row("a", 1)).await.unwrap();
    handle.get("a").await.unwrap();
    handle.update("a", &row("a", 2)).await.unwrap();
    handle.find(Query::new()).await.unwrap();
    handle.patch("a", json!({"count": 3})).await.unwrap();
    handle.remove("a").await.unwrap();
    for (kind, count) in
        [(EventKind::Created, 1), (EventKind::Updated, 2), (EventKind::Patched, 3), (EventKind::Removed, 3)]
    {
        let event = events.next().await.unwrap().unwrap();
        assert_eq!((event.kind, &event.record["count"]), (kind, &json!(count)));
    }
}

#[tokio::test]
async fn several_records_are_created_all_or_none_with_an_event_each() {
    let app = app();
    let service = app.service("analytics");
    let mut events = app.events().subscribe();
    let record = |id: &str, count: i32| serde_json::to_value(row(id, count)).unwrap().as_object().unwrap().clone();
    let created = service.create_many(vec![record("a", 1), record("b", 2)]).await.unwrap();
    assert_eq!(created, [record("a", 1), record("b", 2)]);
    for id in ["a", "b"] {
        assert_eq!(events.next().await.unwrap().unwrap().record["id"], id);
    }
    let error = service.create_many(vec![record("c", 3), record("a", 4)]).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Conflict);
    assert_eq!(service.find(Query::new()).await.unwrap().total, 2);
}

#[test]
fn two_services_of_one_path_do_not_build() {
    let error = App::builder().service("a", analytics()).service("a", analytics()).build().map(|_| ()).unwrap_err();
    assert!(matches!(error, BuildError::DuplicateService(path) if path == "a"));
}

#[test]
fn a_service_with_a_path_of_the_servers_own_does_not_build() {
    for path in ["api", "metrics", ""] {
        let error = App::builder().service(path, analytics()).build().map(|_| ()).unwrap_err();
        assert_eq!(
            error.to_string(),
            format!("the path `/{path}` is this server's own; give the service another name")
        );
    }
}

#[tokio::test]
async fn an_outside_call_is_refused_unless_something_allows_it() {
    let service = app().service("analytics");
    let refused = async |method: Method, identity: Option<Identity>| {
        let error = service.call(method, Some("a".into()), Vec::new(), outside(identity)).await.unwrap_err();
        (error.kind(), error.to_string())
    };
    let nobody_special = Identity { user: "u".into(), scopes: ["admin:write".to_owned()].into() };
    for method in Method::ALL {
        let not_authenticated = (ErrorKind::NotAuthenticated, "Not authenticated".to_owned());
        assert_eq!(refused(method, None).await, not_authenticated);
        let forbidden = (ErrorKind::Forbidden, "The scope `admin:admin` is missing".to_owned());
        assert_eq!(refused(method, Some(nobody_special.clone())).await, forbidden);
    }
    for method in Method::WRITES {
        let message = format!("Method `{}` is not supported by this endpoint.", method.name());
        assert_eq!(refused(method, Some(administrator())).await, (ErrorKind::MethodNotAllowed, message));
    }
    assert_eq!(refused(Method::Get, Some(administrator())).await.0, ErrorKind::NotFound);
}

#[tokio::test]
async fn outside_writes_need_to_be_turned_on_and_offered() {
    let create = async |access: Access| {
        let app = App::builder().service("analytics", analytics()).access(access).build().unwrap();
        let data = vec![json!({"type": "instanceUsers"}).as_object().unwrap().clone()];
        app.service("analytics").call(Method::Create, None, data, outside(Some(administrator()))).await
    };
    let not_allowed = |result: Result<_, ServiceError>| result.unwrap_err().kind() == ErrorKind::MethodNotAllowed;
    assert!(not_allowed(create(Access::new().writes(true)).await));
    assert!(not_allowed(create(Access::new().offer("analytics", [Method::Create])).await));
    assert!(create(Access::new().writes(true).offer("analytics", [Method::Create])).await.is_ok());
}

#[tokio::test]
async fn a_refused_call_is_seen_by_the_hooks_that_watch_and_by_no_other() {
    let trace = Trace::default();
    let app = App::builder()
        .hooks(traced(&trace, "app"))
        .watch(Around(Arc::clone(&trace), "outer watcher"))
        .watch(Around(Arc::clone(&trace), "inner watcher"))
        .service_with("analytics", analytics(), traced(&trace, "service"))
        .build()
        .unwrap();
    let service = app.service("analytics");
    let seen = ["outer watcher begins", "inner watcher begins", "inner watcher ends", "outer watcher ends"];
    assert!(service.call(Method::Find, None, Vec::new(), outside(None)).await.is_err());
    assert_eq!(std::mem::take(&mut *trace.lock().unwrap()), seen);
    service.refuse(Method::Find, outside(None), ServiceError::bad_request("no such call")).await;
    assert_eq!(std::mem::take(&mut *trace.lock().unwrap()), seen);
    service.find(Query::new()).await.unwrap();
    assert_eq!(trace.lock().unwrap()[..4], [seen[0], seen[1], "app begins", "service begins"]);
}

#[tokio::test]
async fn a_page_has_ten_records_and_an_outside_caller_gets_a_hundred_at_most() {
    let app = app();
    for number in 0..150 {
        app.service_of::<Analytics>().create(&row(&format!("{number:03}"), number)).await.unwrap();
    }
    let service = app.service("analytics");
    let page = service.find(Query::new()).await.unwrap();
    assert_eq!((page.total, page.limit, page.data.len()), (150, 10, 10));
    assert_eq!(service.find(Query::new().limit(150)).await.unwrap().data.len(), 150);
    let outside =
        Params { query: Query::new().limit(150), provider: Provider::External, identity: Some(administrator()) };
    let page = service.call(Method::Find, None, Vec::new(), outside).await.unwrap().into_json();
    assert_eq!((&page["limit"], page["data"].as_array().unwrap().len()), (&json!(100), 100));
    let none = service.find(Query::new().limit(0)).await.unwrap();
    assert_eq!((none.total, none.data.len()), (150, 0));

    let own = App::builder().service("analytics", analytics()).pagination(Pagination { default: 2, max: 3 });
    assert_eq!(own.build().unwrap().service("analytics").find(Query::new()).await.unwrap().limit, 2);
}

#[tokio::test]
async fn a_service_that_does_not_offer_a_method_says_so() {
    struct Empty(Schema);
    #[async_trait]
    impl Service for Empty {
        fn schema(&self) -> &Schema {
            &self.0
        }
        fn methods(&self) -> &[Method] {
            &[]
        }
        async fn get(&self, _: &str, _: &Params) -> Result<Record, ServiceError> {
            panic!("implemented, but not offered")
        }
    }
    let app = App::builder().service("empty", Empty(Schema::new([]))).build().unwrap();
    let service = app.service("empty");
    for method in Method::ALL {
        let result = service.call(method, Some("a".into()), vec![Record::new()], Params::default());
        let error = result.await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::MethodNotAllowed);
        assert_eq!(error.message(), format!("Method `{}` is not supported by this endpoint.", method.name()));
    }
}

type Trace = Arc<Mutex<Vec<String>>>;

struct Around(Trace, &'static str);

#[async_trait]
impl AroundHook for Around {
    async fn call(&self, context: &mut HookContext, next: Next<'_>) -> Result<(), ServiceError> {
        self.0.lock().unwrap().push(format!("{} begins", self.1));
        let result = next.run(context).await;
        self.0.lock().unwrap().push(format!("{} ends", self.1));
        result
    }
}

fn traced(trace: &Trace, of: &'static str) -> Hooks {
    let note = |what: &'static str| {
        let trace = Arc::clone(trace);
        move |_: &mut HookContext| {
            trace.lock().unwrap().push(format!("{of} {what}"));
            Ok(())
        }
    };
    Hooks::new()
        .around(All, Around(Arc::clone(trace), of))
        .before(All, note("before"))
        .before(Method::Get, note("before get"))
        .after(Method::Get, note("after get"))
        .after(All, note("after"))
        .error(All, note("error"))
}

#[tokio::test]
async fn hooks_run_in_the_order_of_feathers() {
    let trace = Trace::default();
    let app = App::builder()
        .hooks(traced(&trace, "app"))
        .service_with("analytics", analytics(), traced(&trace, "service"))
        .build()
        .unwrap();
    app.service_of::<Analytics>().create(&row("a", 1)).await.unwrap();
    assert_eq!(
        std::mem::take(&mut *trace.lock().unwrap()),
        [
            "app begins",
            "service begins",
            "app before",
            "service before",
            "service after",
            "app after",
            "service ends",
            "app ends"
        ]
    );
    app.service("analytics").get("a").await.unwrap();
    assert_eq!(
        std::mem::take(&mut *trace.lock().unwrap()),
        [
            "app begins",
            "service begins",
            "app before",
            "app before get",
            "service before",
            "service before get",
            "service after get",
            "service after",
            "app after get",
            "app after",
            "service ends",
            "app ends"
        ]
    );
    app.service("analytics").remove("zzz").await.unwrap_err();
    assert_eq!(
        std::mem::take(&mut *trace.lock().unwrap()),
        [
            "app begins",
            "service begins",
            "app before",
            "service before",
            "service error",
            "app error",
            "service ends",
            "app ends"
        ]
    );
}

/// A service that brings traced hooks along.
struct WithHooks(MemoryService, Trace);

#[async_trait]
impl Service for WithHooks {
    fn schema(&self) -> &Schema {
        self.0.schema()
    }
    fn methods(&self) -> &[Method] {
        self.0.methods()
    }
    fn hooks(&self) -> Hooks {
        traced(&self.1, "own")
    }
    async fn get(&self, id: &str, params: &Params) -> Result<Record, ServiceError> {
        self.0.get(id, params).await
    }
}

#[tokio::test]
async fn the_hooks_that_a_service_brings_along_are_nearest_to_its_methods() {
    let trace = Trace::default();
    let app = App::builder()
        .hooks(traced(&trace, "app"))
        .service_with("analytics", WithHooks(analytics(), Arc::clone(&trace)), traced(&trace, "service"))
        .build()
        .unwrap();
    app.service("analytics").get("a").await.unwrap_err();
    let seen = std::mem::take(&mut *trace.lock().unwrap());
    assert_eq!(
        seen,
        [
            "app begins",
            "service begins",
            "own begins",
            "app before",
            "app before get",
            "service before",
            "service before get",
            "own before",
            "own before get",
            "own error",
            "service error",
            "app error",
            "own ends",
            "service ends",
            "app ends"
        ]
    );
}

fn stamped() -> Schema {
    Schema::new([
        Field::required("id", FieldType::ID),
        Field::required("type", FieldType::TEXT),
        Field::nullable("count", FieldType::INT),
        Field::required("createdAt", FieldType::DateTime),
        Field::required("updatedAt", FieldType::DateTime),
    ])
}

#[tokio::test(start_paused = true)]
async fn records_are_stamped_by_the_apps_clock() {
    let app = App::builder()
        .clock(TokioClock::starting_at("2026-01-01T00:00:00Z".parse().unwrap()))
        .service_with("stamped", MemoryService::new(stamped()), Hooks::new().before(Method::WITH_DATA, Timestamps))
        .service_with("plain", analytics(), Hooks::new().before(Method::WITH_DATA, Timestamps))
        .build()
        .unwrap();
    let service = app.service("stamped");
    let [first, second] = ["2026-01-01T00:00:00.000Z", "2026-01-01T00:00:01.000Z"];
    let created = service.create(json!({"id": "a", "type": "x", "count": 1})).await.unwrap();
    let expected = json!({"id": "a", "type": "x", "count": 1, "createdAt": first, "updatedAt": first});
    assert_eq!(json!(created), expected);

    tokio::time::advance(Duration::from_secs(1)).await;
    let patched = service.patch("a", json!({"count": 2})).await.unwrap();
    assert_eq!(json!(patched), json!({"id": "a", "type": "x", "count": 2, "createdAt": first, "updatedAt": second}));
    let updated = service.update("a", json!({"type": "y"})).await.unwrap();
    assert_eq!(json!(updated), json!({"id": "a", "type": "y", "count": null, "createdAt": first, "updatedAt": second}));

    let told = json!({"type": "x", "createdAt": "1999-01-01T00:00:00Z", "updatedAt": null});
    let created = service.create(told).await.unwrap();
    assert_eq!((&created["createdAt"], &created["updatedAt"]), (&json!("1999-01-01T00:00:00.000Z"), &json!(second)));
    let plain = app.service("plain").create(json!({"id": "a", "type": "x"})).await.unwrap();
    assert_eq!(json!(plain), json!({"id": "a", "type": "x", "count": null}));
}

#[tokio::test]
async fn what_is_stored_was_checked_after_every_other_hook_had_its_say() {
    let spoil = |context: &mut HookContext| {
        context.data[0].insert("count".into(), json!("many"));
        Ok(())
    };
    let mend = |context: &mut HookContext| {
        context.data[0].remove("cuont");
        Ok(())
    };
    let app = App::builder()
        .hooks(Hooks::new().before(Method::Create, mend))
        .service_with("analytics", analytics(), Hooks::new().before(Method::Patch, spoil))
        .build()
        .unwrap();
    let service = app.service("analytics");
    let created = service.create(json!({"id": "a", "type": "x", "cuont": 1})).await.unwrap();
    assert_eq!(json!(created), json!({"id": "a", "type": "x", "count": null}));
    let count = "`count` must be an integer from -2147483648 to 2147483647";
    assert_eq!(service.patch("a", json!({"type": "x"})).await.unwrap_err().message(), count);
    for (data, message) in [
        (json!({"id": "b"}), "`type` must not be null"),
        (json!({"id": 1, "type": "x"}), "`id` must be a string"),
        (json!({"type": "x", "size": 1}), "there is no field `size`"),
    ] {
        let error = service.create(data).await.unwrap_err();
        assert_eq!((error.kind(), error.message()), (ErrorKind::BadRequest, message));
    }
    assert_eq!(service.create(json!({"type": "x"})).await.unwrap()["id"].as_str().unwrap().len(), 36);
    assert_eq!(service.update("a", json!({"id": "b", "type": "y"})).await.unwrap()["id"], "a");
}

#[tokio::test]
async fn a_before_hook_may_change_the_data_answer_in_place_of_the_method_or_refuse() {
    let hooks = Hooks::new()
        .before(Method::Create, |context: &mut HookContext| {
            context.data[0].insert("count".into(), json!(42));
            Ok(())
        })
        .before(Method::Get, |context: &mut HookContext| {
            let answer = json!({"id": context.id, "type": "made up", "count": null});
            context.result = answer.as_object().cloned().map(taskserver_core::CallResult::Record);
            Ok(())
        })
        .before(Method::Remove, |_: &mut HookContext| Err(ServiceError::new(ErrorKind::Forbidden, "never")));
    let app = App::builder().service_with("analytics", analytics(), hooks).build().unwrap();
    let handle = app.service_of::<Analytics>();
    assert_eq!(handle.create(&row("a", 1)).await.unwrap().count, Some(42));
    assert_eq!(handle.get("b").await.unwrap().r#type, "made up");
    assert_eq!(handle.remove("a").await.unwrap_err().to_string(), "never");
    assert_eq!(handle.find(Query::new()).await.unwrap().total, 1);
}

#[tokio::test]
async fn an_error_hook_may_replace_the_error_or_answer_in_its_place() {
    let hooks = Hooks::new()
        .error(Method::Remove, |context: &mut HookContext| {
            context.error = Some(ServiceError::new(ErrorKind::Unavailable, "later"));
            Ok(())
        })
        .error(Method::Find, |context: &mut HookContext| {
            let nothing = taskserver_core::Page { total: 0, limit: 0, skip: 0, data: vec![] };
            context.result = Some(taskserver_core::CallResult::Page(nothing));
            Ok(())
        });
    let app = App::builder().service_with("analytics", analytics(), hooks).build().unwrap();
    assert_eq!(app.service("analytics").remove("a").await.unwrap_err().to_string(), "later");
    assert_eq!(app.service("analytics").find(Query::new().eq("zzz", 1)).await.unwrap().total, 0);
}

#[tokio::test]
async fn queries_mean_what_sql_means() {
    let app = app();
    let service = app.service("analytics");
    for (id, kind, count) in
        [("a", "x", json!(1)), ("b", "X", json!(2)), ("c", "y ", json!(null)), ("d", "y", json!(4))]
    {
        service.create(json!({"id": id, "type": kind, "count": count})).await.unwrap();
    }
    let ids = async |query: serde_json::Value| {
        let page = service.find(Query::parse(&query).unwrap()).await.unwrap();
        page.data.iter().map(|record| record["id"].as_str().unwrap().to_owned()).collect::<String>()
    };
    assert_eq!(ids(json!({"type": "x"})).await, "a");
    assert_eq!(ids(json!({"type": "y"})).await, "d");
    assert_eq!(ids(json!({"count": null})).await, "c");
    assert_eq!(ids(json!({"count": {"$ne": null}})).await, "abd");
    assert_eq!(ids(json!({"count": {"$ne": 1}})).await, "bd");
    assert_eq!(ids(json!({"count": {"$gt": 1, "$lte": 4}})).await, "bd");
    assert_eq!(ids(json!({"count": {"$nin": [1, 2]}})).await, "d");
    assert_eq!(ids(json!({"$or": [{"count": 1}, {"type": "y"}]})).await, "ad");
    assert_eq!(ids(json!({"$or": []})).await, "");
    assert_eq!(ids(json!({"$and": [{"count": {"$gte": 1}}, {"$or": [{"id": "b"}, {"id": "c"}]}]})).await, "b");
    assert_eq!(ids(json!({"$sort": {"count": 1}})).await, "cabd");
    assert_eq!(ids(json!({"$sort": {"count": -1}, "$limit": 2, "$skip": 1})).await, "ba");
    let selected = service.find(Query::new().select(["count"]).limit(1)).await.unwrap();
    assert_eq!(json!(selected.data), json!([{"id": "a", "count": 1}]));
}

#[test]
fn a_wrong_query_names_its_parameter() {
    let refused = |query: serde_json::Value| {
        let parsed = Query::parse(&query).and_then(|mut query| query.normalize(analytics().schema()));
        parsed.unwrap_err().to_string()
    };
    assert_eq!(refused(json!({"$foo": 1})), "Invalid query parameter $foo");
    assert_eq!(refused(json!({"count": {"$foo": 1}})), "Invalid query parameter $foo");
    assert_eq!(refused(json!({"nope": 1})), "Invalid query parameter nope");
    assert_eq!(refused(json!({"$sort": {"nope": 1}})), "Invalid query parameter nope");
    assert_eq!(refused(json!({"$sort": {"count": 2}})), "$sort must be an object of fields with 1 or -1");
    assert_eq!(refused(json!({"$limit": -1})), "$limit must be a whole number, 0 or more");
    assert_eq!(refused(json!({"$or": {}})), "$or must be a list of queries");
    assert_eq!(refused(json!({"$select": "id"})), "$select must be a list of fields");
    assert_eq!(refused(json!({"count": {"$in": 1}})), "$in of `count` must be a list");
    assert_eq!(refused(json!({"count": "many"})), "`count` must be an integer from -2147483648 to 2147483647");
    assert_eq!(refused(json!([])), "The query must be an object");
    let mut deep = json!({"count": 1});
    for _ in 0..9 {
        deep = json!({"$and": [deep]});
    }
    assert_eq!(refused(deep), "The query is nested more than 8 deep");
}

#[test]
fn a_hook_can_take_a_parameter_that_is_no_field() {
    let mut query = Query::parse(&json!({"action": "dailyUsers", "count": {"$gt": 1}})).unwrap();
    assert_eq!(query.take("action"), Some(json!("dailyUsers")));
    assert_eq!(query.take("action"), None);
    assert_eq!(query, Query::new().compare("count", Comparison::Gt, 1));
}

#[tokio::test]
async fn calls_are_counted_by_what_they_were_and_what_came_of_them() {
    let metrics = Metrics::default();
    let never = Hooks::new().around(Method::Patch, Never);
    let app = App::builder()
        .watch(CallMetrics::register(&metrics))
        .service_with("analytics", analytics(), never)
        .build()
        .unwrap();
    let service = app.service("analytics");
    for id in ["a", "b"] {
        app.service_of::<Analytics>().create(&row(id, 1)).await.unwrap();
    }
    service.get("zzz").await.unwrap_err();
    let outside = service.call(Method::Find, None, Vec::new(), outside(Some(administrator())));
    outside.await.unwrap();
    let patch = service.patch("a", json!({"count": 2}));
    assert!(tokio::time::timeout(Duration::ZERO, patch).await.is_err());
    app.service("zzz").get("a").await.unwrap_err();
    service.call(Method::Find, None, Vec::new(), self::outside(None)).await.unwrap_err();
    service.call(Method::Remove, Some("a".into()), Vec::new(), self::outside(Some(administrator()))).await.unwrap_err();
    let wrong = ServiceError::bad_request("Invalid query parameter $foo");
    assert_eq!(
        service.refuse(Method::Find, self::outside(None), wrong).await.message(),
        "Invalid query parameter $foo"
    );

    let mut counted: Vec<_> = metrics.encode().lines().map(str::to_owned).collect();
    counted.retain(|line| line.starts_with("taskserver_service_calls_total"));
    counted.sort();
    let calls = |method: &str, provider: &str, outcome: &str, count: u32| {
        format!(
            r#"taskserver_service_calls_total{{service="analytics",method="{method}",provider="{provider}",outcome="{outcome}"}} {count}"#
        )
    };
    assert_eq!(
        counted,
        [
            calls("create", "internal", "ok", 2),
            calls("find", "external", "bad-request", 1),
            calls("find", "external", "not-authenticated", 1),
            calls("find", "external", "ok", 1),
            calls("get", "internal", "not-found", 1),
            calls("patch", "internal", "cancelled", 1),
            calls("remove", "external", "method-not-allowed", 1),
        ]
    );
    let timed = r#"taskserver_service_call_duration_seconds_count{service="analytics",method="create"} 2"#;
    assert!(metrics.encode().lines().any(|line| line == timed), "{}", metrics.encode());
}

/// Takes longer than anybody waits.
struct Never;

#[async_trait]
impl AroundHook for Never {
    async fn call(&self, _: &mut HookContext, _: Next<'_>) -> Result<(), ServiceError> {
        std::future::pending().await
    }
}

#[test]
fn the_parameters_of_hooks_can_be_asked_for() {
    struct Takes(&'static str);
    #[async_trait]
    impl Hook for Takes {
        fn parameters(&self) -> Vec<Parameter> {
            vec![Parameter { name: self.0, description: "", values: &[] }]
        }
        async fn call(&self, _: &mut HookContext) -> Result<(), ServiceError> {
            Ok(())
        }
    }
    let app = App::builder()
        .hooks(Hooks::new().before(All, Takes("everywhere")))
        .service_with("analytics", analytics(), Hooks::new().before(Method::Find, Takes("action")))
        .build()
        .unwrap();
    let names = |path: &str, method: Method| {
        app.services().parameters(path, method).iter().map(|parameter| parameter.name).collect::<Vec<_>>()
    };
    assert_eq!(names("analytics", Method::Find), ["everywhere", "action"]);
    assert_eq!(names("analytics", Method::Get), ["everywhere"]);
    assert_eq!(names("zzz", Method::Find), [""; 0]);
}
