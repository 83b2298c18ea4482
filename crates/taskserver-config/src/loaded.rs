//! A configuration that was loaded: its settings, where each came from, and how it differs from another.

use std::{
    collections::BTreeMap,
    fmt::{self, Write},
};

use crate::{
    Inputs, Settings,
    check::Checked,
    error::printable,
    schema::{self, LEAVES, Path},
};

/// A configuration without a problem.
pub struct Loaded {
    /// The settings.
    pub settings: Settings,
    /// What is allowed but hardly meant, a sentence each, for the log.
    pub warnings: Vec<String>,
    /// The profile that was used.
    pub profile: Option<String>,
    inputs: Inputs,
    checked: BTreeMap<Path, Checked>,
}

/// A setting that is in effect.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Effective {
    /// The key.
    pub key: String,
    /// The value as TOML writes it; `"***"` stands for a secret.
    pub value: String,
    /// Where it was set: file and line, variable, option, row or file of a secret.
    pub source: String,
}

/// The keys whose values differ between two configurations.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Changes {
    /// Those which take effect while the server runs.
    pub applied: Vec<String>,
    /// Those which take effect at the next start.
    pub needs_restart: Vec<String>,
}

impl fmt::Debug for Loaded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The checked values have the secrets in them, the settings hide them.
        f.debug_struct("Loaded")
            .field("settings", &self.settings)
            .field("warnings", &self.warnings)
            .field("profile", &self.profile)
            .finish_non_exhaustive()
    }
}

impl Changes {
    /// Whether nothing differs.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.applied.is_empty() && self.needs_restart.is_empty()
    }
}

impl Loaded {
    pub(crate) fn new(
        settings: Settings,
        warnings: Vec<String>,
        profile: Option<String>,
        inputs: Inputs,
        checked: BTreeMap<Path, Checked>,
    ) -> Self {
        Self { settings, warnings, profile, inputs, checked }
    }

    /// What the configuration was read from, for a [`Watch`](crate::Watch).
    #[must_use]
    pub fn inputs(&self) -> &Inputs {
        &self.inputs
    }

    /// Every setting that is in effect, in the order of `config/default.toml`.
    #[must_use]
    pub fn effective(&self) -> Vec<Effective> {
        self.sorted()
            .into_iter()
            .map(|(path, checked)| Effective {
                key: schema::display(path),
                value: checked.shown(),
                source: checked.source.clone(),
            })
            .collect()
    }

    /// The settings in effect as a TOML file, secrets hidden, each with its source in a comment.
    #[must_use]
    pub fn explain(&self) -> String {
        let mut text = String::from("# The configuration in effect. Secrets are hidden.\n");
        if let Some(profile) = &self.profile {
            let _ = writeln!(text, "# Profile: {profile}");
        }
        let sorted = self.sorted();
        for section in sorted.chunk_by(|(a, _), (b, _)| parents(a) == parents(b)) {
            let lines: Vec<(String, &str)> = section
                .iter()
                .map(|(path, checked)| {
                    let name = path.last().map_or_else(String::new, |name| schema::segment_text(name));
                    (format!("{name} = {}", checked.shown()), checked.source.as_str())
                })
                .collect();
            // One very long value does not push the comments of all others away.
            let width =
                lines.iter().map(|(line, _)| line.chars().count()).filter(|width| *width <= 48).max().unwrap_or(0);
            let _ = writeln!(text, "\n[{}]", schema::display(parents(section[0].0)));
            for (line, source) in lines {
                let _ = writeln!(text, "{line:width$}  # {}", printable(source));
            }
        }
        text
    }

    /// What a reload to `new` changes.
    #[must_use]
    pub fn changes(&self, new: &Self) -> Changes {
        let mut changes = Changes::default();
        for (path, before, after) in
            self.checked.iter().map(|(path, checked)| (path, Some(checked), new.checked.get(path))).chain(
                new.checked
                    .iter()
                    .filter(|(path, _)| !self.checked.contains_key(*path))
                    .map(|(p, c)| (p, None, Some(c))),
            )
        {
            if before.map(|checked| &checked.value) != after.map(|checked| &checked.value) {
                let live = before.or(after).is_some_and(|checked| checked.leaf.live);
                let keys = if live { &mut changes.applied } else { &mut changes.needs_restart };
                keys.push(schema::display(path));
            }
        }
        changes.applied.sort();
        changes.needs_restart.sort();
        changes
    }

    /// The leaves in the order of the schema, those of one table together.
    fn sorted(&self) -> Vec<(&Path, &Checked)> {
        let index = |checked: &Checked| LEAVES.iter().position(|leaf| leaf.key == checked.leaf.key);
        let section = |checked: &Checked| {
            let first = checked.leaf.key.split('.').next();
            LEAVES.iter().position(|leaf| leaf.key.split('.').next() == first)
        };
        let mut sorted: Vec<_> = self.checked.iter().collect();
        sorted.sort_by_key(|(path, checked)| (section(checked), parents(path), index(checked)));
        sorted
    }
}

fn parents(path: &Path) -> &[String] {
    path.split_last().map_or(&[], |(_, parents)| parents)
}
