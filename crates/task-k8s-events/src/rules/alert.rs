//! Alert rules: which events raise an alert, and which alert.

use std::time::Duration;

use taskserver_alerts::{Alert, Key, Level, Occurrences, Policy};

use super::{Rule, RuleError, Template, Variables};
use crate::EventRecord;

/// What raises alerts by these rules: their source.
pub const ALERT_SOURCE: &str = "kubernetes-events";

/// An alert rule as it is written in the configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AlertRuleOptions {
    /// The rule's name.
    pub name: String,
    /// For which events it holds, as a [`Rule`].
    pub expression: String,
    /// How urgent its alerts are.
    pub level: Level,
    /// The alert in one line, as a [`Template`].
    pub summary: String,
    /// More about it, as a [`Template`].
    pub description: String,
    /// Events of the same group are of the same alert, as a [`Template`].
    pub group: String,
    /// How many events make an alert, and when it is over.
    pub policy: Policy,
}

impl Default for AlertRuleOptions {
    /// A warning for each object, at the first event, which is resolved fifteen minutes after the last one.
    fn default() -> Self {
        Self {
            name: String::new(),
            expression: "false".to_owned(),
            level: Level::Warning,
            summary: "{{ event.involvedObject.kind }} {{ event.involvedObject.name }}: {{ event.reason }}".to_owned(),
            description: "{{ event.message }}".to_owned(),
            group: "{{ event.involvedObject.kind }}/{{ event.metadata.namespace }}/{{ event.involvedObject.name }}"
                .to_owned(),
            policy: Policy {
                min_count: 1,
                window: Duration::from_secs(10 * 60),
                cool_down: Duration::from_secs(10 * 60),
                resolve_after: Some(Duration::from_secs(15 * 60)),
            },
        }
    }
}

/// An alert rule that is ready for use.
#[derive(Debug)]
pub struct AlertRule {
    options: AlertRuleOptions,
    expression: Rule,
    summary: Template,
    description: Template,
    group: Template,
}

impl AlertRule {
    /// Compiles a rule.
    ///
    /// # Errors
    /// For each part that is wrong, its name and what is wrong with it.
    pub fn compile(options: AlertRuleOptions) -> Result<Self, Vec<(&'static str, RuleError)>> {
        let mut errors = Vec::new();
        let expression = part("expression", Rule::compile(&options.expression), &mut errors);
        let summary = part("summary", Template::compile(&options.summary), &mut errors);
        let description = part("description", Template::compile(&options.description), &mut errors);
        let group = part("group", Template::compile(&options.group), &mut errors);
        let mut check = |holds: bool, name, problem: &str| {
            if !holds {
                errors.push((name, RuleError::whole(problem)));
            }
        };
        check(!options.name.is_empty(), "name", "a rule has a name");
        let Policy { min_count, window, .. } = options.policy;
        check(min_count > 0, "min_count", "an alert needs at least 1 event");
        check(min_count <= 1 || !window.is_zero(), "window", "several events need some time");
        match (expression, summary, description, group) {
            (Some(expression), Some(summary), Some(description), Some(group)) if errors.is_empty() => {
                Ok(Self { options, expression, summary, description, group })
            }
            _ => Err(errors),
        }
    }

    /// The rule as it was written.
    #[must_use]
    pub fn options(&self) -> &AlertRuleOptions {
        &self.options
    }

    /// What the rule finds in an event of this cluster that has happened so often; nothing, where it does not hold.
    ///
    /// # Errors
    /// As [`matches`](Self::matches), [`group`](Self::group) and [`texts`](Self::texts).
    pub fn alert(
        &self,
        cluster: &str,
        event: &EventRecord,
        variables: &Variables,
        count: i64,
    ) -> Result<Option<Alert>, RuleError> {
        if !self.matches(variables)? {
            return Ok(None);
        }
        let AlertRuleOptions { name, level, policy, .. } = &self.options;
        let [title, message] = self.texts(variables)?;
        Ok(Some(Alert {
            key: Key { cluster: Some(cluster.to_owned()), ..Key::new(ALERT_SOURCE, name, self.group(variables)?) },
            level: *level,
            title,
            message,
            namespace: Some(event.namespace.clone()).filter(|namespace| !namespace.is_empty()),
            seen: vec![Occurrences { time: event.time(), count }],
            policy: *policy,
        }))
    }

    /// Whether the rule holds for an event.
    ///
    /// # Errors
    /// As [`Rule::matches`].
    pub fn matches(&self, variables: &Variables) -> Result<bool, RuleError> {
        self.expression.matches(variables)
    }

    /// The group of an event.
    ///
    /// # Errors
    /// As [`Template::render`].
    pub fn group(&self, variables: &Variables) -> Result<String, RuleError> {
        self.group.render(variables)
    }

    /// The summary and the description of an alert about an event.
    ///
    /// # Errors
    /// As [`Template::render`].
    pub fn texts(&self, variables: &Variables) -> Result<[String; 2], RuleError> {
        Ok([self.summary.render(variables)?, self.description.render(variables)?])
    }
}

fn part<T>(name: &'static str, result: Result<T, RuleError>, errors: &mut Vec<(&'static str, RuleError)>) -> Option<T> {
    result.map_err(|error| errors.push((name, error))).ok()
}
