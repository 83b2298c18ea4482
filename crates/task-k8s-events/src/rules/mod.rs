//! Rules over events, in CEL, the language that Kubernetes itself uses for policies.
//!
//! A rule is an expression over these variables:
//!
//! - `event`: the event, with the fields and names of the Kubernetes API (`event.reason`, `event.involvedObject.kind`,
//!   `event.metadata.namespace`, …). Every field is there: a text that is absent is `""`, a number 0.
//! - `cluster`: the cluster's name.
//! - `occurrences`: how often it has happened, whichever of the two APIs its reporter uses.
//! - `time`: when it happened last.
//!
//! Times are texts in ISO 8601 and UTC to the microsecond, so that their order is that of the moments.
//!
//! Rules are compiled when the configuration is read, and what is wrong with one is then said with its place. CEL alone would
//! not notice a misspelt field before an event meets it, and then skip the rule; so every field is looked up in a full sample
//! event, and the rule is tried on it.

#[cfg(feature = "alerts")]
mod alert;
#[cfg(feature = "alerts")]
mod builtin;
mod fields;
mod template;
mod variables;

use std::fmt;
use std::sync::{Arc, LazyLock, PoisonError, RwLock};

use cel::common::ast::SourceInfo;
use cel::{Env, Program, Value};

#[cfg(feature = "alerts")]
pub use alert::{ALERT_SOURCE, AlertRule, AlertRuleOptions};
#[cfg(feature = "alerts")]
pub use builtin::builtin_alert_rules;
pub use template::Template;
pub use variables::Variables;

use crate::EventRecord;

/// The functions that rules have: those of CEL's standard library.
static FUNCTIONS: LazyLock<Arc<Env>> = LazyLock::new(|| Arc::new(Env::stdlib()));

/// What is wrong with a rule.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{place}{problem}")]
pub struct RuleError {
    /// Where.
    pub place: Place,
    /// What.
    pub problem: String,
}

/// A place in the text of a rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// No place in particular.
    Whole,
    /// A line and a column, both counted from 1, the column in characters.
    At {
        /// The line.
        line: usize,
        /// The column.
        column: usize,
    },
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Whole => Ok(()),
            Self::At { line, column } => write!(f, "line {line}, column {column}: "),
        }
    }
}

impl Place {
    /// The place at which a node of an expression was written.
    fn of(id: u64, source: &SourceInfo) -> Self {
        let Some((start, _)) = source.offset_for(id) else { return Self::Whole };
        let before: String = source.source.chars().take(start as usize).collect();
        let line = before.matches('\n').count() + 1;
        let column = before.chars().rev().take_while(|character| *character != '\n').count() + 1;
        Self::At { line, column }
    }
}

impl RuleError {
    fn whole(problem: impl Into<String>) -> Self {
        Self { place: Place::Whole, problem: problem.into() }
    }
}

/// An expression over an event that is true or false.
///
/// ```
/// use task_k8s_events::Rule;
///
/// assert!(Rule::compile("event.type == 'Warning' && event.involvedObject.kind == 'Pod'").is_ok());
/// let error = Rule::compile("event.type == 'Warning' && event.involvedObject.kid == 'Pod'").unwrap_err();
/// assert_eq!(
///     error.to_string(),
///     "line 1, column 48: there is no field `event.involvedObject.kid`; there are apiVersion, fieldPath, kind, name, \
///      namespace and uid"
/// );
/// ```
#[derive(Debug)]
pub struct Rule(Expression);

impl Rule {
    /// Compiles a rule, and tries it on a sample event.
    ///
    /// # Errors
    /// It is no CEL, has fields or functions that do not exist, or is neither true nor false.
    pub fn compile(source: &str) -> Result<Self, RuleError> {
        let expression = Expression::compile(source)?;
        match expression.evaluate(&Variables::sample())? {
            Value::Bool(_) => Ok(Self(expression)),
            other => {
                Err(RuleError::whole(format!("a rule is true or false, and this is of the type {}", other.type_of())))
            }
        }
    }

    /// Whether the rule holds for an event.
    ///
    /// # Errors
    /// It could not be evaluated, as when it divides by zero.
    pub fn matches(&self, variables: &Variables) -> Result<bool, RuleError> {
        match self.0.evaluate(variables)? {
            Value::Bool(holds) => Ok(holds),
            other => {
                Err(RuleError::whole(format!("a rule is true or false, and this is of the type {}", other.type_of())))
            }
        }
    }
}

/// An expression of any type.
#[derive(Debug)]
struct Expression(Program);

impl Expression {
    fn compile(source: &str) -> Result<Self, RuleError> {
        let program = FUNCTIONS.compile(source).map_err(|errors| match errors.errors.into_iter().next() {
            Some(error) => {
                let place = match (usize::try_from(error.pos.0), usize::try_from(error.pos.1)) {
                    (Ok(line), Ok(column)) => Place::At { line, column },
                    _ => Place::Whole,
                };
                RuleError { place, problem: error.msg }
            }
            None => RuleError::whole("this is no CEL"),
        })?;
        fields::check(&program)?;
        Ok(Self(program))
    }

    fn evaluate(&self, variables: &Variables) -> Result<Value, RuleError> {
        self.0.execute(&variables.context()).map_err(|error| RuleError::whole(error.to_string()))
    }
}

/// Which events are stored at all.
#[derive(Debug, Default)]
pub struct EventFilter(RwLock<Arc<Filter>>);

#[derive(Debug, Default)]
struct Filter {
    include: Option<Rule>,
    exclude: Option<Rule>,
}

impl EventFilter {
    /// Keeps the events for which `include` holds, all without it; but none for which `exclude` holds.
    #[must_use]
    pub fn new(include: Option<Rule>, exclude: Option<Rule>) -> Self {
        Self(RwLock::new(Arc::new(Filter { include, exclude })))
    }

    /// Puts these rules in the place of the others.
    pub fn set(&self, include: Option<Rule>, exclude: Option<Rule>) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(Filter { include, exclude });
    }

    /// Whether an event is kept. One on which a rule cannot decide is.
    #[must_use]
    pub fn keeps(&self, event: &EventRecord) -> bool {
        let filter = Arc::clone(&self.0.read().unwrap_or_else(PoisonError::into_inner));
        if filter.include.is_none() && filter.exclude.is_none() {
            return true;
        }
        let variables = Variables::of(event);
        let holds = |rule: &Option<Rule>, undecided| {
            let result = rule.as_ref()?.matches(&variables);
            Some(result.unwrap_or_else(|error| {
                tracing::debug!(%error, uid = event.uid, "a rule could not be evaluated; the event is kept");
                undecided
            }))
        };
        holds(&filter.include, true).unwrap_or(true) && !holds(&filter.exclude, false).unwrap_or(false)
    }
}
