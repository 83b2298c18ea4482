//! How outcomes, states and levels are called, and which sign they have.

use maud::{Markup, html};
use serde::{Deserialize, Serialize};
use taskserver_core::{Health, Outcome};

/// How something stands, from what is fine to what must be looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Tone {
    /// Nothing to say about it.
    Quiet,
    /// It works.
    Good,
    /// Something is about to happen or is under way.
    Busy,
    /// Somebody should look at it.
    Warning,
    /// It does not work.
    Bad,
}

impl Tone {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Quiet => "quiet",
            Self::Good => "good",
            Self::Busy => "busy",
            Self::Warning => "warning",
            Self::Bad => "bad",
        }
    }

    /// A sign, which differs in its form and not in its colour alone.
    pub(crate) fn sign(self) -> Markup {
        html! {
            svg class={ "sign " (self.name()) } viewBox="0 0 16 16" aria-hidden="true" {
                @match self {
                    Self::Good => { circle cx="8" cy="8" r="7" {} path d="M4.8 8.3l2.2 2.2 4.3-4.6" {} }
                    Self::Bad => { circle cx="8" cy="8" r="7" {} path d="M5.5 5.5l5 5M10.5 5.5l-5 5" {} }
                    Self::Warning => { path.shape d="M8 1.4L15 14H1z" {} path d="M8 6v3.6M8 11.7v.3" {} }
                    Self::Busy => { circle cx="8" cy="8" r="7" {} path d="M8 4.4V8l2.4 1.6" {} }
                    Self::Quiet => { circle cx="8" cy="8" r="7" {} path d="M5 8h6" {} }
                }
            }
        }
    }

    /// The sign and a word for it.
    pub(crate) fn label(self, word: &str) -> Markup {
        html! { span class={ "label " (self.name()) } { (self.sign()) (word) } }
    }
}

pub(crate) fn of_outcome(outcome: Option<Outcome>) -> Tone {
    match outcome {
        None => Tone::Busy,
        Some(Outcome::Succeeded) => Tone::Good,
        Some(Outcome::Skipped | Outcome::Cancelled) => Tone::Quiet,
        Some(Outcome::Lost) => Tone::Warning,
        Some(Outcome::Failed | Outcome::TimedOut | Outcome::Panicked) => Tone::Bad,
    }
}

/// The outcome for people.
pub(crate) fn word(outcome: Option<Outcome>) -> &'static str {
    match outcome {
        None => "running",
        Some(Outcome::Succeeded) => "succeeded",
        Some(Outcome::Failed) => "failed",
        Some(Outcome::TimedOut) => "timed out",
        Some(Outcome::Cancelled) => "cancelled",
        Some(Outcome::Panicked) => "panicked",
        Some(Outcome::Skipped) => "skipped",
        Some(Outcome::Lost) => "lost",
    }
}

/// The name of an outcome's tone, as a class.
pub(crate) fn name(outcome: Option<Outcome>) -> &'static str {
    of_outcome(outcome).name()
}

pub(crate) fn of_health(health: &Health) -> Tone {
    match health {
        Health::Ready => Tone::Good,
        Health::Starting => Tone::Busy,
        Health::Degraded(_) => Tone::Warning,
        Health::Down(_) => Tone::Bad,
        Health::Disabled(_) => Tone::Quiet,
    }
}

pub(crate) fn health_word(health: &Health) -> &'static str {
    match health {
        Health::Ready => "works",
        Health::Starting => "starting",
        Health::Degraded(_) => "degraded",
        Health::Down(_) => "down",
        Health::Disabled(_) => "off",
    }
}
