//! Leadership by a `Lease` of Kubernetes (coordination.k8s.io/v1): the adapter of [`taskserver_core::LeaseStore`].
//!
//! ```no_run
//! use taskserver_core::{App, Election, ElectionOptions};
//! use taskserver_kubernetes::KubernetesLease;
//!
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! let client = kube::Client::try_default().await?;
//! let namespace = client.default_namespace().to_owned();
//! let lease = KubernetesLease::new(client, &namespace, "taskserver");
//! let app = App::builder().election(Election::new(lease, "pod-1", ElectionOptions::default())?).build()?;
//! app.start();
//! # Ok(())
//! # }
//! ```
//!
//! The record is what client-go's `LeaderElectionRecord` is, so that `kubectl get lease` shows who leads: the holder, its
//! promise (in whole seconds, rounded up), and the number of transitions, which is the term. It is compared and set by its
//! `resourceVersion`. When it has expired is judged by [`Election`](taskserver_core::Election): by the passage of time since it
//! was last seen to change, never by the times that are written in it, which are for people.
//!
//! What only the leader may write to a database needs the term there as well: `taskserver-store` has a `FencedLease` for that.
//!
//! The account needs the rights to `get`, `create` and `update` leases in the namespace; [`KubernetesLease::missing_rights`] asks
//! whether it has them.
//!
//! As with `k8s-openapi`, the program that is built chooses the version of Kubernetes, by a feature of that crate.
#![deny(missing_docs)]

mod error;
mod lease;

pub use error::KubernetesLeaseError;
pub use lease::KubernetesLease;
