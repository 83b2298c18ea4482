//! What no leaf shows alone: values of which each is possible, but not beside the others.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use crate::{
    check::{Checked, Typed},
    duration,
    error::Problem,
    schema::{self, MAINTENANCE_TASK, Path},
};

type Leaves = BTreeMap<Path, Checked>;

/// Reports what does not go together.
pub(crate) fn check(checked: &Leaves, problems: &mut Vec<Problem>) {
    pages(checked, problems);
    ports(checked, problems);
    redis(checked, problems);
    tasks(checked, problems);
    maintenance(checked, problems);
}

fn get<'a>(checked: &'a Leaves, key: &str) -> Option<&'a Checked> {
    checked.get(&key.split('.').map(str::to_owned).collect::<Path>())
}

/// A problem of the value of `key`, because of that of another key.
fn problem(key: &str, checked: &Checked, reason: String) -> Problem {
    Problem {
        key: Some(key.to_owned()),
        value: Some(checked.shown()),
        source: checked.source.clone(),
        reason,
        suggestion: None,
    }
}

/// How another key is named in a reason: with what it is, and where that comes from.
fn named(key: &str, checked: &Checked) -> String {
    format!("`{key}`, which is {} (from: {})", checked.shown(), checked.source)
}

fn pages(checked: &Leaves, problems: &mut Vec<Problem>) {
    let (Some(size), Some(most)) = (get(checked, "http.page_size"), get(checked, "http.max_page_size")) else { return };
    if let (Typed::Integer(usual), Typed::Integer(limit)) = (&size.value, &most.value)
        && usual > limit
    {
        let reason = format!("must not be greater than {}", named("http.max_page_size", most));
        problems.push(problem("http.page_size", size, reason));
    }
}

fn ports(checked: &Leaves, problems: &mut Vec<Problem>) {
    if let (Some(port), Some(admin)) = (get(checked, "http.port"), get(checked, "http.admin_port"))
        && port.value == admin.value
    {
        let reason = format!("must be another one than {}", named("http.port", port));
        problems.push(problem("http.admin_port", admin, reason));
    }
}

fn redis(checked: &Leaves, problems: &mut Vec<Problem>) {
    let keys = ["redis.cluster", "redis.sentinel.master", "redis.sentinel.addresses", "redis.tls.ca"];
    let [cluster, master, addresses, ca] = keys.map(|key| get(checked, key));
    if let (Some(cluster), Some(master)) = (cluster, master.or(addresses)) {
        let reason = format!("excludes `redis.sentinel`, which is also given (from: {})", master.source);
        problems.push(problem("redis.cluster", cluster, reason));
    }
    match (master, addresses) {
        (Some(master), None) => {
            let reason = "needs `redis.sentinel.addresses`: where Sentinels can be asked for it".to_owned();
            problems.push(problem("redis.sentinel.master", master, reason));
        }
        (None, Some(addresses)) => {
            let reason = "needs `redis.sentinel.master`: the name by which the Sentinels know the server".to_owned();
            problems.push(problem("redis.sentinel.addresses", addresses, reason));
        }
        _ => {}
    }
    let encrypted = get(checked, "redis.tls.enabled").is_some_and(|enabled| enabled.value == Typed::Bool(true));
    if let (Some(ca), false) = (ca, encrypted) {
        let reason = "has no effect: `redis.tls.enabled` is false".to_owned();
        problems.push(Problem { value: None, ..problem("redis.tls.ca", ca, reason) });
    }
}

/// A task for a statement of `maintenance` needs the statement.
fn maintenance(checked: &Leaves, problems: &mut Vec<Problem>) {
    let mut missing = BTreeSet::new();
    for (path, leaf) in checked {
        let [section, task, _] = &path[..] else { continue };
        let Some(name) = task.strip_prefix(MAINTENANCE_TASK).filter(|_| section == "tasks") else { continue };
        let is_there = problems.iter().any(|problem| is_below(problem, name))
            || checked.contains_key(&["maintenance", name, "sql"].map(str::to_owned)[..]);
        if !is_there && missing.insert(name) {
            problems.push(Problem {
                key: Some(schema::display(&path[..2])),
                value: None,
                source: leaf.source.clone(),
                reason: format!("there is no such task: `maintenance.{name}` is missing"),
                suggestion: None,
            });
        }
    }
}

/// Whether a problem is about this statement of `maintenance`.
fn is_below(problem: &Problem, name: &str) -> bool {
    let key = problem.key.as_deref().and_then(|key| key.strip_prefix("maintenance."));
    key.is_some_and(|key| key.split('.').next() == Some(name))
}

fn tasks(checked: &Leaves, problems: &mut Vec<Problem>) {
    let tasks: BTreeSet<&[String]> =
        checked.keys().filter(|path| path.len() == 3 && path[0] == "tasks").map(|path| &path[..2]).collect();
    for task in tasks {
        let get = |key: &str| checked.get(&[task, &[key.to_owned()]].concat());
        let limit = |key: &str| match get(key) {
            Some(Checked { value: Typed::Duration(limit), source, .. }) => {
                Some((*limit, format!("`{key}`, which is {} (from: {source})", duration::format(*limit))))
            }
            _ => None,
        };
        let day = || (Duration::from_secs(24 * 60 * 60), "a day".to_owned());
        let period = limit("every").or_else(|| get("cron").map(|_| day()));
        for (key, limit, relation) in [
            ("jitter", &period, "must be shorter than"),
            ("offset", &period, "must be shorter than"),
            ("retry_backoff", &limit("retry_backoff_max"), "must not be longer than"),
        ] {
            let (Some((limit, of)), Some(Checked { value: Typed::Duration(length), source, .. })) = (limit, get(key))
            else {
                continue;
            };
            if length > limit || (length == limit && key != "retry_backoff") {
                problems.push(Problem {
                    key: Some(format!("{}.{key}", schema::display(task))),
                    value: Some(schema::quoted(&duration::format(*length))),
                    source: source.clone(),
                    reason: format!("{relation} {of}"),
                    suggestion: None,
                });
            }
        }
    }
}
