//! Replicas that compete for a Lease of an API server which conflicts, refuses, fails and falls silent.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails; clippy.toml excepts only the test functions")]

use std::sync::Arc;
use std::time::{Duration, Instant};

use k8s_openapi::api::coordination::v1::Lease;
use kube::api::{Api, DeleteParams, Patch, PatchParams};
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::{Client, Config};
use serde_json::json;
use taskserver_core::{
    Election, ElectionOptions, Health, HealthRegistry, Leadership, LeadershipState, LeaseRecord, LeaseStore,
    SystemClock,
};
use taskserver_kubernetes::KubernetesLease;
use taskserver_tests::kubernetes::{ApiServer, Cluster, Fault, Resource};
use tokio::task::JoinHandle;

const NAMESPACE: &str = "ir-engine";
const NAME: &str = "taskserver";
const LEASE: Duration = Duration::from_secs(1);
const RETRY: Duration = Duration::from_millis(100);
/// What a loaded machine may add.
const SLACK: Duration = Duration::from_millis(700);

fn lease(server: &ApiServer) -> KubernetesLease {
    let mut config = Config::new(server.url().parse().unwrap());
    config.default_retry = false;
    KubernetesLease::new(Client::try_from(config).unwrap(), NAMESPACE, NAME)
}

fn record(holder: Option<&str>, term: u64) -> LeaseRecord {
    LeaseRecord { holder: holder.map(str::to_owned), term, duration: LEASE, version: String::new() }
}

/// A process that takes part in the election.
struct Replica {
    leadership: Leadership,
    health: HealthRegistry,
    process: JoinHandle<()>,
}

impl Replica {
    fn start(server: &ApiServer, name: &str) -> Self {
        let options =
            ElectionOptions { lease_duration: LEASE, renew_deadline: Duration::from_millis(700), retry_period: RETRY };
        let election = Election::new(lease(server), name, options).unwrap();
        let leadership = election.leadership().clone();
        let health = HealthRegistry::new(Arc::new(SystemClock));
        let reporter = health.register("leadership", false);
        let process = tokio::spawn(async move { election.run(&reporter).await });
        Self { leadership, health, process }
    }

    async fn leads(&self) -> Option<u64> {
        let leading = tokio::time::timeout(Duration::from_secs(20), self.leadership.leading()).await;
        leading.expect("it leads in the end").term()
    }

    /// Waits until its part in the election is degraded, and answers why.
    async fn complaint(&self) -> String {
        let deadline = Instant::now() + Duration::from_secs(20);
        loop {
            if let Health::Degraded(reason) = self.health.components().remove(0).health {
                return reason;
            }
            assert!(Instant::now() < deadline, "it does not complain");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }
}

/// On the stand-in, and on every real API server that is given.
#[tokio::test]
async fn a_lease_is_compared_and_set_and_reads_as_one_of_client_go() {
    for cluster in Cluster::all().await {
        eprintln!("on {}", cluster.name());
        let kubeconfig = Kubeconfig::read_from(cluster.kubeconfig()).unwrap();
        let mut config = Config::from_custom_kubeconfig(kubeconfig, &KubeConfigOptions::default()).await.unwrap();
        config.default_retry = false;
        compare_and_set(Client::try_from(config).unwrap()).await;
    }
}

async fn compare_and_set(client: Client) {
    let name = format!("taskserver-test-{}", std::process::id());
    let lease = KubernetesLease::new(client.clone(), "default", &name);
    // As somebody else sees it.
    let leases: Api<Lease> = Api::namespaced(client, "default");
    let stored = async || leases.get(&name).await.unwrap();
    assert_eq!(lease.read().await.unwrap(), None);
    let first = lease.write(None, &record(Some("a"), 1)).await.unwrap().unwrap();
    assert_eq!(lease.read().await.unwrap().as_ref(), Some(&first));
    assert_eq!(lease.write(None, &record(Some("b"), 1)).await.unwrap(), None, "there is one");
    let spec = stored().await.spec.unwrap();
    assert_eq!(
        (spec.holder_identity.as_deref(), spec.lease_duration_seconds, spec.lease_transitions),
        (Some("a"), Some(1), Some(1))
    );

    let label = json!({"metadata": {"labels": {"owner": "platform"}}});
    leases.patch(&name, &PatchParams::default(), &Patch::Merge(label)).await.unwrap();
    assert_eq!(lease.write(Some(&first), &record(Some("b"), 2)).await.unwrap(), None, "it was changed");
    let seen = lease.read().await.unwrap().unwrap();
    let renewed = lease.write(Some(&seen), &record(Some("a"), 1)).await.unwrap().unwrap();
    assert_ne!(renewed.version, seen.version);
    let now = stored().await;
    assert_eq!(now.metadata.labels.unwrap()["owner"], "platform", "what others wrote into it stays");
    assert_eq!(now.spec.unwrap().acquire_time, spec.acquire_time);

    let given_up = lease.write(Some(&renewed), &record(None, 1)).await.unwrap().unwrap();
    let holder = stored().await.spec.unwrap().holder_identity;
    assert_eq!((given_up.holder.as_deref(), holder.as_deref().unwrap_or_default()), (None, ""));
    let taken = lease.write(Some(&given_up), &record(Some("b"), 2)).await.unwrap().unwrap();
    assert_eq!(lease.read().await.unwrap(), Some(taken.clone()));
    leases.delete(&name, &DeleteParams::default()).await.unwrap();
    assert_eq!(lease.write(Some(&taken), &record(Some("b"), 2)).await.unwrap(), None, "it was deleted");
}

#[tokio::test]
async fn a_promise_is_rounded_up_to_whole_seconds() {
    let server = ApiServer::start().await;
    let lease = lease(&server);
    for (term, (millis, seconds)) in [(1, 1), (1000, 1), (1001, 2), (15_000, 15)].into_iter().enumerate() {
        let seen = lease.read().await.unwrap();
        let promise = LeaseRecord { duration: Duration::from_millis(millis), ..record(Some("a"), term as u64) };
        let written = lease.write(seen.as_ref(), &promise).await.unwrap().unwrap();
        assert_eq!(written.duration, Duration::from_secs(seconds));
    }
}

#[tokio::test]
async fn of_many_who_take_the_lease_at_once_one_does() {
    let server = ApiServer::start().await;
    let leases: Vec<_> = (0..6).map(|_| lease(&server)).collect();
    let mut seen = None;
    for term in 1..=10 {
        let wanted = record(Some("somebody"), term);
        let taking: Vec<_> = leases.iter().map(|lease| lease.write(seen.as_ref(), &wanted)).collect();
        let mut taken = Vec::new();
        for attempt in taking {
            taken.extend(attempt.await.unwrap());
        }
        assert_eq!(taken.len(), 1, "in term {term}");
        seen = taken.pop();
    }
}

#[tokio::test]
async fn missing_rights_are_one_clear_error_until_they_are_given() {
    let server = ApiServer::start().await;
    server.deny("get", Resource::Leases);
    server.deny("update", Resource::Leases);
    assert_eq!(lease(&server).missing_rights().await.unwrap(), ["get", "update"]);
    let replica = Replica::start(&server, "a");
    assert_eq!(
        replica.complaint().await,
        "this server cannot compete for the lead: this account may not get the lease `taskserver` in the namespace `ir-engine`; \
         allow it to get, create and update leases of coordination.k8s.io there (`rbac.leases.enabled` of the chart)"
    );
    server.allow_everything();
    assert_eq!(replica.leads().await, Some(1));
    assert_eq!(replica.health.components()[0].health, Health::Ready);
    assert!(lease(&server).missing_rights().await.unwrap().is_empty());
}

#[tokio::test]
async fn failures_that_pass_do_not_end_a_term_and_those_that_stay_do() {
    let server = ApiServer::start().await;
    let replica = Replica::start(&server, "a");
    assert_eq!(replica.leads().await, Some(1));
    for fault in [Fault::status(500), Fault::status(409), Fault::Reset, Fault::Delay(Duration::from_millis(100))] {
        server.fail("update", Resource::Leases, 1, fault);
    }
    tokio::time::sleep(2 * LEASE).await;
    assert_eq!(replica.leadership.state(), LeadershipState::Leading { term: 1 });

    let rival = Replica::start(&server, "b");
    server.fail("update", Resource::Leases, 100, Fault::Silence);
    replica.leadership.ended(LeadershipState::Leading { term: 1 }).await;
    assert_eq!(rival.leadership.state(), LeadershipState::Following);
    server.stop_failing();
    let led = tokio::select! { term = replica.leads() => term, term = rival.leads() => term };
    assert_eq!(led, Some(2));
}

#[tokio::test]
async fn the_lead_passes_on_when_its_holder_dies_stops_or_loses_the_lease() {
    let server = ApiServer::start().await;
    let a = Replica::start(&server, "a");
    assert_eq!(a.leads().await, Some(1));
    let b = Replica::start(&server, "b");
    tokio::time::sleep(LEASE).await;

    let died = Instant::now();
    a.process.abort();
    assert_eq!(b.leads().await, Some(2));
    assert!(died.elapsed() <= LEASE + RETRY + SLACK, "{:?}", died.elapsed());

    let c = Replica::start(&server, "c");
    tokio::time::sleep(2 * RETRY).await;
    let stopped = Instant::now();
    b.leadership.release().await;
    assert_eq!(c.leads().await, Some(3));
    assert!(stopped.elapsed() <= RETRY + SLACK, "{:?}", stopped.elapsed());

    server.delete(Resource::Leases, NAMESPACE, NAME);
    c.leadership.ended(LeadershipState::Leading { term: 3 }).await;
    assert_eq!(c.leads().await, Some(4), "terms go on where the lease was deleted");
}
