//! The log as a receiver.

use async_trait::async_trait;
use jiff::Timestamp;

use super::{Content, Delivery, DeliveryError, Receiver};
use crate::{AlertRecord, Level};

/// Writes alerts and reports into the log.
#[derive(Debug, Clone, Copy, Default)]
pub struct Log;

#[async_trait]
impl Receiver for Log {
    async fn deliver(&self, delivery: &Delivery, _now: Timestamp) -> Result<(), DeliveryError> {
        match &delivery.content {
            Content::Alert(alert) => write(alert),
            Content::Report(report) => {
                tracing::info!(
                    component = crate::COMPONENT,
                    source = report.source,
                    "{}\n{}",
                    report.title,
                    report.markdown
                );
            }
        }
        Ok(())
    }
}

fn write(alert: &AlertRecord) {
    let AlertRecord { id, source, rule, group, events, level, title, message, state, .. } = alert;
    // The level of a line is no value: each needs a statement of its own.
    macro_rules! line {
        ($level:ident) => {
            tracing::$level!(
                component = crate::COMPONENT, alert = id, source, rule, group, events, %level,
                "Alert {state}: {title} - {message}"
            )
        };
    }
    match (state.as_str(), level) {
        (crate::alerts::RESOLVED, _) | (_, Level::Info) => line!(info),
        (_, Level::Warning) => line!(warn),
        (_, Level::Critical) => line!(error),
    }
}
