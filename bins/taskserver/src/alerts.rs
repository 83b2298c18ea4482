//! What raises alerts, and who is told of them, as the settings say.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::Context as _;
use task_k8s_events::{AlertRule, AlertRuleOptions, Rule, builtin_alert_rules};
use task_self_check::SelfCheckOptions;
use taskserver_alerts::{
    AlertDelivery, AlertRetention, Alertmanager, DeliveryOptions, Endpoint, Level, Log, Route, SigningSecret, Webhook,
};
use taskserver_config::settings;
use taskserver_config::settings::{AlertReceiver, KubernetesEvents, ReceiverKind};
use taskserver_store::Store;

/// How long one delivery may take, unless its receiver says otherwise.
const TIMEOUT: Duration = Duration::from_secs(10);

/// How often an Alertmanager is reminded, unless it says otherwise.
const REMIND_EVERY: Duration = Duration::from_secs(60);

/// The rules that are in use, or what is wrong with each of them.
pub(crate) fn rules(settings: &settings::Alerts) -> Result<Vec<AlertRule>, Vec<String>> {
    let builtin = builtin_alert_rules().into_iter().map(|rule| (rule.name.clone(), rule)).collect::<BTreeMap<_, _>>();
    let (mut rules, mut problems) = (Vec::new(), Vec::new());
    let names: Vec<&String> =
        builtin.keys().chain(settings.rules.keys().filter(|it| !builtin.contains_key(*it))).collect();
    for name in names {
        let set = settings.rules.get(name).cloned().unwrap_or_default();
        let known = builtin.get(name).cloned();
        if known.is_none() && set.expression.is_none() {
            let builtin: Vec<&str> = builtin.keys().map(String::as_str).collect();
            problems.push(format!(
                "`alerts.rules.{name}`: a rule of your own needs an expression: `expression` is missing (built in are {})",
                builtin.join(", ")
            ));
            continue;
        }
        let is_enabled = set.enabled.unwrap_or(true);
        match AlertRule::compile(rule(known.unwrap_or_default(), name, set)) {
            Ok(rule) if is_enabled => rules.push(rule),
            Ok(_) => {}
            Err(errors) => problems
                .extend(errors.into_iter().map(|(part, error)| format!("`alerts.rules.{name}.{part}`: {error}"))),
        }
    }
    if problems.is_empty() { Ok(rules) } else { Err(problems) }
}

/// A rule with what the settings say in place of what it was.
pub(crate) fn rule(rule: AlertRuleOptions, name: &str, set: settings::AlertRule) -> AlertRuleOptions {
    let mut rule = AlertRuleOptions { name: name.to_owned(), ..rule };
    rule.level = set.level.and_then(|level| level.parse().ok()).unwrap_or(rule.level);
    for (text, set) in [
        (&mut rule.expression, set.expression),
        (&mut rule.summary, set.summary),
        (&mut rule.description, set.description),
        (&mut rule.group, set.group),
    ] {
        *text = set.unwrap_or_else(|| std::mem::take(text));
    }
    let policy = &mut rule.policy;
    policy.min_count = set.min_count.unwrap_or(policy.min_count);
    policy.window = set.window.unwrap_or(policy.window);
    policy.cool_down = set.cool_down.unwrap_or(policy.cool_down);
    policy.resolve_after = set.resolve_after.or(policy.resolve_after);
    rule
}

/// The rules that say which events are stored, or what is wrong with them.
pub(crate) fn filter(settings: &KubernetesEvents) -> Result<[Option<Rule>; 2], Vec<String>> {
    let mut problems = Vec::new();
    let rules = [("include", &settings.include), ("exclude", &settings.exclude)].map(|(name, rule)| {
        let compiled = Rule::compile(rule.as_deref()?);
        compiled.map_err(|error| problems.push(format!("`kubernetes.events.{name}`: {error}"))).ok()
    });
    if problems.is_empty() { Ok(rules) } else { Err(problems) }
}

/// What delivers to the receivers, or what is wrong with each of them.
pub(crate) fn delivery(settings: &settings::Alerts, store: &Store) -> Result<AlertDelivery, Vec<String>> {
    let options = DeliveryOptions {
        min_backoff: settings.retry_backoff,
        max_backoff: settings.retry_backoff_max,
        max_attempts: settings.max_attempts,
        ..DeliveryOptions::default()
    };
    let mut delivery = AlertDelivery::new(store, options);
    let mut problems = Vec::new();
    for (name, receiver) in settings.receivers.iter().filter(|(_, receiver)| receiver.enabled.unwrap_or(true)) {
        let added = match receiver.kind {
            ReceiverKind::Log => {
                delivery.add(route(name, receiver), Log);
                Ok(())
            }
            ReceiverKind::Alertmanager => endpoint(receiver).map(|endpoint| {
                let alertmanager = Alertmanager::new(endpoint, receiver.remind_every.unwrap_or(REMIND_EVERY));
                delivery.add(Route { reports: false, ..route(name, receiver) }, alertmanager);
            }),
            ReceiverKind::Webhook => webhook(receiver).map(|webhook| delivery.add(route(name, receiver), webhook)),
        };
        problems.extend(added.err().map(|error| format!("`alerts.receivers.{name}`: {error:#}")));
    }
    if problems.is_empty() { Ok(delivery) } else { Err(problems) }
}

fn route(name: &str, receiver: &AlertReceiver) -> Route {
    let levels = receiver
        .levels
        .as_deref()
        .map(|levels| levels.split(',').filter_map(|level| level.trim().parse().ok()).collect::<Vec<Level>>());
    Route {
        levels: levels.unwrap_or_else(|| Level::ALL.to_vec()),
        reports: receiver.reports.unwrap_or(true),
        ..Route::all(name)
    }
}

fn webhook(receiver: &AlertReceiver) -> anyhow::Result<Webhook> {
    let webhook = Webhook::new(endpoint(receiver)?);
    Ok(match &receiver.secret {
        Some(secret) => webhook.signed(SigningSecret::new(secret)?),
        None => webhook,
    })
}

fn endpoint(receiver: &AlertReceiver) -> anyhow::Result<Endpoint> {
    let url = receiver.url.as_ref().context("`url` is missing")?;
    let endpoint = Endpoint::new(url, receiver.ca.as_deref(), receiver.timeout.unwrap_or(TIMEOUT))?;
    receiver.headers.iter().try_fold(endpoint, |endpoint, (name, value)| Ok(endpoint.header(name, value)?))
}

/// When tasks are overdue, and how bad that is.
pub(crate) fn self_check(settings: &settings::SelfCheck) -> SelfCheckOptions {
    let level = settings.level.parse().unwrap_or(Level::Warning);
    SelfCheckOptions { intervals: settings.intervals, grace: settings.grace, level }
}

pub(crate) fn retention(settings: &settings::Alerts) -> AlertRetention {
    AlertRetention { max_age: settings.retention, max_delivery_age: settings.delivery_retention }
}
