//! What to collect, and within which limits.

use std::time::Duration;

use crate::Error;

/// Options of a [`Collector`](crate::Collector). The defaults suit a cluster of any size.
#[derive(Debug, Clone)]
pub struct CollectorOptions {
    /// The cluster's name, which every record carries and every cursor is bound to.
    pub cluster: String,
    /// Whose events to collect.
    pub namespaces: Namespaces,
    /// A field selector that the server applies, such as `type=Warning`.
    pub field_selector: Option<String>,
    /// A label selector that the server applies.
    pub label_selector: Option<String>,
    /// How to learn of new events.
    pub mode: Mode,
    /// How many events a page of a list has. Pages that turn out larger than `max_response_bytes` are asked for smaller.
    pub page_size: u32,
    /// How many events a batch of a watch has at most.
    pub max_batch: usize,
    /// How long the first event of a batch waits for others.
    pub max_batch_delay: Duration,
    /// How long one watch lasts before it is opened anew. A connection that died without a word is noticed after this
    /// time, because nothing need come on a watch of events. Whole seconds.
    pub watch_timeout: Duration,
    /// How long any other answer may take, from its request to its last byte.
    pub request_timeout: Duration,
    /// The most bytes of one answer, or of one line of a watch, to hold in memory.
    pub max_response_bytes: usize,
    /// The most bytes of a message to keep; of a longer one the start is kept, with a marker.
    pub max_message_bytes: usize,
    /// The wait after a first failure; it doubles with each further one.
    pub min_backoff: Duration,
    /// The longest wait after failures, unless the server asks for a longer one.
    pub max_backoff: Duration,
    /// The most requests a second that this collector makes, whatever its number of namespaces.
    pub max_requests_per_second: u32,
    /// How long the server keeps an event after it was written last (`--event-ttl`). When lists of polls lie further apart,
    /// there is a gap between them.
    pub event_ttl: Duration,
}

impl Default for CollectorOptions {
    fn default() -> Self {
        Self {
            cluster: "default".to_owned(),
            namespaces: Namespaces::all(),
            field_selector: None,
            label_selector: None,
            mode: Mode::Watch,
            page_size: 500,
            max_batch: 500,
            max_batch_delay: Duration::from_millis(20),
            watch_timeout: Duration::from_secs(60),
            request_timeout: Duration::from_secs(30),
            max_response_bytes: 16 * 1024 * 1024,
            max_message_bytes: 8 * 1024,
            min_backoff: Duration::from_millis(500),
            max_backoff: Duration::from_secs(30),
            max_requests_per_second: 50,
            event_ttl: Duration::from_secs(3600),
        }
    }
}

/// How a collector learns of new events.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Mode {
    /// One list, and then watches from where it ended. Needs the verbs `list` and `watch`.
    #[default]
    Watch,
    /// A list after each interval, for clusters that allow no watch. Needs the verb `list` only, and costs more.
    ///
    /// Of each list, what is newer than the one before is delivered, so that every event that is there at the time of a list
    /// is, in the version that it has then. Between two lists
    ///
    /// - versions in between are not seen, which costs nothing: an event counts up;
    /// - deletions are not told: what was deleted or has expired is not listed any more, and its record stays as it is;
    /// - what is written and expires again would never be seen. Where lists lie further apart than
    ///   [`event_ttl`](CollectorOptions::event_ttl), because of failures or while nothing ran, a [`Gap`](crate::Gap) says so;
    /// - what is written and deleted again, by somebody's hand or with its namespace, is not seen, and nothing can tell.
    Poll {
        /// The time between the starts of two lists.
        interval: Duration,
    },
}

impl Mode {
    /// The RBAC verbs that it needs.
    pub(crate) fn verbs(self) -> &'static [&'static str] {
        match self {
            Self::Watch => &["list", "watch"],
            Self::Poll { .. } => &["list"],
        }
    }
}

/// A choice of namespaces, by names and by patterns in which `*` stands for any characters.
///
/// When all that is included are names, each namespace is collected on its own, which needs rights in these namespaces
/// only. Otherwise the events of the whole cluster are, and those of other namespaces are left out on arrival.
///
/// ```
/// use task_k8s_events::Namespaces;
///
/// let namespaces = Namespaces::all().including("ir-*").excluding("ir-engine-builder");
/// assert!(namespaces.contains("ir-engine"));
/// assert!(!namespaces.contains("ir-engine-builder"));
/// assert!(!namespaces.contains("kube-system"));
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Namespaces {
    include: Vec<String>,
    exclude: Vec<String>,
}

impl Namespaces {
    /// Every namespace, until something is included.
    pub fn all() -> Self {
        Self::default()
    }

    /// Includes the namespaces of this name or pattern.
    #[must_use]
    pub fn including(mut self, pattern: impl Into<String>) -> Self {
        self.include.push(pattern.into());
        self
    }

    /// Leaves out the namespaces of this name or pattern.
    #[must_use]
    pub fn excluding(mut self, pattern: impl Into<String>) -> Self {
        self.exclude.push(pattern.into());
        self
    }

    /// Whether a namespace is one of these.
    pub fn contains(&self, namespace: &str) -> bool {
        let any = |patterns: &[String]| patterns.iter().any(|pattern| matches(pattern, namespace));
        (self.include.is_empty() || any(&self.include)) && !any(&self.exclude)
    }

    /// The names to collect one by one; nothing when the whole cluster is to be read.
    pub(crate) fn names(&self) -> Option<Vec<&str>> {
        if self.include.is_empty() || self.include.iter().any(|pattern| pattern.contains('*')) {
            return None;
        }
        let mut names: Vec<&str> = self.include.iter().map(String::as_str).filter(|name| self.contains(name)).collect();
        names.sort_unstable();
        names.dedup();
        Some(names)
    }

    /// The patterns in one text: a cursor is not continued when they have changed.
    pub(crate) fn fingerprint(&self) -> String {
        let excluded = self.exclude.iter().map(|pattern| format!("!{pattern}"));
        self.include.iter().cloned().chain(excluded).collect::<Vec<_>>().join(",")
    }
}

/// Whether `text` is what `pattern` says, with `*` for any characters.
fn matches(pattern: &str, text: &str) -> bool {
    let Some((start, mut rest)) = pattern.split_once('*') else {
        return pattern == text;
    };
    let Some(mut text) = text.strip_prefix(start) else {
        return false;
    };
    while let Some((middle, after)) = rest.split_once('*') {
        let Some(found) = text.find(middle) else {
            return false;
        };
        text = &text[found + middle.len()..];
        rest = after;
    }
    text.ends_with(rest)
}

impl CollectorOptions {
    /// Checks what the types leave open.
    ///
    /// # Errors
    /// [`Error::Options`].
    pub fn check(&self) -> Result<(), Error> {
        let invalid = |option, problem: String| Err(Error::Options { option, problem });
        if self.page_size == 0 {
            return invalid("page_size", "0 would ask for everything in one page; give 1 or more".to_owned());
        }
        if self.max_batch == 0 {
            return invalid("max_batch", "a batch has at least 1 event".to_owned());
        }
        if self.watch_timeout < Duration::from_secs(1) {
            return invalid("watch_timeout", "the server counts in whole seconds; give 1 or more".to_owned());
        }
        if let Mode::Poll { interval } = self.mode
            && (interval.is_zero() || interval >= self.event_ttl)
        {
            let problem = format!(
                "the interval of polls is more than 0 and less than event_ttl ({:?}), after which events are gone",
                self.event_ttl
            );
            return invalid("mode", problem);
        }
        if self.max_requests_per_second == 0 {
            return invalid(
                "max_requests_per_second",
                "without requests nothing is collected; give 1 or more".to_owned(),
            );
        }
        if self.min_backoff.is_zero() || self.max_backoff < self.min_backoff {
            return invalid("min_backoff", "it is more than 0 and at most max_backoff".to_owned());
        }
        for pattern in self.namespaces.include.iter().chain(&self.namespaces.exclude) {
            let allowed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '-' | '*');
            if pattern.is_empty() || pattern.len() > 63 || !pattern.chars().all(allowed) {
                let problem = format!(
                    "{pattern:?} is neither the name of a namespace (at most 63 of a-z, 0-9 and -) nor a pattern of one \
                     (the same, with * for any characters)"
                );
                return invalid("namespaces", problem);
            }
        }
        if self.namespaces.names().is_some_and(|names| names.is_empty()) {
            return invalid("namespaces", "every included namespace is also excluded".to_owned());
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_star_stands_for_any_characters() {
        for (pattern, text, expected) in [
            ("a", "a", true),
            ("a", "ab", false),
            ("*", "", true),
            ("a*", "abc", true),
            ("*c", "abc", true),
            ("a*c", "ac", true),
            ("a*c", "acb", false),
            ("ab*bc", "abc", false),
            ("a*b*c", "a-b-c", true),
            ("a*b*c", "a-c-b", false),
            ("*-canary-*", "ir-canary-7", true),
        ] {
            assert_eq!(matches(pattern, text), expected, "{pattern} on {text}");
        }
    }

    #[test]
    fn names_alone_are_collected_one_by_one_and_patterns_from_the_whole_cluster() {
        assert_eq!(Namespaces::all().names(), None);
        assert_eq!(Namespaces::all().excluding("kube-system").names(), None);
        assert_eq!(Namespaces::all().including("a").including("b-*").names(), None);
        let names = Namespaces::all().including("b").including("a").including("b").including("c").excluding("c*");
        assert_eq!(names.names(), Some(vec!["a", "b"]));
    }

    #[test]
    fn unusable_options_are_refused_by_name() {
        let message = |options: CollectorOptions| options.check().map_err(|error| error.to_string());
        let default = CollectorOptions::default;
        assert_eq!(message(default()), Ok(()));
        assert_eq!(
            message(CollectorOptions { page_size: 0, ..default() }),
            Err("invalid option page_size: 0 would ask for everything in one page; give 1 or more".to_owned())
        );
        assert_eq!(
            message(CollectorOptions { mode: Mode::Poll { interval: Duration::from_secs(3600) }, ..default() }),
            Err("invalid option mode: the interval of polls is more than 0 and less than event_ttl (3600s), after which \
                 events are gone"
                .to_owned())
        );
        assert_eq!(
            message(CollectorOptions { namespaces: Namespaces::all().including("Prod/x"), ..default() }),
            Err("invalid option namespaces: \"Prod/x\" is neither the name of a namespace (at most 63 of a-z, 0-9 and -) \
                 nor a pattern of one (the same, with * for any characters)"
                .to_owned())
        );
        assert_eq!(
            message(CollectorOptions { namespaces: Namespaces::all().including("a").excluding("*"), ..default() }),
            Err("invalid option namespaces: every included namespace is also excluded".to_owned())
        );
    }
}
