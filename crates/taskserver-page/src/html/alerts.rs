//! The page of the alerts.

use maud::{Markup, html};

use super::parts;
use crate::format;
use crate::outcome::Tone;
use crate::text::foreign;
use crate::view::{Alert, Alerts, Delivery, Frame, Section};

pub(crate) fn alerts(frame: &Frame, view: &Section<Alerts>) -> Markup {
    let list = |alerts: &[Alert], none: &str| {
        html! {
            @if alerts.is_empty() { p.empty { (none) } } @else { ol.events { @for alert in alerts { (self::alert(frame, alert)) } } }
        }
    };
    html! {
        @match view {
            Err(reason) => div #alerts data-live { (parts::unavailable(reason)) },
            Ok(view) => {
                section aria-labelledby="firing-title" {
                    h2 #firing-title { "Firing" }
                    div #firing data-live { (list(&view.firing, "No alert is firing.")) }
                }
                section aria-labelledby="resolved-title" {
                    h2 #resolved-title { "Resolved" }
                    div #resolved data-live { (list(&view.resolved, "No alert has been resolved yet.")) }
                }
            }
        }
    }
}

fn alert(frame: &Frame, alert: &Alert) -> Markup {
    let tone = if alert.is_resolved() { Tone::Good } else { alert.tone() };
    html! {
        li class=(tone.name()) {
            (tone.sign())
            div {
                p.line { strong { (foreign(&alert.title)) } " " span.muted { (foreign(&alert.level)) ", " (foreign(&alert.state)) } }
                (parts::long("message", &alert.id, &alert.message))
                p.muted {
                    "rule " (foreign(&alert.rule)) ", " (format::counted(u64::try_from(alert.events).unwrap_or_default(), "event", "events"))
                    @if let Some(since) = alert.since { ", since " (format::moment_and_clock(since, frame.now)) }
                    @if let Some(last) = alert.last_seen { ", last " (format::moment_and_clock(last, frame.now)) }
                }
                @if !alert.deliveries.is_empty() {
                    ul.deliveries { @for delivery in &alert.deliveries { li { (self::delivery(delivery)) } } }
                }
            }
        }
    }
}

fn delivery(delivery: &Delivery) -> Markup {
    let tone = match delivery.state.as_str() {
        "delivered" | "sent" => Tone::Good,
        "failed" | "dead" | "given-up" => Tone::Bad,
        _ => Tone::Busy,
    };
    html! {
        (tone.sign()) " " (foreign(&delivery.receiver)) " " span.muted {
            (foreign(&delivery.state))
            @if delivery.attempts > 1 { ", " (delivery.attempts) " attempts" }
        }
    }
}
