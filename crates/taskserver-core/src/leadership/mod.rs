//! Leadership: of several replicas, one leads and runs the tasks; the others follow, ready to take over.
//!
//! - [`Leadership`] says how it stands with this process, and tells when that changes. Without an election, a process
//!   [always](Leadership::always) leads.
//! - [`Election`] competes for a lease: it takes it when it is free, renews it, and gives it up.
//! - [`LeaseStore`] is the port: where the lease is kept, as one record that is compared and set. An adapter knows nothing of
//!   time and terms, only how to read the record and how to replace the one that was read.
//!
//! # Time
//! No two clocks are ever compared. As in Kubernetes' client-go, whoever follows takes the lease for expired when it has seen no
//! change of it for the lease's duration on its own monotonic clock; whoever leads trusts its lease only for the renew
//! deadline, which is shorter, counted from before the renewal was asked for. So a leader has ceased to trust its lease before
//! anybody else can take it, however wrong the time of day is on either side.
//!
//! # Terms
//! Each time that the lease is taken, by whomever, a new term begins: its number is one more than that of the term before. A
//! process that is paused in the middle of a write (`SIGSTOP`, a suspended machine) cannot notice in time that its term has
//! ended, whatever it measures. So what only the leader may write is checked against the term where it is written, in the same
//! transaction: the number is the fence, and the lease merely spares it work.

mod election;
mod options;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use tokio::sync::watch;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::{Metrics, Observed};

pub use election::Election;
pub use options::{ElectionError, ElectionOptions};

/// What a [`LeaseStore`] fails with: any error.
pub type LeaseError = Box<dyn std::error::Error + Send + Sync>;

/// A lease as it was read, or as it is to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LeaseRecord {
    /// Who holds it: the identity of one process. `None` once it was given up.
    pub holder: Option<String>,
    /// The number of times that it was taken.
    pub term: u64,
    /// How long it lasts after each renewal, as its holder has promised.
    pub duration: Duration,
    /// What the store tells its versions by: it is different after each write. The store sets it.
    pub version: String,
}

/// Where a lease is kept: the port to a row of a database or to a `Lease` of Kubernetes.
///
/// A call that takes too long is dropped, and may take effect or not: the next look at the lease tells.
#[async_trait]
pub trait LeaseStore: Send + Sync + 'static {
    /// The lease as it is; `None` if it was never held.
    async fn read(&self) -> Result<Option<LeaseRecord>, LeaseError>;

    /// Puts `lease` in the place of `seen`, and answers it as it is now. `None` if the lease is not, or no longer, as it was
    /// `seen`: then nothing was written.
    async fn write(&self, seen: Option<&LeaseRecord>, lease: &LeaseRecord) -> Result<Option<LeaseRecord>, LeaseError>;
}

/// How it stands with this process.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "camelCase")]
pub enum LeadershipState {
    /// It leads without an election: there is no other.
    Always,
    /// It was elected.
    Leading {
        /// The number of its term.
        term: u64,
    },
    /// It does not lead.
    Following,
}

impl LeadershipState {
    /// Whether this process leads.
    #[must_use]
    pub fn is_leading(self) -> bool {
        !matches!(self, Self::Following)
    }

    /// The number of the term for which this process was elected.
    #[must_use]
    pub fn term(self) -> Option<u64> {
        match self {
            Self::Leading { term } => Some(term),
            Self::Always | Self::Following => None,
        }
    }
}

/// The leadership as servers show and tools read it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct LeadershipStatus {
    /// How it stands with the process that answers.
    #[serde(flatten)]
    pub state: LeadershipState,
    /// Who leads, as far as this process knows: the identity that the lease names.
    pub leader: Option<String>,
}

/// Says whether this process leads. Cloning is cheap; all clones are the same leadership.
///
/// ```
/// use taskserver_core::{Leadership, LeadershipState};
///
/// assert_eq!(Leadership::always().state(), LeadershipState::Always);
/// ```
#[derive(Clone)]
pub struct Leadership(Option<Arc<Elected>>);

/// What the election shares with those who ask.
struct Elected {
    view: watch::Sender<View>,
    /// The last term that somebody here gave up.
    resigned: watch::Sender<u64>,
    /// Whether the election has begun.
    begun: AtomicBool,
    /// Asks the election to end.
    stop: CancellationToken,
    /// The election has ended.
    ended: CancellationToken,
}

#[derive(Default)]
struct View {
    held: Option<Held>,
    leader: Option<String>,
}

#[derive(Clone, Copy)]
struct Held {
    term: u64,
    /// Until when the lease can be trusted.
    until: Instant,
}

impl Leadership {
    /// The leadership of a process that is alone.
    #[must_use]
    pub fn always() -> Self {
        Self(None)
    }

    fn elected() -> Self {
        Self(Some(Arc::new(Elected {
            view: watch::Sender::default(),
            resigned: watch::Sender::default(),
            begun: AtomicBool::new(false),
            stop: CancellationToken::new(),
            ended: CancellationToken::new(),
        })))
    }

    pub(crate) fn register(&self, metrics: &Metrics) {
        let leadership = self.clone();
        let leading = move || vec![(vec![], f64::from(u8::from(leadership.state().is_leading())))];
        metrics.register("leadership_leading", "Whether this process leads", Observed::gauge(leading));
    }

    /// How it stands now. A lease that can no longer be trusted is none, even before the election has noticed.
    #[must_use]
    pub fn state(&self) -> LeadershipState {
        let Some(elected) = &self.0 else { return LeadershipState::Always };
        match elected.view.borrow().held {
            Some(held) if Instant::now() < held.until => LeadershipState::Leading { term: held.term },
            _ => LeadershipState::Following,
        }
    }

    /// How it stands now, and who leads.
    #[must_use]
    pub fn status(&self) -> LeadershipStatus {
        let leader = self.0.as_ref().and_then(|elected| elected.view.borrow().leader.clone());
        LeadershipStatus { state: self.state(), leader }
    }

    /// Whether `state` is over: a term that has ended, or following.
    #[must_use]
    pub fn has_ended(&self, state: LeadershipState) -> bool {
        !state.is_leading() || self.state() != state
    }

    /// Resolves when this process leads, with the term.
    pub async fn leading(&self) -> LeadershipState {
        let Some(elected) = &self.0 else { return LeadershipState::Always };
        let mut view = elected.view.subscribe();
        loop {
            let state = self.state();
            if state.is_leading() {
                return state;
            }
            // The sender is here, so that there is always somebody to wait for.
            let _ = view.changed().await;
        }
    }

    /// Resolves when `state` is over: at once for following, never for an always-leader's.
    pub async fn ended(&self, state: LeadershipState) {
        match (&self.0, state) {
            (Some(elected), LeadershipState::Leading { term }) => {
                let over = |view: &View| view.held.is_none_or(|held| held.term != term);
                let _ = elected.view.subscribe().wait_for(over).await;
            }
            (None, LeadershipState::Always) => std::future::pending().await,
            _ => {}
        }
    }

    /// Gives a term up, if it is not over already: for a leader which finds that it cannot do its work. For the duration of a
    /// lease this process leaves the lead to others; only then does it compete again.
    pub fn resign(&self, term: u64) {
        if let Some(elected) = &self.0 {
            elected.resigned.send_replace(term);
        }
    }

    /// Ends the election for this process: gives the lease up, if it is held, so that another one can take it at once.
    /// Resolves when that is done, or could not be done in time.
    pub async fn release(&self) {
        let Some(elected) = &self.0 else { return };
        elected.stop.cancel();
        if elected.begun.load(Ordering::SeqCst) {
            elected.ended.cancelled().await;
        }
    }
}
