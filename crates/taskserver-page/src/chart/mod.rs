//! Charts as inline SVG, drawn on the server.
//!
//! A chart is plain data and says everything by itself: what it shows, in which unit, over which time, and where there is nothing
//! to show. For those who do not see it, its description sums it up, and the page has a table of the same numbers beside it. Values
//! appear where the pointer is, by the stylesheet alone.
//!
//! - `scale` chooses the ticks of the axes.
//! - `line` draws figures over time, with their gaps; `bars` counts by time, stacked by series; `strip` the outcomes of runs, one
//!   beside the other, and a small trend.
//!
//! Lengths are in the units of the view box, about a pixel each: a chart is laid out for the width at which it is shown.

mod bars;
mod frame;
mod line;
mod scale;
mod strip;

pub use bars::{Bar, BarChart};
pub use line::{LineChart, Point};
pub use scale::Unit;
pub use strip::{Mark, strip, trend};

use jiff::Timestamp;

/// The time that a chart covers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Span {
    /// Its beginning.
    pub from: Timestamp,
    /// Its end.
    pub to: Timestamp,
}

impl Span {
    fn seconds(self) -> f64 {
        self.to.duration_since(self.from).as_secs_f64().max(1.0)
    }

    /// Where a moment lies in it, from 0 to 1.
    fn fraction(self, at: Timestamp) -> f64 {
        (at.duration_since(self.from).as_secs_f64() / self.seconds()).clamp(0.0, 1.0)
    }
}

/// A coordinate, to a tenth: finer ones would only make pages longer.
fn number(value: f64) -> String {
    let tenths = (value * 10.0).round() / 10.0;
    if tenths == tenths.trunc() { format!("{tenths:.0}") } else { format!("{tenths:.1}") }
}
