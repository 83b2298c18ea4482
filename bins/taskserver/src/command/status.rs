//! `taskserver status`: the first page, in text, and a verdict for scripts.

use std::io::IsTerminal as _;
use std::process::ExitCode;
use std::time::Duration;

use jiff::Timestamp;
use taskserver_core::{ComponentHealth, Health, LeadershipState, TaskStatus};
use taskserver_page::Tone;
use taskserver_page::status::{Part, Status};

use super::server::{ServerOfArgs, message};
use super::tasks::{friendly, relative};
use crate::cli::{ServerArgs, Sources, print, print_error};

/// How long the server may take to answer: longer than it waits for its database.
const TIMEOUT: Duration = Duration::from_secs(10);

/// Exit code where the server does not tell how it stands.
const NOT_TOLD: u8 = 3;

pub(crate) fn run(sources: &Sources, server: &ServerArgs, json: bool) -> anyhow::Result<ExitCode> {
    let server = ServerOfArgs::new(sources, server)?;
    let answer = super::block_on(async { Ok(server.client(TIMEOUT).await?.get("/api/status").await?) });
    let told = answer.and_then(|answer| match answer.is_success() {
        true => Ok((serde_json::from_str::<Status>(&answer.body)?, answer.body)),
        false => anyhow::bail!("the server answers {}: {}", answer.status, message(&answer.body)),
    });
    let (status, body) = match told {
        Ok(told) => told,
        Err(error) => {
            print_error(&format!("Error: {error:#}"));
            return Ok(ExitCode::from(NOT_TOLD));
        }
    };
    let in_colour =
        std::io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
    match json {
        true => print(&body),
        false => print(&text(&status, Paint(in_colour))),
    }
    Ok(if status.is_healthy() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Colours text, where it is to be coloured.
#[derive(Clone, Copy)]
struct Paint(bool);

impl Paint {
    fn bold(self, text: &str) -> String {
        self.with("1", text)
    }

    fn tone(self, tone: Tone, text: &str) -> String {
        match tone {
            Tone::Quiet => self.with("2", text),
            Tone::Good => self.with("32", text),
            Tone::Busy => self.with("36", text),
            Tone::Warning => self.with("33", text),
            Tone::Bad => self.with("31", text),
        }
    }

    fn with(self, code: &str, text: &str) -> String {
        if self.0 { format!("\x1b[{code}m{text}\x1b[0m") } else { text.to_owned() }
    }

    /// A table whose lines have these tones, under a header.
    fn table(self, table: &str, tones: impl Iterator<Item = Option<Tone>>) -> String {
        let mut lines = table.lines();
        let header = lines.next().map(|header| self.bold(header.trim_end()));
        let lines = lines.zip(tones).map(|(line, tone)| match tone {
            Some(tone) => self.tone(tone, line.trim_end()),
            None => line.trim_end().to_owned(),
        });
        header.into_iter().chain(lines).collect::<Vec<_>>().join("\n")
    }
}

fn text(status: &Status, paint: Paint) -> String {
    let (now, verdict) = (status.time, &status.verdict);
    let uptime = friendly(Duration::from_secs(status.uptime as u64));
    let mut parts = vec![format!("taskserver {} on {}, up for {uptime}", status.version, plain(&status.identity))];
    parts[0] += &format!("; {}", leadership(status));
    parts[0] += &format!("\n{}", paint.tone(verdict.tone, &paint.bold(&verdict.headline)));
    for problem in &verdict.problems {
        let since = problem.since.map(|since| format!(", since {}", relative(since, now))).unwrap_or_default();
        let reason = problem.reason.as_deref().map(|reason| format!(": {}", plain(reason))).unwrap_or_default();
        let line = format!("  {} {}{since}{reason}", plain(&problem.subject), problem.state);
        parts[0] += &format!("\n{}", paint.tone(problem.tone, &line));
    }
    let tones = status.components.iter().map(|component| of_component(&component.health));
    parts.push(paint.table(&components(&status.components, now), tones));
    parts.push(paint.table(&super::tasks::table(&status.tasks, now), status.tasks.iter().map(of_task)));
    parts.extend(
        status.alerts.as_ref().map(|alerts| titled(paint, "ALERTS", alerts, |alerts| self::alerts(paint, alerts, now))),
    );
    parts.extend(status.queue.as_ref().map(|queue| {
        titled(paint, "QUEUE", queue, |depths| {
            let depths: Vec<_> =
                depths.iter().filter(|(_, jobs)| **jobs > 0).map(|(of, jobs)| format!("{jobs} {of}")).collect();
            if depths.is_empty() { "  empty".to_owned() } else { format!("  {}", depths.join(", ")) }
        })
    }));
    parts.extend(status.events.as_ref().map(|events| {
        titled(paint, "KUBERNETES EVENTS", events, |events| {
            let newest = events.newest.map_or_else(|| "none yet".to_owned(), |newest| relative(newest, now));
            let gaps = match events.gaps {
                0 => String::new(),
                gaps => paint.tone(Tone::Warning, &format!("; gaps within a day: {gaps}")),
            };
            format!(
                "  {} within the last hour, {} of them warnings; the newest: {newest}{gaps}",
                events.last_hour, events.warnings
            )
        })
    }));
    parts.join("\n\n")
}

fn leadership(status: &Status) -> String {
    match (status.leadership.state, &status.leadership.leader) {
        (LeadershipState::Always, _) => "leads, alone".to_owned(),
        (LeadershipState::Leading { term }, _) => format!("leads, in term {term}"),
        (LeadershipState::Following, Some(leader)) => format!("follows {}", plain(leader)),
        (LeadershipState::Following, None) => "no replica is known to lead".to_owned(),
    }
}

fn components(components: &[ComponentHealth], now: Timestamp) -> String {
    let row = |component: &ComponentHealth| {
        [
            plain(&component.name),
            component.health.name().to_owned(),
            relative(component.since, now),
            if component.required { "yes" } else { "no" }.to_owned(),
            component.health.reason().map_or_else(|| "-".to_owned(), plain),
        ]
    };
    super::table(["COMPONENT", "STATE", "SINCE", "REQUIRED", "REASON"], components.iter().map(row))
}

fn of_component(health: &Health) -> Option<Tone> {
    match health {
        Health::Ready => None,
        Health::Disabled(_) => Some(Tone::Quiet),
        Health::Starting => Some(Tone::Busy),
        Health::Degraded(_) => Some(Tone::Warning),
        Health::Down(_) => Some(Tone::Bad),
    }
}

fn of_task(task: &TaskStatus) -> Option<Tone> {
    match task.consecutive_failures {
        _ if !task.running.is_empty() => Some(Tone::Busy),
        _ if task.paused || !task.enabled => Some(Tone::Quiet),
        0 => None,
        1 | 2 => Some(Tone::Warning),
        _ => Some(Tone::Bad),
    }
}

fn titled<T>(paint: Paint, title: &str, part: &Part<T>, text: impl FnOnce(&T) -> String) -> String {
    let text = match part {
        Part::Known(known) => text(known),
        Part::Unavailable { unavailable } => paint.tone(Tone::Warning, &format!("  {}", plain(unavailable))),
    };
    format!("{}\n{text}", paint.bold(title))
}

fn alerts(paint: Paint, alerts: &[taskserver_page::view::Alert], now: Timestamp) -> String {
    if alerts.is_empty() {
        return "  none".to_owned();
    }
    let line = |alert: &taskserver_page::view::Alert| {
        let since = alert.since.map(|since| format!(", since {}", relative(since, now))).unwrap_or_default();
        let line = format!("  {}: {}{since}", plain(&alert.level), plain(&alert.title));
        paint.tone(if alert.level == "critical" { Tone::Bad } else { Tone::Warning }, &line)
    };
    alerts.iter().map(line).collect::<Vec<_>>().join("\n")
}

/// What others wrote, in one line, and without what a terminal would obey.
fn plain(text: &str) -> String {
    text.replace(char::is_control, " ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_others_wrote_is_one_line_that_no_terminal_obeys() {
        assert_eq!(plain("out of\n\x1b[2Jmemory\u{9b}31m"), "out of  [2Jmemory 31m");
    }

    #[test]
    fn lines_of_a_table_are_coloured_only_where_they_are_to_be() {
        let table = "NAME\nredis\nqueue  ";
        let tones = [Some(Tone::Bad), None];
        assert_eq!(Paint(false).table(table, tones.into_iter()), "NAME\nredis\nqueue");
        assert_eq!(Paint(true).table(table, tones.into_iter()), "\x1b[1mNAME\x1b[0m\n\x1b[31mredis\x1b[0m\nqueue");
    }
}
