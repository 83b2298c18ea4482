//! Figures of Agones, from the stand-in of an API server.

use std::collections::BTreeMap;
use std::time::Duration;

use kube::{Client, Config};
use serde_json::{Value, json};
use task_agones::{AgonesMetrics, AgonesOptions};
use task_analytics::{Figure, FigureError, MetricSource as _};
use taskserver_core::Metrics;
use taskserver_tests::kubernetes::{ApiServer, Fault, Resource};

fn agones(server: &ApiServer, options: AgonesOptions) -> (AgonesMetrics, Metrics) {
    let metrics = Metrics::default();
    let mut config = Config::new(server.url().parse().expect("a URL"));
    config.default_retry = false;
    let client = Client::try_from(config).expect("a client");
    (AgonesMetrics::new(client, options, &metrics), metrics)
}

fn fleet(server: &ApiServer, namespace: &str, name: &str, replicas: i64) {
    let status = json!({ "replicas": replicas + 1, "readyReplicas": replicas, "allocatedReplicas": 1 });
    let fleet = json!({ "metadata": { "name": name }, "spec": { "replicas": replicas }, "status": status });
    server.create(Resource::Fleets, namespace, fleet);
}

fn game_server(server: &ApiServer, namespace: &str, name: &str, fleet: Option<&str>, state: &str) {
    let labels = fleet.map_or(Value::Null, |fleet| json!({ "agones.dev/fleet": fleet }));
    let server_object = json!({
        "metadata": { "name": name, "labels": labels },
        "spec": { "container": "server" },
        "status": { "state": state, "address": "10.0.0.1" },
    });
    server.create(Resource::GameServers, namespace, server_object);
}

/// The counts that are not 0, by their metrics.
async fn counts(agones: &AgonesMetrics) -> BTreeMap<String, i64> {
    let figures = agones.figures().await.expect("figures");
    let counted = figures.into_iter().map(|Figure { metric, outcome }| (metric, outcome.expect("a count")));
    counted.filter(|(_, count)| *count != 0).collect()
}

async fn outcome(agones: &AgonesMetrics) -> Vec<(String, Result<i64, FigureError>)> {
    agones.figures().await.expect("figures").into_iter().map(|figure| (figure.metric, figure.outcome)).collect()
}

#[tokio::test]
async fn game_servers_are_counted_by_fleet_and_state_page_by_page() {
    let server = ApiServer::start().await;
    server.install_agones();
    fleet(&server, "ir", "lobby", 3);
    fleet(&server, "ir", "world", 1);
    for number in 0..7 {
        let state = if number < 4 { "Ready" } else { "Allocated" };
        game_server(&server, "ir", &format!("lobby-{number}"), Some("lobby"), state);
    }
    game_server(&server, "elsewhere", "alone", None, "Shutdown");
    game_server(&server, "ir", "new", Some("lobby"), "");
    let (agones, metrics) = agones(&server, AgonesOptions { page_size: 2, ..AgonesOptions::default() });
    let expected = [
        ("fleetReplicas/ir/lobby/allocated", 1),
        ("fleetReplicas/ir/lobby/current", 4),
        ("fleetReplicas/ir/lobby/desired", 3),
        ("fleetReplicas/ir/lobby/ready", 3),
        ("fleetReplicas/ir/world/allocated", 1),
        ("fleetReplicas/ir/world/current", 2),
        ("fleetReplicas/ir/world/desired", 1),
        ("fleetReplicas/ir/world/ready", 1),
        ("gameServers/elsewhere/-/Shutdown", 1),
        ("gameServers/ir/lobby/Allocated", 3),
        ("gameServers/ir/lobby/Ready", 4),
        ("gameServers/ir/lobby/Unknown", 1),
    ];
    assert_eq!(counts(&agones).await, expected.map(|(metric, count)| (metric.to_owned(), count)).into());
    // A state that nothing is in has a figure, too.
    let zero = ("gameServers/ir/world/Ready".to_owned(), Ok(0));
    assert!(outcome(&agones).await.contains(&zero));
    let text = metrics.encode();
    for line in [
        "taskserver_agones_game_servers{namespace=\"ir\",fleet=\"lobby\",state=\"Ready\"} 4",
        "taskserver_agones_fleet_replicas{namespace=\"ir\",fleet=\"world\",kind=\"desired\"} 1",
    ] {
        assert!(text.lines().any(|it| it == line), "{line} is not in {text}");
    }

    // A fleet that is gone has no figures and no gauges any more.
    server.delete(Resource::Fleets, "ir", "world");
    assert!(!counts(&agones).await.keys().any(|metric| metric.contains("world")));
    assert!(!metrics.encode().contains("world"));
}

#[tokio::test]
async fn one_namespace_needs_rights_in_it_alone() {
    let server = ApiServer::start().await;
    server.install_agones();
    game_server(&server, "ir", "mine", None, "Ready");
    game_server(&server, "other", "not-mine", None, "Ready");
    let options = AgonesOptions { namespace: Some("ir".to_owned()), ..AgonesOptions::default() };
    let (agones, _) = agones(&server, options);
    assert_eq!(counts(&agones).await, BTreeMap::from([("gameServers/ir/-/Ready".to_owned(), 1)]));
    let asked = server.requests().into_iter().filter(|request| request.resource.is_some());
    assert!(asked.into_iter().all(|request| request.namespace == "ir" && request.verb == "list"));
}

#[tokio::test]
async fn a_cluster_without_agones_has_no_figures_and_nothing_is_wrong() {
    let server = ApiServer::start().await;
    // As where nobody has given rights to what does not exist.
    server.deny("list", Resource::Fleets);
    server.deny("list", Resource::GameServers);
    let (agones, _) = agones(&server, AgonesOptions::default());
    assert_eq!(outcome(&agones).await, []);
}

#[tokio::test]
async fn missing_rights_are_one_figure_that_is_off_and_names_the_rule_to_add() {
    let server = ApiServer::start().await;
    server.install_agones();
    server.deny("list", Resource::GameServers);
    let (everywhere, _) = agones(&server, AgonesOptions::default());
    let (in_one, _) = agones(&server, AgonesOptions { namespace: Some("ir".into()), ..AgonesOptions::default() });
    for (agones, place, role) in
        [(everywhere, "in all namespaces", "ClusterRole"), (in_one, "in the namespace \"ir\"", "Role")]
    {
        let reason = format!(
            "not allowed to list gameservers {place}: add the rule {{apiGroups: [\"agones.dev\"], resources: [\"fleets\", \
             \"gameservers\"], verbs: [\"list\"]}} to the {role} of this account"
        );
        assert_eq!(outcome(&agones).await, [("gameServers".to_owned(), Err(FigureError::Disabled(reason)))]);
    }
}

#[tokio::test]
async fn an_api_server_that_fails_or_is_silent_fails_the_figure_in_time() {
    let server = ApiServer::start().await;
    server.install_agones();
    let options = AgonesOptions { timeout: Duration::from_millis(200), ..AgonesOptions::default() };
    let (agones, _) = agones(&server, options);
    server.fail("list", Resource::Fleets, 1, Fault::status(500));
    let failed = outcome(&agones).await;
    assert!(
        matches!(&failed[..], [(_, Err(FigureError::Failed(reason)))] if reason.starts_with("the API server was asked for fleets: ")),
        "{failed:?}"
    );
    server.fail("list", Resource::GameServers, 1, Fault::Silence);
    let reason = "the API server gave no answer within 200ms".to_owned();
    assert_eq!(outcome(&agones).await, [("gameServers".to_owned(), Err(FigureError::Failed(reason)))]);
    assert_eq!(outcome(&agones).await, [], "and then it works again");
}

#[tokio::test]
async fn only_so_many_fleets_have_figures_and_it_is_said_once_that_there_are_more() {
    let server = ApiServer::start().await;
    server.install_agones();
    for number in 0..5 {
        fleet(&server, "ir", &format!("fleet-{number}"), 1);
    }
    let (agones, _) = agones(&server, AgonesOptions { max_fleets: 2, ..AgonesOptions::default() });
    let outcome = outcome(&agones).await;
    assert_eq!(outcome.len(), 2 * 16 + 1);
    let reason = "there are 3 fleets more than the 2 that have figures (max_fleets)".to_owned();
    assert_eq!(outcome.last(), Some(&("gameServers".to_owned(), Err(FigureError::Disabled(reason)))));
}
