//! The lease, and the rights that it needs.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;
use k8s_openapi::api::authorization::v1::{ResourceAttributes, SelfSubjectAccessReview, SelfSubjectAccessReviewSpec};
use k8s_openapi::api::coordination::v1::{Lease, LeaseSpec};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::MicroTime;
use kube::api::{ObjectMeta, PostParams};
use kube::{Api, Client, Error};
use taskserver_core::{LeaseError, LeaseRecord, LeaseStore};

use crate::KubernetesLeaseError;

/// What the account must be allowed to do with the lease.
const VERBS: [&str; 3] = ["get", "create", "update"];

/// A `Lease` of Kubernetes. It is created when it is first taken.
pub struct KubernetesLease {
    client: Client,
    namespace: String,
    name: String,
    /// As it was last seen: what others have written into it, such as labels, is written back.
    seen: Mutex<Option<Lease>>,
}

impl KubernetesLease {
    /// The lease of this name in this namespace.
    ///
    /// A client that tries again by itself hides from the election how much time has passed; so switch that off
    /// (`kube::Config::default_retry`).
    #[must_use]
    pub fn new(client: Client, namespace: &str, name: &str) -> Self {
        Self { client, namespace: namespace.to_owned(), name: name.to_owned(), seen: Mutex::default() }
    }

    /// What this account must be allowed to do with the lease, and is not. Every account may ask this.
    ///
    /// # Errors
    /// The API server does not answer.
    pub async fn missing_rights(&self) -> Result<Vec<&'static str>, KubernetesLeaseError> {
        let reviews: Api<SelfSubjectAccessReview> = Api::all(self.client.clone());
        let mut missing = Vec::new();
        for verb in VERBS {
            let attributes = ResourceAttributes {
                group: Some("coordination.k8s.io".to_owned()),
                resource: Some("leases".to_owned()),
                namespace: Some(self.namespace.clone()),
                // Nobody can be allowed to create an object by its name: at that time, it has none.
                name: (verb != "create").then(|| self.name.clone()),
                verb: Some(verb.to_owned()),
                ..ResourceAttributes::default()
            };
            let spec = SelfSubjectAccessReviewSpec {
                resource_attributes: Some(attributes),
                ..SelfSubjectAccessReviewSpec::default()
            };
            let review = SelfSubjectAccessReview { spec, ..SelfSubjectAccessReview::default() };
            let answer =
                reviews.create(&PostParams::default(), &review).await.map_err(|error| self.failed(verb, error))?;
            if !answer.status.is_some_and(|status| status.allowed) {
                missing.push(verb);
            }
        }
        Ok(missing)
    }

    fn api(&self) -> Api<Lease> {
        Api::namespaced(self.client.clone(), &self.namespace)
    }

    fn failed(&self, verb: &'static str, error: Error) -> KubernetesLeaseError {
        let (namespace, name) = (self.namespace.clone(), self.name.clone());
        match error {
            Error::Api(status) if status.is_forbidden() => KubernetesLeaseError::Forbidden { verb, namespace, name },
            error => KubernetesLeaseError::Api { verb, namespace, name, cause: Box::new(error) },
        }
    }

    /// The lease as it is to be, in the place of the version that was `seen`.
    fn lease(&self, seen: Option<&LeaseRecord>, lease: &LeaseRecord) -> Result<Lease, KubernetesLeaseError> {
        let known = self.seen.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let version = seen.map(|seen| seen.version.clone());
        let known = known.filter(|known| version.is_some() && known.metadata.resource_version == version);
        let Lease { metadata, spec } = known.unwrap_or_else(|| Lease {
            metadata: ObjectMeta {
                name: Some(self.name.clone()),
                namespace: Some(self.namespace.clone()),
                resource_version: version,
                ..ObjectMeta::default()
            },
            spec: None,
        });
        let (spec, now) = (spec.unwrap_or_default(), MicroTime(Timestamp::now()));
        let begins = seen.is_none_or(|seen| seen.term != lease.term);
        let term = i32::try_from(lease.term)
            .map_err(|_| KubernetesLeaseError::Term { name: self.name.clone(), term: lease.term })?;
        let spec = LeaseSpec {
            // client-go's way to say that nobody holds it.
            holder_identity: Some(lease.holder.clone().unwrap_or_default()),
            lease_duration_seconds: Some(whole_seconds(lease.duration)),
            lease_transitions: Some(term),
            acquire_time: if begins { Some(now.clone()) } else { spec.acquire_time.clone() },
            renew_time: Some(now),
            ..spec
        };
        Ok(Lease { metadata, spec: Some(spec) })
    }

    fn note(&self, lease: Option<Lease>) -> Option<LeaseRecord> {
        let record = lease.as_ref().map(record);
        *self.seen.lock().unwrap_or_else(PoisonError::into_inner) = lease;
        record
    }
}

#[async_trait]
impl LeaseStore for KubernetesLease {
    async fn read(&self) -> Result<Option<LeaseRecord>, LeaseError> {
        let lease = self.api().get_opt(&self.name).await.map_err(|error| self.failed("get", error))?;
        Ok(self.note(lease))
    }

    async fn write(&self, seen: Option<&LeaseRecord>, lease: &LeaseRecord) -> Result<Option<LeaseRecord>, LeaseError> {
        let (api, lease, params) = (self.api(), self.lease(seen, lease)?, PostParams::default());
        let (verb, written) = match seen {
            None => ("create", api.create(&params, &lease).await),
            Some(_) => ("update", api.replace(&self.name, &params, &lease).await),
        };
        match written {
            Ok(lease) => Ok(self.note(Some(lease))),
            // Another one has written it, or it was deleted.
            Err(Error::Api(status)) if status.is_conflict() || status.is_already_exists() => Ok(None),
            Err(Error::Api(status)) if verb == "update" && status.is_not_found() => Ok(None),
            Err(error) => Err(self.failed(verb, error).into()),
        }
    }
}

fn record(lease: &Lease) -> LeaseRecord {
    let spec = lease.spec.clone().unwrap_or_default();
    let number = |value: Option<i32>| u64::try_from(value.unwrap_or_default()).unwrap_or_default();
    LeaseRecord {
        holder: spec.holder_identity.filter(|holder| !holder.is_empty()),
        term: number(spec.lease_transitions),
        duration: Duration::from_secs(number(spec.lease_duration_seconds)),
        version: lease.metadata.resource_version.clone().unwrap_or_default(),
    }
}

/// The API server takes whole seconds, and no fewer than one.
fn whole_seconds(duration: Duration) -> i32 {
    i32::try_from(duration.as_millis().div_ceil(1000).max(1)).unwrap_or(i32::MAX)
}
