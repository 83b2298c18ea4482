//! What can go wrong with a lease.

use kube::Error;

/// Why a lease cannot be read or written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum KubernetesLeaseError {
    /// The account may not do so.
    #[error(
        "this account may not {verb} the lease `{name}` in the namespace `{namespace}`; allow it to get, create and update leases of \
         coordination.k8s.io there (`rbac.leases.enabled` of the chart)"
    )]
    Forbidden {
        /// What it may not do.
        verb: &'static str,
        /// The namespace.
        namespace: String,
        /// The lease.
        name: String,
    },
    /// The API server did not do it.
    #[error("the API server did not {verb} the lease `{name}` in the namespace `{namespace}`: {cause}")]
    Api {
        /// What it was asked to do.
        verb: &'static str,
        /// The namespace.
        namespace: String,
        /// The lease.
        name: String,
        /// Why not.
        cause: Box<Error>,
    },
    /// There were more terms than the number of transitions can count.
    #[error("the lease `{name}` cannot be taken for the {term}th time: its number of transitions ends at 2147483647")]
    Term {
        /// The lease.
        name: String,
        /// The term.
        term: u64,
    },
}
