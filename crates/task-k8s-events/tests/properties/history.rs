//! What the server ever had, held against what is stored.

use std::collections::{BTreeMap, BTreeSet};

use task_k8s_events::{Cursor, Namespaces};
use taskserver_tests::kubernetes::{ApiServer, ChangeKind, Resource};

use crate::sink::{Contents, Event};

/// The life of an event on the server.
struct Life {
    namespace: String,
    /// Its versions, with their counts.
    versions: Vec<(u64, i64)>,
    deleted: Option<u64>,
}

impl Life {
    /// Its version at a revision of the server, if it was there.
    fn at(&self, revision: u64) -> Option<u64> {
        let version = self.versions.iter().rev().map(|(version, _)| *version).find(|version| *version <= revision)?;
        self.deleted.is_none_or(|deleted| revision < deleted).then_some(version)
    }
}

/// What the stored cursors say: up to which versions everything was stored, by scope.
#[derive(Default)]
pub(crate) struct Progress {
    /// The version from which on a scope was followed: of its first cursor.
    starts: BTreeMap<String, u64>,
    /// Of all its cursors that were not in the middle of a list.
    reached: BTreeMap<String, BTreeSet<u64>>,
    follows: bool,
}

impl Progress {
    pub(crate) fn stored(&mut self, cursor: &Cursor) {
        let cursor = serde_json::to_value(cursor).expect("a cursor is JSON");
        let positions = cursor["positions"].as_object().expect("positions");
        self.follows = true;
        for (scope, position) in positions {
            let is_listing = position["phase"] == "listing";
            let point = if is_listing { &position["start"] } else { position };
            let version = point["resource_version"].as_str().expect("a version").parse().expect("a number");
            self.starts.entry(scope.clone()).or_insert(version);
            if is_listing {
                self.follows = false;
            } else {
                self.reached.entry(scope.clone()).or_default().insert(version);
            }
        }
    }

    /// Whether no list is under way, whose end could still tell of a gap.
    pub(crate) fn follows(&self) -> bool {
        self.follows
    }

    /// What is known of the scope that a namespace belongs to.
    fn of<'a, T>(known: &'a BTreeMap<String, T>, namespace: &str) -> Option<&'a T> {
        let all = || known.iter().find(|(scope, _)| scope.starts_with("namespaces=")).map(|(_, known)| known);
        known.get(&format!("namespace={namespace}")).or_else(all)
    }
}

/// Checks that what is stored is what the server had, or that a gap covers the difference.
pub(crate) fn check(
    server: &ApiServer,
    namespaces: &Namespaces,
    polls: bool,
    progress: &Progress,
    contents: &Contents,
) -> Result<(), String> {
    let lives = lives(server);
    for (uid, event) in &contents.events {
        let Some(life) = lives.get(uid) else {
            return Err(format!("the server never had the event {uid:?}: {event:?}"));
        };
        if !namespaces.contains(&life.namespace) {
            return Err(format!("an event of the namespace {} was not asked for", life.namespace));
        }
    }
    if let Some(gap) = contents.gaps.iter().find(|gap| gap.from > gap.to) {
        return Err(format!("a gap ends before it begins: {gap:?}"));
    }
    for (uid, life) in lives.iter().filter(|(_, life)| namespaces.contains(&life.namespace)) {
        let stored = contents.events.get(uid).copied();
        let problem = match polls {
            true => check_polled(life, progress, stored),
            false => check_watched(life, progress, stored, contents),
        };
        problem.map_err(|problem| {
            format!("{uid} in {} is stored as {stored:?}: {problem}; gaps: {:?}", life.namespace, contents.gaps)
        })?;
    }
    Ok(())
}

fn lives(server: &ApiServer) -> BTreeMap<String, Life> {
    let mut lives = BTreeMap::new();
    for change in server.changes().into_iter().filter(|change| change.resource == Resource::Events) {
        let text = |field: &str| change.object["metadata"][field].as_str().expect("a text").to_owned();
        let life = lives.entry(text("uid")).or_insert_with(|| Life {
            namespace: text("namespace"),
            versions: Vec::new(),
            deleted: None,
        });
        match change.kind {
            ChangeKind::Deleted => life.deleted = Some(change.revision),
            _ => life.versions.push((change.revision, change.object["count"].as_i64().unwrap_or_default())),
        }
    }
    lives
}

/// A watch sees everything, deletions too, but for what a gap covers.
fn check_watched(life: &Life, progress: &Progress, stored: Option<Event>, contents: &Contents) -> Result<(), String> {
    let start = Progress::of(&progress.starts, &life.namespace).copied().unwrap_or_default();
    if life.deleted.is_some_and(|deleted| deleted <= start) {
        return Ok(());
    }
    let (version, count) = *life.versions.last().expect("a version");
    let expected = Event { version: life.deleted.unwrap_or(version), count, is_deleted: life.deleted.is_some() };
    let is_in_gap = |revision: u64| {
        contents.gaps.iter().any(|gap| {
            gap.namespace.as_ref().is_none_or(|scope| *scope == life.namespace)
                && gap.from < revision
                && revision <= gap.to
        })
    };
    if stored == Some(expected) || life.deleted.is_some_and(is_in_gap) {
        return Ok(());
    }
    Err(format!("in place of {expected:?}"))
}

/// Polls see what is there at the time of a list, in the version of that time or a later one; and no deletions.
fn check_polled(life: &Life, progress: &Progress, stored: Option<Event>) -> Result<(), String> {
    let (newest, newest_count) = *life.versions.last().expect("a version");
    if life.deleted.is_none() {
        let expected = Event { version: newest, count: newest_count, is_deleted: false };
        return if stored == Some(expected) { Ok(()) } else { Err(format!("in place of {expected:?}")) };
    }
    let reached = Progress::of(&progress.reached, &life.namespace);
    let seen = reached.and_then(|reached| reached.iter().rev().find_map(|revision| life.at(*revision)));
    match (stored, seen) {
        (None, None) => Ok(()),
        (None, Some(version)) => Err(format!("a list had its version {version}")),
        (Some(event), seen) => {
            let is_one = life.versions.contains(&(event.version, event.count)) && !event.is_deleted;
            let is_late = seen.is_some_and(|version| event.version < version);
            if is_one && !is_late { Ok(()) } else { Err(format!("a list had its version {seen:?}")) }
        }
    }
}
