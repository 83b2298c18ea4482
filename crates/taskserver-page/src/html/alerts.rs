//! The page of the alerts.

use maud::{Markup, html};

use super::parts;
use crate::format;
use crate::outcome::Tone;
use crate::text::{foreign, foreign_plain};
use crate::view::{Alert, Alerts, Delivery, Frame, Receiver, Section};

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
                @if !view.receivers.is_empty() {
                    section aria-labelledby="receivers-title" {
                        h2 #receivers-title { "Receivers" }
                        ul.components #receivers data-live { @for receiver in &view.receivers { (self::receiver(frame, receiver)) } }
                    }
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
                    (foreign(&alert.source)) ", rule " (foreign(&alert.rule)) ", " (format::counted(u64::try_from(alert.events).unwrap_or_default(), "event", "events"))
                    ", " (format::counted(u64::try_from(alert.deliveries).unwrap_or_default(), "delivery", "deliveries"))
                    @if let Some(since) = alert.since { ", since " (format::moment_and_clock(since, frame.now)) }
                    @if let Some(last) = alert.last_seen { ", last " (format::moment_and_clock(last, frame.now)) }
                    @if let Some(resolved) = alert.resolved { ", resolved " (format::moment_and_clock(resolved, frame.now)) }
                }
                @if !alert.told.is_empty() { (deliveries(frame, alert)) }
            }
        }
    }
}

fn deliveries(frame: &Frame, alert: &Alert) -> Markup {
    let row = |Delivery { receiver, kind, state, attempts, error, at }: &Delivery| {
        html! {
            tr {
                th scope="row" { (foreign(receiver)) }
                td { (foreign(kind)) }
                td { (foreign(state)) }
                td { (format::whole(*attempts)) }
                td { @if let Some(at) = at { (format::moment(*at, frame.now)) } }
                td { @if let Some(error) = error { (foreign(error)) } }
            }
        }
    };
    html! {
        details id=(format!("deliveries-{}", alert.id)) {
            summary { "Who was told" }
            div.scroll tabindex="0" role="region" aria-label=(format!("Deliveries of {}", foreign_plain(&alert.title))) {
                table {
                    thead { tr {
                        th scope="col" { "Receiver" } th scope="col" { "Told" } th scope="col" { "State" } th scope="col" { "Attempts" }
                        th scope="col" { "Last attempt" } th scope="col" { "Last error" }
                    } }
                    tbody { @for delivery in &alert.told { (row(delivery)) } }
                }
            }
        }
    }
}

fn receiver(frame: &Frame, receiver: &Receiver) -> Markup {
    let (tone, state) = if receiver.failures > 0 { (Tone::Bad, "not reached") } else { (Tone::Good, "reached") };
    html! {
        li class=(tone.name()) {
            (tone.sign())
            div {
                p { strong { (foreign(&receiver.name)) } " " span.state { (state) } }
                @match receiver.delivered {
                    Some(at) => p.muted { "last told " (format::moment(at, frame.now)) },
                    None => p.muted { "not told anything yet" },
                }
                @if receiver.failures > 0 {
                    p.muted {
                        (format::counted(u64::try_from(receiver.failures).unwrap_or_default(), "failure", "failures")) " in a row"
                        @if let Some(next) = receiver.next_attempt { ", tried again " (format::moment(next, frame.now)) }
                    }
                }
                @if let Some(error) = receiver.error.as_ref().filter(|_| receiver.failures > 0) {
                    (parts::long("reason", &format!("receiver-{}", receiver.name), error))
                }
            }
        }
    }
}
