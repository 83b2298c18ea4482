//! The outcomes of runs as a strip, and a trend as a line of words' size.

use maud::{Markup, html};
use taskserver_core::Outcome;

use super::number;
use crate::outcome;

/// A run in a strip.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mark {
    /// How it ended; `None` while it is in progress.
    pub outcome: Option<Outcome>,
    /// What is said of it where the pointer is.
    pub title: String,
}

/// The place of one mark.
const STEP: f64 = 7.0;
const HEIGHT: f64 = 20.0;

/// Runs beside each other, the oldest first, at the right end of a strip with room for `places`. What did not succeed is taller
/// than what did: colour is not all that tells them apart.
#[must_use]
pub fn strip(marks: &[Mark], places: usize) -> Markup {
    let width = places as f64 * STEP;
    let marks = &marks[marks.len().saturating_sub(places)..];
    let empty = places - marks.len();
    html! {
        svg.strip role="img" viewBox={ "0 0 " (number(width)) " " (number(HEIGHT)) } aria-label=(summary(marks)) {
            @for place in 0..empty {
                rect.none x=(number(place as f64 * STEP + 1.0)) y="15" width="5" height="3" rx="1" {}
            }
            @for (place, mark) in marks.iter().enumerate() {
                @let height = if mark.outcome == Some(Outcome::Succeeded) { 12.0 } else { 18.0 };
                rect class={ "run " (outcome::name(mark.outcome)) } x=(number((place + empty) as f64 * STEP + 1.0))
                    y=(number(HEIGHT - 2.0 - height)) width="5" height=(number(height)) rx="1.5" { title { (mark.title) } }
            }
        }
    }
}

/// What a strip shows, in words.
fn summary(marks: &[Mark]) -> String {
    if marks.is_empty() {
        return "No runs yet".to_owned();
    }
    let mut counts: Vec<(&str, usize)> = Vec::new();
    for word in marks.iter().map(|mark| outcome::word(mark.outcome)) {
        match counts.iter_mut().find(|(known, _)| *known == word) {
            Some((_, count)) => *count += 1,
            None => counts.push((word, 1)),
        }
    }
    let counts: Vec<String> = counts.into_iter().map(|(word, count)| format!("{count} {word}")).collect();
    format!("The last {} runs: {}", marks.len(), counts.join(", "))
}

/// A trend of values, the oldest first, on a line of text's height.
#[must_use]
pub fn trend(values: &[f64], label: &str) -> Markup {
    const WIDTH: f64 = 96.0;
    const TALL: f64 = 22.0;
    let greatest = values.iter().copied().fold(0.0, f64::max);
    if values.len() < 2 || greatest <= 0.0 {
        return html! {};
    }
    let step = (WIDTH - 6.0) / (values.len() - 1) as f64;
    let place = |(index, value): (usize, &f64)| {
        format!("{},{}", number(3.0 + index as f64 * step), number(TALL - 3.0 - value / greatest * (TALL - 6.0)))
    };
    let points: Vec<String> = values.iter().enumerate().map(place).collect();
    let last = points.last().and_then(|point| point.split_once(','));
    html! {
        svg.trend role="img" viewBox={ "0 0 " (number(WIDTH)) " " (number(TALL)) } aria-label=(label) {
            polyline points=(points.join(" ")) {}
            @if let Some((x, y)) = last { circle cx=(x) cy=(y) r="2" {} }
        }
    }
}
