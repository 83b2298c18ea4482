//! What is wrong with a configuration: every problem at once, each with its place.

use std::fmt;

use crate::Inputs;

/// All problems of a configuration.
///
/// Its text is for the person who has to mend it:
///
/// ```text
/// The configuration has 2 problems:
///
///   1. http.prot = 8080
///      from: config/production.toml:3
///      There is no such key.
///      Did you mean `http.port`?
///
///   2. tasks.analytics.every = "soon"
///      from: environment variable TASKSERVER_PROCESS_INTERVAL_SECONDS
///      Expected a length of time, such as 30m, 1h 30m or 500ms; a bare number is seconds.
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigError {
    problems: Vec<Problem>,
    inputs: Inputs,
}

/// One problem.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// The key; none, where a source could not be read at all.
    pub key: Option<String>,
    /// The value as TOML writes it, redacted where it is or may be secret.
    pub value: Option<String>,
    /// Where it stands: file and line, variable, option or row.
    pub source: String,
    /// What is wrong with it.
    pub reason: String,
    /// What was probably meant.
    pub suggestion: Option<String>,
}

impl ConfigError {
    pub(crate) fn new(problems: Vec<Problem>, inputs: Inputs) -> Self {
        Self { problems, inputs }
    }

    /// What was read, so that a [`Watch`](crate::Watch) notices when it has been mended.
    #[must_use]
    pub fn inputs(&self) -> &Inputs {
        &self.inputs
    }

    /// The problems, in the order in which they are shown.
    #[must_use]
    pub fn problems(&self) -> &[Problem] {
        &self.problems
    }
}

impl Problem {
    /// A problem with a whole source.
    pub(crate) fn source(source: impl Into<String>, reason: impl Into<String>) -> Self {
        Self { key: None, value: None, source: source.into(), reason: reason.into(), suggestion: None }
    }
}

impl std::error::Error for ConfigError {}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.problems.len() {
            1 => writeln!(f, "The configuration has a problem:")?,
            count => writeln!(f, "The configuration has {count} problems:")?,
        }
        for (index, problem) in self.problems.iter().enumerate() {
            let mut lines = problem.to_string();
            lines = lines.replace('\n', "\n     ");
            write!(f, "\n{number:>3}. {lines}\n", number = index + 1)?;
        }
        Ok(())
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let source = printable(&self.source);
        match (&self.key, &self.value) {
            (Some(key), Some(value)) => {
                write!(f, "{} = {}\nfrom: {source}", printable(key), printable(value))?;
            }
            (Some(key), None) => write!(f, "{}\nfrom: {source}", printable(key))?,
            (None, _) => f.write_str(&source)?,
        }
        write!(f, "\n{}.", sentence(&printable(&self.reason)))?;
        if let Some(suggestion) = &self.suggestion {
            write!(f, "\nDid you mean `{}`?", printable(suggestion))?;
        }
        Ok(())
    }
}

/// The text with its control characters escaped: some of them command a terminal.
pub(crate) fn printable(text: &str) -> String {
    let mut printable = String::with_capacity(text.len());
    for c in text.chars() {
        if c.is_control() {
            printable.extend(c.escape_default());
        } else {
            printable.push(c);
        }
    }
    printable
}

fn sentence(text: &str) -> String {
    let mut chars = text.trim_end_matches('.').chars();
    chars.next().map(|first| first.to_uppercase().chain(chars).collect()).unwrap_or_default()
}
