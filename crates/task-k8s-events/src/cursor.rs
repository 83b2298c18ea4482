//! How far a collector has come, and what it has missed.

use std::collections::BTreeMap;
use std::fmt;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::ResourceVersion;

/// How far a collector has come, to be stored together with what it covers and given back at the next start.
///
/// It is opaque, and serialises as a small JSON object. For a collector with another cluster name, other selectors or other
/// namespaces it has no meaning: such a collector lists everything anew.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cursor {
    pub(crate) cluster: String,
    /// By the scope's key.
    pub(crate) positions: BTreeMap<String, Position>,
}

/// How far one scope has come.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "phase", rename_all = "snake_case")]
pub(crate) enum Position {
    /// In the middle of a list.
    Listing(Listing),
    /// Everything up to this version is stored.
    Following(Point),
}

/// A list of which some pages are stored.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Listing {
    /// Of the list, from its first page: where the watch will start.
    pub(crate) start: Point,
    pub(crate) continue_token: String,
    /// What the end of the list will be the end of.
    pub(crate) missed: Option<Missed>,
    /// In a poll: what the one before has delivered need not be delivered again.
    pub(crate) delivered: Option<Point>,
}

/// The start of a gap whose end is not known yet.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Missed {
    pub(crate) from: Point,
    pub(crate) why: GapReason,
}

/// A moment in the server's history.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Point {
    /// The version of the server's state.
    pub resource_version: ResourceVersion,
    /// When we knew of it, by our clock.
    pub at: Timestamp,
}

/// A stretch of the server's history that could not be read. What was written in it and was gone before its end is lost;
/// all else was found by the list that ends it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Gap {
    /// The namespace; nothing when it is all of the cluster.
    pub namespace: Option<String>,
    /// Up to here everything is stored.
    pub from: Point,
    /// From here on everything is.
    pub to: Point,
    /// Why.
    pub why: GapReason,
}

/// Why a stretch of history could not be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum GapReason {
    /// The server had compacted it (410).
    Expired,
    /// The server had compacted it in the middle of a list.
    ListExpired,
    /// Watches of it ended at once and empty.
    EmptyWatch,
    /// The server was restored from a backup or set up anew.
    HistoryReset,
    /// Two polls were further apart than events are kept.
    LatePoll,
}

impl GapReason {
    #[cfg(feature = "store")]
    pub(crate) const ALL: [Self; 5] =
        [Self::Expired, Self::ListExpired, Self::EmptyWatch, Self::HistoryReset, Self::LatePoll];
}

impl fmt::Display for GapReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Expired => "expired",
            Self::ListExpired => "list_expired",
            Self::EmptyWatch => "empty_watch",
            Self::HistoryReset => "history_reset",
            Self::LatePoll => "late_poll",
        })
    }
}
