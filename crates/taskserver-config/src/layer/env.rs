//! Environment variables: the platform's own, and `TASKSERVER__SECTION__KEY`.
//!
//! An empty variable counts as unset, except where an empty password means that there is none. Kubernetes injects
//! `NAME_PORT=tcp://…` for every Service into every pod of its namespace; such values of `TASKSERVER_PORT`, `REDIS_PORT` and
//! `MYSQL_PORT` say nothing to us.

use std::{collections::BTreeMap, ffi::OsString};

use figment::value::Value;

use super::{
    Layer,
    platform::{Writing, path},
    set,
};
use crate::{error::Problem, schema::Schema, settings::database_url::mysql_url};

/// Variables that each set one key. With `_FILE` after its name, a variable names the file that has the value.
const VARIABLES: &[(&str, &str, Writing)] = &[
    ("TASKSERVER_PORT", "http.port", Writing::Plain),
    ("TASKSERVER_PROCESS_INTERVAL_SECONDS", "tasks.analytics.every", Writing::Plain),
    ("REDIS_ENABLED", "redis.enabled", Writing::Flag),
    ("REDIS_ADDRESS", "redis.address", Writing::Plain),
    ("REDIS_PORT", "redis.port", Writing::Plain),
    ("REDIS_PASSWORD", "redis.password", Writing::Password),
    ("KUBERNETES", "kubernetes.enabled", Writing::Flag),
    ("KUBECONFIG", "kubernetes.kubeconfig", Writing::Plain),
    ("RELEASE_NAME", "platform.release_name", Writing::Plain),
    ("SERVER_MODE", "platform.server_mode", Writing::Plain),
    ("AUTH_SECRET", "authentication.secret", Writing::Plain),
    ("JWT_ALGORITHM", "authentication.jwt_algorithm", Writing::Plain),
    ("JWT_PUBLIC_KEY", "authentication.jwt_public_key", Writing::Key),
];

/// The variables of the database, with the platform's defaults of its parts.
const MYSQL_URL: &str = "MYSQL_URL";
const MYSQL_USER: (&str, &str) = ("MYSQL_USER", "server");
const MYSQL_PASSWORD: (&str, &str) = ("MYSQL_PASSWORD", "password");
const MYSQL_PASSWORD_FILE: &str = "MYSQL_PASSWORD_FILE";
const MYSQL_HOST: (&str, &str) = ("MYSQL_HOST", "127.0.0.1");
const MYSQL_PORT: (&str, &str) = ("MYSQL_PORT", "3306");
const MYSQL_DATABASE: (&str, &str) = ("MYSQL_DATABASE", "ir-engine");

/// What the names of our own variables start with.
const PREFIX: &str = "TASKSERVER__";

/// The variables of a process.
#[derive(Clone, Default)]
pub(crate) struct Environment {
    variables: BTreeMap<OsString, OsString>,
}

impl Environment {
    pub(crate) fn new(variables: impl IntoIterator<Item = (OsString, OsString)>) -> Self {
        Self { variables: variables.into_iter().collect() }
    }

    /// A variable that is set and is text, be it empty. What is not text is a problem.
    fn text(&self, name: &str, problems: &mut Vec<Problem>) -> Option<&str> {
        let value = self.variables.get(std::ffi::OsStr::new(name))?;
        let text = value.to_str();
        if text.is_none() {
            problems.push(Problem::source(source(name), "the value is not UTF-8"));
        }
        text
    }

    /// A variable that is set, is not empty and is not one of those which Kubernetes injects.
    pub(crate) fn value(&self, name: &str, problems: &mut Vec<Problem>) -> Option<&str> {
        self.text(name, problems).filter(|value| !value.is_empty() && !is_service_link(name, value))
    }
}

fn is_service_link(name: &str, value: &str) -> bool {
    name.ends_with("_PORT") && (value.starts_with("tcp://") || value.starts_with("udp://"))
}

fn source(name: &str) -> String {
    format!("environment variable {name}")
}

/// The layer of the platform's variables.
pub(crate) fn platform(environment: &Environment, warnings: &mut Vec<String>, problems: &mut Vec<Problem>) -> Layer {
    let mut layer = Layer::new("environment");
    for (name, key, writing) in VARIABLES {
        let value =
            if writing.may_be_empty() { environment.text(name, problems) } else { environment.value(name, problems) };
        if let Some(value) = value {
            let source = source(name);
            let value = writing.read(value, &source, warnings);
            layer.set(&path(key), value, source);
        }
        let file = format!("{name}_FILE");
        if let Some(value) = environment.value(&file, problems) {
            layer.set(&path(&format!("{key}_file")), Value::from(value), source(&file));
        }
    }
    database(&mut layer, environment, problems);
    if environment.value("TASKSERVER_PROCESS_INTERVAL", problems).is_some() {
        warnings.push(
            "environment variable TASKSERVER_PROCESS_INTERVAL has no effect, here as in the platform: the interval is set by \
             TASKSERVER_PROCESS_INTERVAL_SECONDS or tasks.analytics.every"
                .to_owned(),
        );
    }
    layer
}

/// `MYSQL_URL`, or else a URL of the parts, once any of them is set.
fn database(layer: &mut Layer, environment: &Environment, problems: &mut Vec<Problem>) {
    let url_file = format!("{MYSQL_URL}_FILE");
    if let Some(value) = environment.value(&url_file, problems) {
        layer.set(&path("database.url_file"), Value::from(value), source(&url_file));
    }
    if let Some(url) = environment.value(MYSQL_URL, problems) {
        layer.set(&path("database.url"), Value::from(url), source(MYSQL_URL));
        return;
    }
    let mut used = Vec::new();
    let mut part = |(name, default): (&'static str, &'static str)| {
        let value = environment.value(name, problems);
        used.extend(value.is_some().then_some(name));
        value.unwrap_or(default)
    };
    let (user, host, port, database) = (part(MYSQL_USER), part(MYSQL_HOST), part(MYSQL_PORT), part(MYSQL_DATABASE));
    let password_file = environment.value(MYSQL_PASSWORD_FILE, problems);
    let password = environment.text(MYSQL_PASSWORD.0, problems);
    used.extend(password.map(|_| MYSQL_PASSWORD.0));
    used.extend(password_file.map(|_| MYSQL_PASSWORD_FILE));
    if used.is_empty() {
        return;
    }
    let mut origin = source(&used.join(", "));
    if used.len() > 1 {
        origin = origin.replacen("variable", "variables", 1);
    }
    if port.parse::<u16>().is_err() {
        problems.push(Problem {
            key: Some("database.url".to_owned()),
            value: Some(crate::schema::quoted(port)),
            source: source(MYSQL_PORT.0),
            reason: "expected a port, from 1 to 65535".to_owned(),
            suggestion: None,
        });
        return;
    }
    let password = match (password, password_file) {
        (Some(_), Some(_)) => {
            problems.push(Problem::source(source(MYSQL_PASSWORD_FILE), "excludes MYSQL_PASSWORD, which is also set"));
            return;
        }
        (Some(""), None) => None,
        (Some(password), None) => Some(password),
        (None, Some(file)) => {
            layer.set(&path("database.password_file"), Value::from(file), source(MYSQL_PASSWORD_FILE));
            None
        }
        (None, None) => Some(MYSQL_PASSWORD.1),
    };
    layer.set(&path("database.url"), Value::from(mysql_url(user, password, host, port, database)), origin);
}

/// The layer of our own variables: `TASKSERVER__TASKS__ANALYTICS__EVERY` is `tasks.analytics.every`.
pub(crate) fn own(environment: &Environment, schema: &Schema, problems: &mut Vec<Problem>) -> Layer {
    let mut layer = Layer::new("environment");
    for name in environment.variables.keys() {
        let Some(name) = name.to_str() else { continue };
        let Some(key) = name.strip_prefix(PREFIX) else { continue };
        let mut path: Vec<String> = key.split("__").map(str::to_ascii_lowercase).collect();
        if let [section, task, ..] = path.as_mut_slice()
            && section == "tasks"
        {
            match schema.task_like(task) {
                Some(known) => *task = known.to_owned(),
                None if task.starts_with("maintenance_") => *task = task.replace('_', "-"),
                None => {}
            }
        }
        // The platform's services and the statements have hyphens in their names, and variables cannot.
        match path.as_mut_slice() {
            [section, table, name, ..] if (section.as_str(), table.as_str()) == ("http", "services") => {
                *name = name.replace('_', "-");
            }
            [section, name, _] if section == "maintenance" => *name = name.replace('_', "-"),
            _ => {}
        }
        let Some(value) = environment.text(name, problems) else { continue };
        if value.is_empty() && path.last().is_none_or(|name| name != "password") {
            continue;
        }
        problems.extend(set::set_text(&mut layer, &path, value, &source(name), schema, variable_name).err());
    }
    layer
}

fn variable_name(path: &[String]) -> String {
    format!("{PREFIX}{}", path.join("__").replace('-', "_").to_ascii_uppercase())
}
