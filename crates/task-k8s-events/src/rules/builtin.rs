//! The alert rules that are there unless they are switched off.

use std::time::Duration;

use taskserver_alerts::{Level, Policy};

use super::AlertRuleOptions;

const MINUTE: Duration = Duration::from_secs(60);

/// Rules for what most often goes wrong in a cluster.
///
/// Their reasons are those that the components of Kubernetes report: the kubelet (`BackOff`, `Unhealthy`, `FailedMount`,
/// `Evicted`, `OOMKilling` and `SystemOOM` of its node problem detector and its OOM watcher), the scheduler
/// (`FailedScheduling`) and the node controller (`NodeNotReady`).
#[must_use]
pub fn builtin_alert_rules() -> Vec<AlertRuleOptions> {
    let rule = |name: &str, expression: &str| AlertRuleOptions {
        name: name.to_owned(),
        expression: expression.to_owned(),
        ..AlertRuleOptions::default()
    };
    let policy = AlertRuleOptions::default().policy;
    let several = Policy { min_count: 3, window: 15 * MINUTE, ..policy };
    vec![
        AlertRuleOptions {
            level: Level::Critical,
            summary: "Out of memory on {{ event.involvedObject.kind }} {{ event.involvedObject.name }}".to_owned(),
            ..rule("oom", "event.reason in ['OOMKilling', 'SystemOOM', 'OOMKilled']")
        },
        // A container that fails once is started again; one that goes on failing needs someone.
        AlertRuleOptions {
            policy: several,
            ..rule("back-off", "event.reason == 'BackOff' && event.type == 'Warning'")
        },
        // Until the cluster has grown, pods wait for some minutes.
        AlertRuleOptions { policy: several, ..rule("failed-scheduling", "event.reason == 'FailedScheduling'") },
        AlertRuleOptions {
            policy: Policy { min_count: 5, ..policy },
            ..rule("unhealthy", "event.reason == 'Unhealthy'")
        },
        AlertRuleOptions {
            level: Level::Critical,
            policy: Policy { resolve_after: Some(30 * MINUTE), ..policy },
            ..rule("node-not-ready", "event.reason == 'NodeNotReady' && event.involvedObject.kind == 'Node'")
        },
        AlertRuleOptions {
            policy: several,
            ..rule("failed-mount", "event.reason in ['FailedMount', 'FailedAttachVolume']")
        },
        rule("evicted", "event.reason in ['Evicted', 'EvictionThresholdMet']"),
    ]
}
