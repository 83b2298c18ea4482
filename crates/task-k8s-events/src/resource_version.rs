//! Versions of objects and lists.

use std::cmp::Ordering;
use std::fmt;

use serde::{Deserialize, Serialize};

/// A resourceVersion: what the server gives, to be given back unchanged.
///
/// Kubernetes makes them decimal numbers that grow with every write (KEP-5504); where both are, they are ordered. A server
/// that gives anything else still works: its versions are then only equal or different.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ResourceVersion(String);

impl ResourceVersion {
    pub(crate) fn new(version: impl Into<String>) -> Self {
        Self(version.into())
    }

    /// The version as the server gave it.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The version as a number, when it is one.
    pub fn number(&self) -> Option<u64> {
        self.0.parse().ok()
    }

    /// Whether an object of this version replaces one of the `other` version. Of versions that have no order, the one that
    /// came later does.
    pub fn replaces(&self, other: &Self) -> bool {
        match self.order(other) {
            Some(order) => order == Ordering::Greater,
            None => self != other,
        }
    }

    pub(crate) fn order(&self, other: &Self) -> Option<Ordering> {
        Some(self.number()?.cmp(&other.number()?))
    }
}

impl fmt::Display for ResourceVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_ordered_as_numbers_and_anything_else_is_only_different() {
        let replaces = |new: &str, old: &str| ResourceVersion::new(new).replaces(&ResourceVersion::new(old));
        assert!(replaces("1000", "999"));
        assert!(!replaces("999", "1000"));
        assert!(!replaces("7", "7"));
        assert!(replaces("b", "a"));
        assert!(replaces("a", "b"));
        assert!(!replaces("a", "a"));
    }
}
