//! What can go wrong, in words that say what to do.

use std::time::Duration;

use kube::core::Status;

use crate::Mode;

/// A failure of the collector.
///
/// Most are reports of a moment: the stream goes on after them, once a back-off has passed. Those that
/// [need attention](Error::needs_attention) also go on, but will not end without someone's help.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// An option cannot be used.
    #[error("invalid option {option}: {problem}")]
    Options {
        /// The option's name.
        option: &'static str,
        /// What is wrong with it.
        problem: String,
    },
    /// The client could not be made from its configuration.
    #[error("cannot make a Kubernetes client from this configuration")]
    Client(#[source] kube::Error),
    /// The server knows who we are, and does not allow this.
    #[error(
        "not allowed to {verb} events {}: add the rule {{apiGroups: [\"\"], resources: [\"events\"], verbs: {needed:?}}} to {} \
         (the server says: {message})",
        place(.namespace.as_deref()),
        role(.namespace.as_deref())
    )]
    Forbidden {
        /// The RBAC verb that was refused.
        verb: &'static str,
        /// All RBAC verbs that the collector needs.
        needed: &'static [&'static str],
        /// The namespace; nothing when all of the cluster were asked for.
        namespace: Option<String>,
        /// The server's words.
        message: String,
    },
    /// The server does not know who we are.
    #[error(
        "the server does not accept our credentials (to {verb} events): check the token or certificate of the client"
    )]
    Unauthorized {
        /// The RBAC verb that was refused.
        verb: &'static str,
    },
    /// The server has too much to do.
    #[error("the server throttles us (to {verb} events){}", .retry_after.map(|it| format!(" and asks to wait {it:?}")).unwrap_or_default())]
    Throttled {
        /// The RBAC verb that was refused.
        verb: &'static str,
        /// How long the server asks to wait.
        retry_after: Option<Duration>,
    },
    /// The server no longer has the history that we wanted to go on from.
    #[error("the server has compacted the history that {what} needs: listing everything anew ({message})")]
    Expired {
        /// What could not go on.
        what: &'static str,
        /// The server's words.
        message: String,
    },
    /// A watch ended at once and without a word, as for a resourceVersion that is too old
    /// (kubernetes/kubernetes#104171), or with an error.
    #[error("a watch from resourceVersion {resource_version} ended at once without an event{}", if *.relist { ": listing everything anew" } else { "" })]
    EmptyWatch {
        /// Where the watch was to start.
        resource_version: String,
        /// Whether this was the last straw.
        relist: bool,
    },
    /// The server's history is younger than ours: it was restored or set up anew.
    #[error(
        "the server's history ends before resourceVersion {resource_version}, which it gave us earlier; it was restored \
         or set up anew: listing everything anew"
    )]
    HistoryReset {
        /// The version that the server does not have any more.
        resource_version: String,
    },
    /// Any other error answer of the server.
    #[error("the server answered {code} {reason} (to {verb} events): {message}")]
    Api {
        /// The RBAC verb of the request.
        verb: &'static str,
        /// The HTTP status code.
        code: u16,
        /// The reason, as `InternalError`.
        reason: String,
        /// The server's words.
        message: String,
        /// How long the server asks to wait.
        retry_after: Option<Duration>,
    },
    /// The connection could not be made or broke.
    #[error("the connection to the server failed (to {verb} events)")]
    Connection {
        /// The RBAC verb of the request.
        verb: &'static str,
        /// What the client says of it.
        #[source]
        source: kube::Error,
    },
    /// A body ended before it was complete.
    #[error("the answer was cut off (to {verb} events)")]
    Cut {
        /// The RBAC verb of the request.
        verb: &'static str,
    },
    /// Nothing more came for too long.
    #[error("the server was silent for too long (to {verb} events): gave up after {after:?}")]
    TimedOut {
        /// The RBAC verb of the request.
        verb: &'static str,
        /// How long we waited.
        after: Duration,
    },
    /// An answer is larger than we want to hold; the next page is asked for with fewer events.
    #[error("a page of {limit} events is larger than {bytes} bytes (max_response_bytes): asking for fewer")]
    PageTooLarge {
        /// How many events were asked for.
        limit: u32,
        /// How many bytes are allowed.
        bytes: usize,
    },
    /// An answer is not what the API promises.
    #[error("the server's answer cannot be understood (to {verb} events): {problem}")]
    InvalidAnswer {
        /// The RBAC verb of the request.
        verb: &'static str,
        /// What is wrong with it.
        problem: String,
    },
    /// The checkpoint could not be loaded or saved.
    #[error("cannot {action} the checkpoint")]
    Checkpoint {
        /// `load` or `save`.
        action: &'static str,
        /// What the port says of it.
        #[source]
        source: crate::BoxError,
    },
    /// The handler of a batch failed.
    #[error("the batch could not be handled")]
    Handler(#[source] crate::BoxError),
}

fn place(namespace: Option<&str>) -> String {
    namespace.map_or_else(|| "in all namespaces".to_owned(), |namespace| format!("in the namespace {namespace:?}"))
}

fn role(namespace: Option<&str>) -> String {
    let of_namespace = |namespace| format!("the Role in the namespace {namespace:?}, or the ClusterRole,");
    let role = namespace.map_or_else(|| "the ClusterRole".to_owned(), of_namespace);
    format!("{role} of this account")
}

impl Error {
    /// Those of the [labels](Self::metric_label) that interrupt collecting, and not the call of a library.
    #[cfg(feature = "store")]
    pub(crate) const INTERRUPTIONS: [&str; 13] = [
        "forbidden",
        "unauthorized",
        "throttled",
        "expired",
        "empty_watch",
        "history_reset",
        "server",
        "request",
        "connection",
        "cut",
        "timed_out",
        "page_too_large",
        "invalid_answer",
    ];

    /// A short constant name, for the label of a metric.
    pub fn metric_label(&self) -> &'static str {
        match self {
            Self::Options { .. } => "options",
            Self::Client(_) => "client",
            Self::Forbidden { .. } => "forbidden",
            Self::Unauthorized { .. } => "unauthorized",
            Self::Throttled { .. } => "throttled",
            Self::Expired { .. } => "expired",
            Self::EmptyWatch { .. } => "empty_watch",
            Self::HistoryReset { .. } => "history_reset",
            Self::Api { code: 500.., .. } => "server",
            Self::Api { .. } => "request",
            Self::Connection { .. } => "connection",
            Self::Cut { .. } => "cut",
            Self::TimedOut { .. } => "timed_out",
            Self::PageTooLarge { .. } => "page_too_large",
            Self::InvalidAnswer { .. } => "invalid_answer",
            Self::Checkpoint { .. } => "checkpoint",
            Self::Handler(_) => "handler",
        }
    }

    /// Whether retries alone will not help: rights, credentials, selectors or options are wrong.
    pub fn needs_attention(&self) -> bool {
        matches!(self.metric_label(), "options" | "client" | "forbidden" | "unauthorized" | "request")
    }

    /// How long the server asks to wait.
    pub(crate) fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Throttled { retry_after, .. } | Self::Api { retry_after, .. } => *retry_after,
            _ => None,
        }
    }

    /// The error that an answer's status object, or an ERROR of a watch, stands for. `resource_version` is what was asked
    /// for, if anything.
    pub(crate) fn from_status(
        verb: &'static str,
        mode: Mode,
        namespace: Option<&str>,
        resource_version: &str,
        status: Status,
        retry_after: Option<Duration>,
    ) -> Self {
        let details = status.details.as_ref();
        let too_large =
            details.is_some_and(|details| details.causes.iter().any(|cause| cause.reason == "ResourceVersionTooLarge"));
        let in_details = details.map(|details| u64::from(details.retry_after_seconds)).filter(|seconds| *seconds > 0);
        let retry_after = retry_after.max(in_details.map(Duration::from_secs));
        match (status.code, status.reason.as_str()) {
            (410, _) | (_, "Expired" | "Gone") => {
                let what = if verb == "watch" { "the watch" } else { "this list" };
                Self::Expired { what, message: status.message }
            }
            (401, _) => Self::Unauthorized { verb },
            (403, _) => {
                let namespace = namespace.map(str::to_owned);
                Self::Forbidden { verb, needed: mode.verbs(), namespace, message: status.message }
            }
            (429, _) => Self::Throttled { verb, retry_after },
            _ if too_large => Self::HistoryReset { resource_version: resource_version.to_owned() },
            (code, _) => Self::Api { verb, code, reason: status.reason, message: status.message, retry_after },
        }
    }
}
