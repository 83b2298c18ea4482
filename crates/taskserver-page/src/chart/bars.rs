//! Counts by time: a bar for each piece of it, stacked by series.

use jiff::Timestamp;
use maud::{Markup, html};

use super::frame::{HEIGHT, Plot, drawing, nothing, width};
use super::scale::ValueAxis;
use super::{Span, Unit, number};
use crate::format;

/// The counts of a piece of time.
#[derive(Debug, Clone, PartialEq)]
pub struct Bar {
    /// When it begins.
    pub from: Timestamp,
    /// When it ends.
    pub to: Timestamp,
    /// How it is called.
    pub label: String,
    /// A count for each series.
    pub counts: Vec<i64>,
}

impl Bar {
    fn total(&self) -> i64 {
        self.counts.iter().sum()
    }
}

/// Counts by time.
#[derive(Debug, Clone)]
pub struct BarChart {
    /// An id that nothing else on the page has.
    pub id: String,
    /// What is shown.
    pub title: String,
    /// The time that is shown.
    pub span: Span,
    /// What is stacked, from the bottom; one alone needs no name.
    pub series: Vec<String>,
    /// In the order of time.
    pub bars: Vec<Bar>,
    /// Whether it takes the whole width of the page.
    pub wide: bool,
}

impl BarChart {
    /// The chart as SVG; without anything to count, so in its place.
    #[must_use]
    pub fn render(&self) -> Markup {
        let greatest = self.bars.iter().map(Bar::total).max().unwrap_or_default();
        if greatest == 0 {
            return nothing("Nothing in this time.");
        }
        let axis = ValueAxis::new(greatest as f64, Unit::Count);
        let plot = Plot { span: self.span, axis, width: width(self.wide) };
        let content = html! {
            (plot.axes())
            @for bar in &self.bars { (self.bar(&plot, bar)) }
        };
        let total: i64 = self.bars.iter().map(Bar::total).sum();
        let description = format!("{} in all; at most {} at a time.", format::whole(total), format::whole(greatest));
        html! {
            (drawing(&self.id, plot.width, &self.title, &description, &content))
            @if self.series.len() > 1 {
                ul.legend {
                    @for (index, name) in self.series.iter().enumerate() {
                        li { svg.swatch viewBox="0 0 10 10" aria-hidden="true" { rect class=(series(index)) width="10" height="10" rx="2" {} } bdi { (name) } }
                    }
                }
            }
        }
    }

    fn bar(&self, plot: &Plot, bar: &Bar) -> Markup {
        let (left, right) = (plot.x(bar.from), plot.x(bar.to));
        let gap = ((right - left) * 0.15).min(2.0);
        let middle = f64::midpoint(left, right);
        let mut below = 0.0;
        html! {
            g.reading {
                rect.hit x=(number(left)) width=(number(right - left)) y="0" height=(number(HEIGHT)) {}
                @for (index, count) in bar.counts.iter().enumerate().filter(|(_, count)| **count > 0) {
                    @let bottom = plot.y(below);
                    @let top = plot.y(below + *count as f64);
                    rect class=(series(index)) x=(number(left + gap)) width=(number((right - left - 2.0 * gap).max(0.8)))
                        y=(number(top)) height=(number((bottom - top).max(0.8))) rx="1" {}
                    @let () = below += *count as f64;
                }
                text.value x=(number(middle.clamp(plot.left() + 60.0, plot.right() - 60.0))) y="10" text-anchor="middle" {
                    (bar.label) ": " (format::whole(bar.total()))
                    @if self.series.len() > 1 {
                        @let parts = self.series.iter().zip(&bar.counts).filter(|(_, count)| **count > 0);
                        @for (index, (name, count)) in parts.take(3).enumerate() {
                            @if index == 0 { " — " } @else { ", " } (name) " " (format::whole(*count))
                        }
                    }
                }
            }
        }
    }
}

/// The class of a series, by which the stylesheet gives it its colour.
fn series(index: usize) -> String {
    format!("series s{}", index % 7)
}
