//! What every page has around its content.

use maud::{DOCTYPE, Markup, html};
use taskserver_core::{LeadershipState, LeadershipStatus};

use super::parts;
use crate::assets::ASSETS;
use crate::format;
use crate::text::foreign;
use crate::view::{Frame, Visitor};

/// A whole page.
pub(crate) fn page(frame: &Frame, path: &str, title: &str, content: &Markup) -> String {
    let name = if title.is_empty() { "taskserver".to_owned() } else { format!("{title} – taskserver") };
    let content = html! {
        a.skip href="#content" { "Skip to the content" }
        header.top {
            div.bar {
                a.brand href="/" { img src=(ASSETS.icon.path) alt="" width="28" height="28"; "taskserver" }
                (navigation(frame, path))
                (visitor(&frame.visitor, path))
            }
        }
        main #content tabindex="-1" {
            @if title.is_empty() { h1.hidden { "Status of taskserver" } } @else { h1 { (title) } }
            (content)
        }
        @if path != "/" { footer { (facts(frame)) } }
    };
    document(&name, frame.verdict.tone.name(), &content)
}

/// The whole of a page that has no frame.
fn document(title: &str, tone: &str, content: &Markup) -> String {
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                title { (title) }
                link rel="icon" type="image/svg+xml" href=(ASSETS.icon.path);
                link rel="stylesheet" href=(ASSETS.style.path);
                script src=(ASSETS.script.path) defer {}
            }
            body data-tone=(tone) { (content) }
        }
    }
    .into_string()
}

fn navigation(frame: &Frame, path: &str) -> Markup {
    let pages = frame.pages;
    let links = [
        ("/", "Overview", true),
        ("/events", "Events", pages.events),
        ("/alerts", "Alerts", pages.alerts),
        ("/jobs", "Jobs", pages.jobs),
        ("/reports", "Reports", pages.reports),
        ("/configuration", "Configuration", pages.configuration),
    ];
    html! {
        nav aria-label="Pages" {
            @for (href, name, _) in links.into_iter().filter(|(_, _, is_there)| *is_there) {
                @if href == path { a href=(href) aria-current="page" { (name) } } @else { a href=(href) { (name) } }
            }
        }
    }
}

fn visitor(visitor: &Visitor, path: &str) -> Markup {
    html! {
        div.visitor {
            @match visitor {
                Visitor::Anonymous => {}
                Visitor::Unknown => { a href={ "/login?next=" (path) } { "Sign in" } }
                Visitor::Operator(name) => {
                    form method="post" action="/logout" {
                        span.muted { "Signed in as " (foreign(name)) }
                        button.plain type="submit" { "Sign out" }
                    }
                }
            }
        }
    }
}

/// Which server this is, and how it stands with it.
pub(super) fn facts(frame: &Frame) -> Markup {
    let uptime = i64::try_from(frame.uptime.as_secs()).unwrap_or(i64::MAX);
    html! {
        dl.facts #facts data-live {
            (parts::fact("Server", &html! { (foreign(&frame.identity)) }))
            (parts::fact("Version", &html! { (frame.version) }))
            (parts::fact("Up for", &html! { (format::coarse(uptime)) }))
            (parts::fact("Leadership", &leadership(&frame.leadership, &frame.identity)))
            (parts::fact("Time", &html! { time datetime=(frame.now.strftime("%Y-%m-%dT%H:%M:%SZ")) { (frame.now.strftime("%H:%M:%S UTC, %-d %b %Y")) } }))
            div.connection #connection { dt { "Updates" } dd { span.offline { "as the page was loaded" } } }
        }
    }
}

fn leadership(leadership: &LeadershipStatus, identity: &str) -> Markup {
    html! {
        @match leadership.state {
            LeadershipState::Always => "leads, without replicas",
            LeadershipState::Leading { term } => { "leads, in term " (format::whole(i64::try_from(term).unwrap_or(i64::MAX))) }
            LeadershipState::Following => {
                @match leadership.leader.as_deref() {
                    Some(leader) if leader != identity => { "follows " (foreign(leader)) }
                    _ => "follows; nobody leads",
                }
            }
        }
    }
}

/// A page that says what went wrong, and where to go.
pub(crate) fn failure(status: u16, title: &str, message: &str) -> String {
    let content = html! {
        main #content {
            div.failure {
                p.status { (status) }
                h1 { (title) }
                p { (message) }
                p { a.button href="/" { "To the overview" } }
            }
        }
    };
    document(&format!("{title} – taskserver"), "quiet", &content)
}

/// A page without a frame, for those who are not signed in: what the server is doing is not for them.
pub(super) fn bare(title: &str, content: &Markup) -> String {
    document(&format!("{title} – taskserver"), "quiet", &html! { main #content { (content) } })
}
