//! A figure over time: a line, the band between its least and greatest values, and its gaps.

use jiff::{SignedDuration, Timestamp};
use maud::{Markup, html};

use super::frame::{Plot, drawing, nothing, width};
use super::scale::ValueAxis;
use super::{Span, Unit, number};
use crate::format;

/// A figure at a moment.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Point {
    /// When it was taken.
    pub at: Timestamp,
    /// What it was.
    pub value: f64,
    /// The least and the greatest that it was in the time for which this point stands.
    pub range: Option<(f64, f64)>,
}

/// A figure over time.
#[derive(Debug, Clone)]
pub struct LineChart {
    /// An id that nothing else on the page has.
    pub id: String,
    /// What is shown.
    pub title: String,
    /// What the values are.
    pub unit: Unit,
    /// The time that is shown.
    pub span: Span,
    /// In the order of time.
    pub points: Vec<Point>,
    /// Points further apart than this are not joined: between them is a gap.
    pub max_gap: SignedDuration,
    /// Whether it takes the whole width of the page.
    pub wide: bool,
}

impl LineChart {
    /// The chart as SVG; without a point, what to expect in its place.
    #[must_use]
    pub fn render(&self) -> Markup {
        if self.points.is_empty() {
            return nothing("No data in this time yet.");
        }
        let greatest =
            self.points.iter().map(|point| point.range.map_or(point.value, |(_, high)| high.max(point.value)));
        let axis = ValueAxis::new(greatest.fold(0.0, f64::max), self.unit);
        let plot = Plot { span: self.span, axis, width: width(self.wide) };
        let segments: Vec<&[Point]> = self.segments().collect();
        let content = html! {
            @for (from, to) in self.gaps(&segments) {
                rect.gap x=(number(plot.x(from))) width=(number(plot.x(to) - plot.x(from)))
                    y=(number(plot.top())) height=(number(plot.bottom() - plot.top())) {}
            }
            (plot.axes())
            @for segment in &segments {
                @if segment.iter().any(|point| point.range.is_some_and(|(low, high)| low < high)) {
                    path.band d=(band(&plot, segment)) {}
                }
                @if segment.len() > 1 {
                    path.line d=(line(&plot, segment)) {}
                } @else {
                    circle.dot cx=(number(plot.x(segment[0].at))) cy=(number(plot.y(segment[0].value))) r="2.5" {}
                }
            }
            @for (index, point) in self.points.iter().enumerate() { (self.reading(&plot, index, point)) }
        };
        drawing(&self.id, plot.width, &self.title, &self.summary(&segments), &content)
    }

    /// Runs of points without a gap.
    fn segments(&self) -> impl Iterator<Item = &[Point]> {
        self.points.chunk_by(|one, next| next.at.duration_since(one.at) <= self.max_gap)
    }

    /// The times without data: before the first point, between two runs, and after the last one.
    fn gaps(&self, segments: &[&[Point]]) -> Vec<(Timestamp, Timestamp)> {
        let ends = segments.iter().filter_map(|segment| Some((segment.first()?.at, segment.last()?.at)));
        let (mut gaps, mut covered) = (Vec::new(), self.span.from);
        for (first, last) in ends {
            gaps.push((covered, first));
            covered = last;
        }
        gaps.push((covered, self.span.to));
        gaps.retain(|(from, to)| to.duration_since(*from) > self.max_gap);
        gaps
    }

    /// What appears when the pointer is near a point.
    fn reading(&self, plot: &Plot, index: usize, point: &Point) -> Markup {
        let x = plot.x(point.at);
        let left = index.checked_sub(1).map_or(plot.left(), |before| (plot.x(self.points[before].at) + x) / 2.0);
        let right = self.points.get(index + 1).map_or(plot.right(), |after| (plot.x(after.at) + x) / 2.0);
        let range = point.range.filter(|(low, high)| low < high);
        html! {
            g.reading {
                rect.hit x=(number(left)) width=(number((right - left).max(0.5))) y="0" height=(number(plot.bottom())) {}
                line.guide x1=(number(x)) x2=(number(x)) y1=(number(plot.top())) y2=(number(plot.bottom())) {}
                circle.dot cx=(number(x)) cy=(number(plot.y(point.value))) r="3.5" {}
                text.value x=(number(x.clamp(plot.left() + 62.0, plot.right() - 62.0))) y="12" text-anchor="middle" {
                    (format::clock(point.at, self.span.to)) ": " (self.unit.value(point.value))
                    @if let Some((low, high)) = range { " (" (self.unit.value(low)) "–" (self.unit.value(high)) ")" }
                }
            }
        }
    }

    fn summary(&self, segments: &[&[Point]]) -> String {
        let low =
            self.points.iter().map(|point| point.range.map_or(point.value, |(low, _)| low)).fold(f64::MAX, f64::min);
        let high =
            self.points.iter().map(|point| point.range.map_or(point.value, |(_, high)| high)).fold(0.0, f64::max);
        let gaps = match self.gaps(segments).len() {
            0 => String::new(),
            gaps => format!(" {} without data.", format::counted(gaps as u64, "time", "times")),
        };
        let last = self.points.last().map_or(0.0, |point| point.value);
        let value = |value| self.unit.value(value);
        format!("At last {}; between {} and {}.{gaps}", value(last), value(low), value(high))
    }
}

fn line(plot: &Plot, points: &[Point]) -> String {
    path(plot, points.iter().map(|point| (point.at, point.value)), "")
}

/// The area between the least and the greatest values: along the greatest, and back along the least.
fn band(plot: &Plot, points: &[Point]) -> String {
    let range = |point: &Point| point.range.unwrap_or((point.value, point.value));
    let there = points.iter().map(|point| (point.at, range(point).1));
    let back = points.iter().rev().map(|point| (point.at, range(point).0));
    path(plot, there.chain(back), "Z")
}

fn path(plot: &Plot, points: impl Iterator<Item = (Timestamp, f64)>, end: &str) -> String {
    let mut path = String::new();
    for (at, value) in points {
        path.push(if path.is_empty() { 'M' } else { 'L' });
        path.push_str(&number(plot.x(at)));
        path.push(' ');
        path.push_str(&number(plot.y(value)));
    }
    path.push_str(end);
    path
}
