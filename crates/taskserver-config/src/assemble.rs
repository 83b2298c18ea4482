//! Fills the typed sections from the checked leaves.

use std::collections::BTreeMap;

use figment::value::{Dict, Value};

use crate::{
    Settings,
    check::{Checked, Typed},
    error::Problem,
    layer::table_at,
    schema::Path,
    settings::{Backend, DatabaseUrl},
};

/// The typed sections. The error would be a defect of the schema, not of the configuration.
pub(crate) fn settings(checked: &BTreeMap<Path, Checked>, warnings: &mut Vec<String>) -> Result<Settings, Problem> {
    let mut tree = Dict::new();
    for (path, Checked { value, .. }) in checked {
        if let Some((last, parents)) = path.split_last() {
            table_at(&mut tree, parents).insert(last.clone(), value.to_value());
        }
    }
    let text = |key: [&str; 2]| match checked.get(&key.map(str::to_owned)[..])?.value {
        Typed::Text(ref text) => Some(text.as_str()),
        _ => None,
    };
    let url: Option<DatabaseUrl> = text(["database", "url"]).and_then(|url| url.parse().ok());
    if let Some(mut url) = url {
        let database = table_at(&mut tree, &["database".to_owned()]);
        if text(["database", "create_platform_tables"]) == Some("auto") {
            database.insert("create_platform_tables".to_owned(), Value::from(url.backend() == Backend::Sqlite));
        } else {
            let create = text(["database", "create_platform_tables"]) == Some("true");
            database.insert("create_platform_tables".to_owned(), Value::from(create));
        }
        if let Some(password) = text(["database", "password"]) {
            database.remove("password");
            if !url.set_password(password) {
                warnings
                    .push("database.password has no effect: database.url has a password, or names a file".to_owned());
            }
            database.insert("url".to_owned(), Value::from(url.expose()));
        }
    }
    Value::from(tree).deserialize().map_err(|error: figment::Error| {
        // The message of the error may hold a value; the path of its key does not.
        Problem::source(error.path.join("."), "does not fit its section, though it was checked: a defect of the schema")
    })
}
