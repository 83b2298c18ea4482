//! Receivers: who is told of alerts and reports.

#[cfg(feature = "http")]
mod alertmanager;
#[cfg(feature = "http")]
mod http;
#[cfg(feature = "http")]
mod https;
mod log;
#[cfg(feature = "http")]
mod webhook;

use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;

#[cfg(feature = "http")]
pub use alertmanager::Alertmanager;
#[cfg(feature = "http")]
pub use http::{Endpoint, EndpointError};
#[cfg(feature = "http")]
pub use https::https_connector;
pub use log::Log;
#[cfg(feature = "http")]
pub use webhook::{SigningSecret, SigningSecretError, Webhook};

use crate::{AlertRecord, ReportRecord};

/// What a receiver is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delivery {
    /// The same in every attempt, and different for everything else that is told: a receiver can tell by it what it knows.
    pub id: String,
    /// What it is about.
    pub content: Content,
}

/// What something that is told is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Content {
    /// An alert, which has come into this state. All else is as it is now.
    Alert(AlertRecord),
    /// A report.
    Report(ReportRecord),
}

/// Why something was not delivered. No text of it holds a secret.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DeliveryError {
    /// The receiver cannot be told anything at present.
    #[error("{reason}")]
    Unavailable {
        /// Why.
        reason: String,
        /// How long the receiver asks to wait.
        retry_after: Option<Duration>,
    },
    /// The receiver does not take this; others it may.
    #[error("{0}")]
    Rejected(String),
}

impl DeliveryError {
    /// The kind of the error in a word.
    pub(crate) fn kind(&self) -> &'static str {
        match self {
            Self::Unavailable { .. } => "unavailable",
            Self::Rejected(_) => "rejected",
        }
    }
}

/// Who is told of alerts and reports.
#[async_trait]
pub trait Receiver: Send + Sync + 'static {
    /// Tells one thing. It may be told again after a crash: see [`Delivery::id`].
    async fn deliver(&self, delivery: &Delivery, now: Timestamp) -> Result<(), DeliveryError>;

    /// How often it wants to be reminded of all alerts that are firing, if at all.
    fn remind_every(&self) -> Option<Duration> {
        None
    }

    /// Reminds it of alerts that are firing.
    async fn remind(&self, _firing: &[AlertRecord], _now: Timestamp) -> Result<(), DeliveryError> {
        Ok(())
    }
}
