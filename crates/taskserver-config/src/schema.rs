//! The one list of all keys: what type each has, which values it takes, whether it is secret and whether it can change while
//! the server runs. Checks, suggestions, redaction, reloads and the test of `config/default.toml` are all driven by it.
//!
//! A `*` in a key stands for a name: of a task, which must be known, or of a metric, a token and the like, which is free.

use std::collections::{BTreeMap, BTreeSet};

use crate::{rules, suggest};

/// A key by its segments. A segment is never split again, so that a name may have a dot in it.
pub(crate) type Path = Vec<String>;

/// The tasks that the server brings.
pub(crate) const BUILT_IN_TASKS: [&str; 10] = [
    "alerts-maintenance",
    "analytics",
    "analytics-maintenance",
    "analytics-rollup",
    "job-retention",
    "kubernetes-events-maintenance",
    "monitoring",
    "report",
    "self-check",
    "task-run-retention",
];

/// What the names of tasks begin with that carry out the statements of `maintenance`.
pub(crate) const MAINTENANCE_TASK: &str = "maintenance-";

/// The suffix of a key that names the file with the value of another key.
pub(crate) const FILE_SUFFIX: &str = "_file";

/// One key that has a value.
pub(crate) struct Leaf {
    /// The key.
    pub(crate) key: &'static str,
    /// What values it takes.
    pub(crate) kind: Kind,
    /// Whether the value is hidden wherever it would be shown.
    pub(crate) secret: bool,
    /// Whether a change is applied while the server runs.
    pub(crate) live: bool,
    /// The value that stands for none, where there may be none.
    pub(crate) none: Option<&'static str>,
}

/// What values a key takes.
#[derive(Clone, Copy)]
pub(crate) enum Kind {
    /// `true` or `false`.
    Bool,
    /// A whole number from the first to the second.
    Integer(u64, u64),
    /// A length of time in milliseconds from the first to the second.
    Duration(u64, u64),
    /// One of these words.
    OneOf(&'static [&'static str]),
    /// A text of the form that the rule checks. What the rule returns is the value.
    Text(rules::Rule),
}

impl Leaf {
    const fn new(key: &'static str, kind: Kind) -> Self {
        Self { key, kind, secret: false, live: false, none: None }
    }

    const fn secret(mut self) -> Self {
        self.secret = true;
        self
    }

    const fn live(mut self) -> Self {
        self.live = true;
        self
    }

    const fn none(mut self, value: &'static str) -> Self {
        self.none = Some(value);
        self
    }

    fn segments(&self) -> impl Iterator<Item = &'static str> {
        self.key.split('.')
    }
}

const SECOND: u64 = 1000;
const MINUTE: u64 = 60 * SECOND;
const HOUR: u64 = 60 * MINUTE;
const DAY: u64 = 24 * HOUR;

const ALGORITHMS: &[&str] = &[
    "HS256", "HS384", "HS512", "RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA",
];

/// Every key.
pub(crate) const LEAVES: &[Leaf] = &[
    Leaf::new("http.host", Kind::Text(rules::ip_address)),
    Leaf::new("http.port", Kind::Integer(0, 65_535)),
    Leaf::new("http.admin_port", Kind::Integer(1, 65_535)).none(""),
    Leaf::new("http.max_connections", Kind::Integer(1, 1_000_000)),
    Leaf::new("http.header_timeout", Kind::Duration(1, HOUR)),
    Leaf::new("http.idle_timeout", Kind::Duration(1, DAY)),
    Leaf::new("http.request_timeout", Kind::Duration(1, HOUR)),
    Leaf::new("http.max_header_bytes", Kind::Integer(8192, 1 << 20)),
    Leaf::new("http.max_headers", Kind::Integer(1, 10_000)),
    Leaf::new("http.max_body_bytes", Kind::Integer(1, 1 << 30)),
    Leaf::new("http.max_concurrent_streams", Kind::Integer(1, 1_000_000)),
    Leaf::new("http.ping_interval", Kind::Duration(1, HOUR)),
    Leaf::new("http.ping_timeout", Kind::Duration(1, HOUR)),
    Leaf::new("http.compression_min_bytes", Kind::Integer(0, 1 << 30)),
    Leaf::new("http.page_size", Kind::Integer(1, 1_000_000)),
    Leaf::new("http.max_page_size", Kind::Integer(1, 1_000_000)),
    Leaf::new("http.max_event_streams", Kind::Integer(0, 1_000_000)),
    Leaf::new("http.max_event_stream_age", Kind::Duration(SECOND, DAY)),
    Leaf::new("http.event_log_size", Kind::Integer(0, 1_000_000)),
    Leaf::new("http.cors_origins", Kind::Text(rules::origins)).none(""),
    Leaf::new("http.trusted_proxies", Kind::Text(rules::networks)).none(""),
    Leaf::new("http.protect_metrics", Kind::Bool),
    Leaf::new("http.protect_pages", Kind::Bool),
    Leaf::new("http.session_lifetime", Kind::Duration(MINUTE, 30 * DAY)),
    Leaf::new("http.writes", Kind::Bool),
    Leaf::new("http.services.*.methods", Kind::Text(rules::methods)),
    Leaf::new("http.services.*.scope", Kind::Text(rules::not_empty)),
    Leaf::new("http.services.*.scopes.find", Kind::Text(rules::not_empty)),
    Leaf::new("http.services.*.scopes.get", Kind::Text(rules::not_empty)),
    Leaf::new("http.services.*.scopes.create", Kind::Text(rules::not_empty)),
    Leaf::new("http.services.*.scopes.update", Kind::Text(rules::not_empty)),
    Leaf::new("http.services.*.scopes.patch", Kind::Text(rules::not_empty)),
    Leaf::new("http.services.*.scopes.remove", Kind::Text(rules::not_empty)),
    Leaf::new("database.url", Kind::Text(rules::database_url)).secret(),
    Leaf::new("database.password", Kind::Text(rules::any)).secret().none(""),
    Leaf::new("database.create_platform_tables", Kind::OneOf(&["auto", "true", "false"])),
    Leaf::new("database.migrate", Kind::Bool),
    Leaf::new("database.max_connections", Kind::Integer(1, 1000)),
    Leaf::new("database.connect_timeout", Kind::Duration(1, HOUR)),
    Leaf::new("database.acquire_timeout", Kind::Duration(1, HOUR)),
    Leaf::new("database.statement_timeout", Kind::Duration(1, DAY)),
    Leaf::new("database.tls.ca", Kind::Text(rules::certificates)).none(""),
    Leaf::new("redis.enabled", Kind::Bool),
    Leaf::new("redis.address", Kind::Text(rules::host)),
    Leaf::new("redis.port", Kind::Integer(1, 65_535)),
    Leaf::new("redis.username", Kind::Text(rules::any)).none(""),
    Leaf::new("redis.password", Kind::Text(rules::any)).secret().none(""),
    Leaf::new("redis.tls.enabled", Kind::Bool),
    Leaf::new("redis.tls.ca", Kind::Text(rules::certificates)).none(""),
    Leaf::new("redis.sentinel.master", Kind::Text(rules::any)).none(""),
    Leaf::new("redis.sentinel.addresses", Kind::Text(rules::endpoints)).none(""),
    Leaf::new("redis.sentinel.password", Kind::Text(rules::any)).secret().none(""),
    Leaf::new("redis.cluster", Kind::Text(rules::endpoints)).none(""),
    Leaf::new("redis.publish", Kind::Text(rules::services)).none(""),
    Leaf::new("redis.receive", Kind::Text(rules::services)).none(""),
    Leaf::new("redis.channel", Kind::Text(rules::not_empty)),
    Leaf::new("redis.queue", Kind::Integer(1, 1_000_000)),
    Leaf::new("redis.max_message_bytes", Kind::Integer(1024, 1 << 30)),
    Leaf::new("kubernetes.enabled", Kind::Bool),
    Leaf::new("kubernetes.kubeconfig", Kind::Text(rules::any)).none(""),
    Leaf::new("kubernetes.context", Kind::Text(rules::any)).none(""),
    Leaf::new("kubernetes.cluster", Kind::Text(rules::cluster)),
    Leaf::new("kubernetes.events.enabled", Kind::Bool),
    Leaf::new("kubernetes.events.namespaces", Kind::Text(rules::namespaces)).none(""),
    Leaf::new("kubernetes.events.exclude_namespaces", Kind::Text(rules::namespaces)).none(""),
    Leaf::new("kubernetes.events.field_selector", Kind::Text(rules::any)).none(""),
    Leaf::new("kubernetes.events.label_selector", Kind::Text(rules::any)).none(""),
    Leaf::new("kubernetes.events.include", Kind::Text(rules::any)).live().none(""),
    Leaf::new("kubernetes.events.exclude", Kind::Text(rules::any)).live().none(""),
    Leaf::new("kubernetes.events.mode", Kind::OneOf(&["watch", "poll"])),
    Leaf::new("kubernetes.events.poll_every", Kind::Duration(SECOND, DAY)),
    Leaf::new("kubernetes.events.page_size", Kind::Integer(1, 10_000)),
    Leaf::new("kubernetes.events.max_batch", Kind::Integer(1, 10_000)),
    Leaf::new("kubernetes.events.max_batch_delay", Kind::Duration(1, MINUTE)),
    Leaf::new("kubernetes.events.max_requests_per_second", Kind::Integer(1, 10_000)),
    Leaf::new("kubernetes.events.log_lines", Kind::Integer(0, 1_000_000)),
    Leaf::new("kubernetes.events.log_window", Kind::Duration(SECOND, HOUR)),
    Leaf::new("kubernetes.events.normal.retention", Kind::Duration(0, 36_600 * DAY)).live().none("0"),
    Leaf::new("kubernetes.events.normal.limit", Kind::Integer(0, i64::MAX.unsigned_abs())).live().none("0"),
    Leaf::new("kubernetes.events.warning.retention", Kind::Duration(0, 36_600 * DAY)).live().none("0"),
    Leaf::new("kubernetes.events.warning.limit", Kind::Integer(0, i64::MAX.unsigned_abs())).live().none("0"),
    Leaf::new("kubernetes.events.count_retention", Kind::Duration(0, 36_600 * DAY)).live().none("0"),
    Leaf::new("alerts.retention", Kind::Duration(0, 36_600 * DAY)).live().none("0"),
    Leaf::new("alerts.delivery_retention", Kind::Duration(0, 36_600 * DAY)).live().none("0"),
    Leaf::new("alerts.retry_backoff", Kind::Duration(1, DAY)),
    Leaf::new("alerts.retry_backoff_max", Kind::Duration(1, DAY)),
    Leaf::new("alerts.max_attempts", Kind::Integer(1, 1000)),
    Leaf::new("alerts.rules.*.enabled", Kind::Bool).live(),
    Leaf::new("alerts.rules.*.expression", Kind::Text(rules::not_empty)).live(),
    Leaf::new("alerts.rules.*.level", Kind::OneOf(&rules::ALERT_LEVELS)).live(),
    Leaf::new("alerts.rules.*.summary", Kind::Text(rules::any)).live(),
    Leaf::new("alerts.rules.*.description", Kind::Text(rules::any)).live(),
    Leaf::new("alerts.rules.*.group", Kind::Text(rules::any)).live(),
    Leaf::new("alerts.rules.*.min_count", Kind::Integer(1, 1000)).live(),
    Leaf::new("alerts.rules.*.window", Kind::Duration(SECOND, 31 * DAY)).live(),
    Leaf::new("alerts.rules.*.cool_down", Kind::Duration(0, 31 * DAY)).live(),
    Leaf::new("alerts.rules.*.resolve_after", Kind::Duration(SECOND, 31 * DAY)).live(),
    Leaf::new("alerts.receivers.*.enabled", Kind::Bool),
    Leaf::new("alerts.receivers.*.kind", Kind::OneOf(&["log", "alertmanager", "webhook"])),
    Leaf::new("alerts.receivers.*.url", Kind::Text(rules::http_url)).secret(),
    Leaf::new("alerts.receivers.*.headers.*", Kind::Text(rules::any)).secret(),
    Leaf::new("alerts.receivers.*.secret", Kind::Text(rules::any)).secret(),
    Leaf::new("alerts.receivers.*.ca", Kind::Text(rules::certificates)).none(""),
    Leaf::new("alerts.receivers.*.levels", Kind::Text(rules::alert_levels)),
    Leaf::new("alerts.receivers.*.reports", Kind::Bool),
    Leaf::new("alerts.receivers.*.timeout", Kind::Duration(1, HOUR)),
    Leaf::new("alerts.receivers.*.remind_every", Kind::Duration(SECOND, HOUR)),
    Leaf::new("kubernetes.agones.enabled", Kind::Bool),
    Leaf::new("kubernetes.agones.namespace", Kind::Text(rules::namespace)).none(""),
    Leaf::new("kubernetes.agones.max_fleets", Kind::Integer(1, 10_000)),
    Leaf::new("kubernetes.agones.timeout", Kind::Duration(1, HOUR)),
    Leaf::new("platform.release_name", Kind::Text(rules::not_empty)),
    Leaf::new("platform.server_mode", Kind::Text(rules::not_empty)),
    Leaf::new("platform.engine_setting_interval", Kind::Duration(SECOND, DAY)).live(),
    Leaf::new("authentication.secret", Kind::Text(rules::any)).secret().none("").live(),
    Leaf::new("authentication.jwt_public_key", Kind::Text(rules::public_key)).none("").live(),
    Leaf::new("authentication.jwt_algorithm", Kind::OneOf(ALGORITHMS)).live(),
    Leaf::new("authentication.leeway", Kind::Duration(0, HOUR)).live(),
    Leaf::new("authentication.cache", Kind::Duration(0, HOUR)).live(),
    Leaf::new("authentication.max_cached_callers", Kind::Integer(0, 1_000_000)).live(),
    Leaf::new("authentication.max_failed_attempts", Kind::Integer(1, 1_000_000)),
    Leaf::new("authentication.failed_attempts_window", Kind::Duration(SECOND, DAY)),
    Leaf::new("authentication.tokens.*.sha256", Kind::Text(rules::sha256)).secret().live(),
    Leaf::new("authentication.tokens.*.scopes", Kind::Text(rules::any)).live(),
    Leaf::new("log.level", Kind::Text(rules::log_level)).live(),
    Leaf::new("log.format", Kind::OneOf(&["auto", "pretty", "json"])),
    Leaf::new("tasks.*.enabled", Kind::Bool).live(),
    Leaf::new("tasks.*.every", Kind::Duration(100, 366 * DAY)).live(),
    Leaf::new("tasks.*.cron", Kind::Text(rules::cron)).live(),
    Leaf::new("tasks.*.time_zone", Kind::Text(rules::time_zone)).live(),
    Leaf::new("tasks.*.run_on_start", Kind::Bool).live(),
    Leaf::new("tasks.*.jitter", Kind::Duration(0, DAY)).live(),
    Leaf::new("tasks.*.offset", Kind::Duration(0, 366 * DAY)).live(),
    Leaf::new("tasks.*.concurrency", Kind::Integer(1, 100)).live(),
    Leaf::new("tasks.*.overlap", Kind::OneOf(&["skip", "queue", "cancel"])).live(),
    Leaf::new("tasks.*.missed", Kind::OneOf(&["skip", "once", "all"])).live(),
    Leaf::new("tasks.*.missed_max", Kind::Integer(1, 1000)).live(),
    Leaf::new("tasks.*.timeout", Kind::Duration(1, 31 * DAY)).live(),
    Leaf::new("tasks.*.retries", Kind::Integer(0, 100)).live(),
    Leaf::new("tasks.*.retry_backoff", Kind::Duration(1, DAY)).live(),
    Leaf::new("tasks.*.retry_backoff_max", Kind::Duration(1, DAY)).live(),
    Leaf::new("analytics.storage_limit", Kind::Integer(0, i64::MAX.unsigned_abs())).live().none("0"),
    Leaf::new("analytics.retention", Kind::Duration(0, 36_600 * DAY)).live().none("0"),
    Leaf::new("analytics.rollup_retention", Kind::Duration(DAY, 36_600 * DAY)),
    Leaf::new("analytics.metrics.*.sql", Kind::Text(rules::select)).live(),
    Leaf::new("analytics.metrics.*.timeout", Kind::Duration(1, DAY)).live(),
    Leaf::new("report.max_figures", Kind::Integer(1, 1000)),
    Leaf::new("report.max_reasons", Kind::Integer(1, 1000)),
    Leaf::new("report.max_alerts", Kind::Integer(1, 1000)),
    Leaf::new("self_check.intervals", Kind::Integer(1, 1000)),
    Leaf::new("self_check.grace", Kind::Duration(0, DAY)),
    Leaf::new("self_check.level", Kind::OneOf(&rules::ALERT_LEVELS)),
    Leaf::new("maintenance.*.sql", Kind::Text(rules::change)),
    Leaf::new("maintenance.*.dry_run", Kind::Bool),
    Leaf::new("maintenance.*.batch_size", Kind::Integer(1, 1_000_000)),
    Leaf::new("maintenance.*.max_batches", Kind::Integer(1, 1_000_000)),
    Leaf::new("maintenance.*.timeout", Kind::Duration(1, DAY)),
    Leaf::new("monitoring.retention", Kind::Duration(MINUTE, 36_600 * DAY)),
    Leaf::new("history.retention", Kind::Duration(0, 36_600 * DAY)).none("0"),
    Leaf::new("history.limit", Kind::Integer(0, i64::MAX.unsigned_abs())).none("0"),
    Leaf::new("control.poll_period", Kind::Duration(10, HOUR)),
    Leaf::new("control.expiry", Kind::Duration(SECOND, DAY)),
    Leaf::new("leadership.mode", Kind::OneOf(&["auto", "always", "database", "kubernetes"])),
    Leaf::new("leadership.instance", Kind::Text(rules::instance)).none(""),
    Leaf::new("leadership.lease_name", Kind::Text(rules::object_name)),
    Leaf::new("leadership.namespace", Kind::Text(rules::namespace)).none(""),
    Leaf::new("leadership.lease_duration", Kind::Duration(SECOND, HOUR)),
    Leaf::new("leadership.renew_deadline", Kind::Duration(1, HOUR)),
    Leaf::new("leadership.retry_period", Kind::Duration(1, HOUR)),
    Leaf::new("queue.enabled", Kind::Bool),
    Leaf::new("queue.concurrency", Kind::Integer(1, 10_000)).live(),
    Leaf::new("queue.poll_interval", Kind::Duration(10, HOUR)).live(),
    Leaf::new("queue.lease", Kind::Duration(SECOND, DAY)).live(),
    Leaf::new("queue.batch_size", Kind::Integer(1, 5000)).live(),
    Leaf::new("queue.max_jobs", Kind::Integer(1, 1_000_000)).live(),
    Leaf::new("queue.max_payload_bytes", Kind::Integer(2, 65_535)).live(),
    Leaf::new("queue.keep_succeeded", Kind::Bool),
    Leaf::new("queue.retention", Kind::Duration(0, 36_600 * DAY)).live().none("0"),
    Leaf::new("queue.dead_retention", Kind::Duration(0, 36_600 * DAY)).live().none("0"),
    Leaf::new("queue.queues.*.concurrency", Kind::Integer(0, 10_000)).live(),
    Leaf::new("shutdown.timeout", Kind::Duration(1, HOUR)),
];

/// The longest name of a metric: it becomes the `type` of its rows, a varchar(255).
pub(crate) const LONGEST_METRIC_NAME: usize = 255;

/// What a path leads to.
pub(crate) enum Found {
    /// A key that has a value.
    Leaf(&'static Leaf),
    /// A key that names the file with the value of another key.
    File,
    /// A table of keys.
    Section,
    /// Nothing.
    Unknown,
}

/// The list of keys together with the names of the tasks that there are.
#[derive(Clone)]
pub(crate) struct Schema {
    tasks: BTreeSet<String>,
}

impl Schema {
    pub(crate) fn new() -> Self {
        Self { tasks: BUILT_IN_TASKS.map(str::to_owned).into() }
    }

    pub(crate) fn add_task(&mut self, name: String) {
        self.tasks.insert(name);
    }

    /// What `path` leads to.
    pub(crate) fn find(&self, path: &[String]) -> Found {
        if let [section, task, ..] = path
            && section == "tasks"
            && !self.tasks.contains(task)
            // Whether there is such a statement is seen when all is known.
            && !task.starts_with(MAINTENANCE_TASK)
        {
            return Found::Unknown;
        }
        if let Some(leaf) = leaf(path) {
            return Found::Leaf(leaf);
        }
        if LEAVES.iter().any(|leaf| leaf.segments().count() > path.len() && starts_with(leaf, path)) {
            return Found::Section;
        }
        match path.split_last() {
            Some((last, parents)) if last.ends_with(FILE_SUFFIX) => {
                let name = last[..last.len() - FILE_SUFFIX.len()].to_owned();
                leaf(&[parents, &[name]].concat()).map_or(Found::Unknown, |_| Found::File)
            }
            _ => Found::Unknown,
        }
    }

    /// The known task that is called `name` when case, `-` and `_` are not told apart, as variables cannot tell them.
    pub(crate) fn task_like(&self, name: &str) -> Option<&str> {
        let plain = |name: &str| name.to_ascii_lowercase().replace('_', "-");
        self.tasks.iter().map(String::as_str).find(|task| plain(task) == plain(name))
    }

    /// The key that was probably meant by an unknown one.
    pub(crate) fn closest(&self, path: &[String]) -> Option<Path> {
        let candidates = self.candidates(path);
        let key = path.join(".");
        if let Some(close) = suggest::closest(&key, candidates.keys().map(String::as_str)) {
            return candidates.get(close).cloned();
        }
        // The right name in the wrong place, if there is only one right place.
        let last = path.last()?;
        let mut same_name = candidates.into_values().filter(|candidate| candidate.last() == Some(last));
        match (same_name.next(), same_name.next()) {
            (Some(only), None) => Some(only),
            _ => None,
        }
    }

    /// All keys and sections, with the names of the tasks, and with the name that `path` has where one is free.
    fn candidates(&self, path: &[String]) -> BTreeMap<String, Path> {
        let mut paths = BTreeSet::new();
        for leaf in LEAVES {
            if let Some(position) = leaf.segments().position(|segment| segment == "*") {
                let of_task = leaf.key.starts_with("tasks.");
                let names = if of_task { self.tasks.iter().collect() } else { Vec::from_iter(path.get(position)) };
                for name in names {
                    paths.insert(leaf.segments().map(|s| if s == "*" { name.clone() } else { s.to_owned() }).collect());
                }
            } else {
                paths.insert(leaf.segments().map(str::to_owned).collect::<Path>());
            }
        }
        let sections: Vec<Path> =
            paths.iter().flat_map(|path| (1..path.len()).map(|length| path[..length].to_vec())).collect();
        paths.extend(sections);
        paths.into_iter().map(|path| (path.join("."), path)).collect()
    }
}

/// The leaf with this path.
pub(crate) fn leaf(path: &[String]) -> Option<&'static Leaf> {
    // Where a name comes last, one with the suffix means the file of another.
    let names_file = path.last().is_some_and(|name| name.ends_with(FILE_SUFFIX));
    LEAVES.iter().find(|leaf| {
        leaf.segments().count() == path.len() && starts_with(leaf, path) && !(names_file && leaf.key.ends_with(".*"))
    })
}

fn starts_with(leaf: &Leaf, path: &[String]) -> bool {
    let mut segments = leaf.segments();
    path.iter().all(|name| segments.next().is_some_and(|segment| segment == "*" || segment == name))
}

/// The key as it is written: segments joined with dots, quoted where TOML quotes them.
pub(crate) fn display(path: &[String]) -> String {
    path.iter().map(|segment| segment_text(segment)).collect::<Vec<_>>().join(".")
}

/// One segment of a key as TOML writes it.
pub(crate) fn segment_text(segment: &str) -> String {
    let bare = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    if !segment.is_empty() && segment.chars().all(bare) { segment.to_owned() } else { quoted(segment) }
}

/// A text as TOML's basic string. JSON's escapes are among TOML's, which wants one more character escaped.
pub(crate) fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string().replace('\u{7f}', "\\u007F")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::layer::file::{self, Format};

    /// What `config/default.toml` says once the keys that it has as comments are given.
    fn documented() -> Vec<Path> {
        let is_key =
            |line: &str| line.starts_with('[') || line.split_once(" = ").is_some_and(|(key, _)| !key.contains(' '));
        let text: String = include_str!("../config/default.toml")
            .lines()
            .map(|line| line.strip_prefix("# ").filter(|line| is_key(line)).unwrap_or(line))
            .flat_map(|line| [line, "\n"])
            .collect();
        let layer = file::layer(Format::Toml, &text, "default.toml", "").expect("the commented keys are TOML");
        let mut paths = Vec::new();
        let mut todo = vec![(Path::new(), layer.tree())];
        while let Some((path, tree)) = todo.pop() {
            for (name, value) in tree {
                let path = [path.as_slice(), std::slice::from_ref(name)].concat();
                match value.as_dict() {
                    Some(tree) => todo.push((path, tree)),
                    None => paths.push(path),
                }
            }
        }
        paths
    }

    #[test]
    fn every_key_is_documented_in_the_defaults_and_nothing_else_is() {
        let documented = documented();
        let schema = Schema::new();
        for path in &documented {
            assert!(matches!(schema.find(path), Found::Leaf(_)), "{} is no key", display(path));
        }
        for expected in LEAVES {
            let found = documented.iter().any(|path| leaf(path).is_some_and(|leaf| leaf.key == expected.key));
            assert!(found, "{} is not documented", expected.key);
        }
    }

    #[test]
    fn no_key_can_be_taken_for_the_file_of_another() {
        for leaf in LEAVES {
            assert!(!leaf.key.ends_with(FILE_SUFFIX), "{}", leaf.key);
        }
    }

    #[test]
    fn what_is_misspelt_is_recognised() {
        let schema = Schema::new();
        for (wrong, right) in [
            ("http.prot", Some("http.port")),
            ("http.max_conections", Some("http.max_connections")),
            ("tasks.analitics.every", Some("tasks.analytics.every")),
            ("tasks.analytics_maintenance", Some("tasks.analytics-maintenance")),
            ("tasks.monitoring.evry", Some("tasks.monitoring.every")),
            ("databse", Some("database")),
            ("create_platform_tables", Some("database.create_platform_tables")),
            ("analytics.metrics.activeUsers.sq", Some("analytics.metrics.activeUsers.sql")),
            ("http.services.user.scopes.fnid", Some("http.services.user.scopes.find")),
            ("timeout", None),
            ("something.else.entirely", None),
        ] {
            let path: Path = wrong.split('.').map(str::to_owned).collect();
            assert_eq!(schema.closest(&path).map(|path| display(&path)).as_deref(), right, "{wrong}");
        }
    }
}
