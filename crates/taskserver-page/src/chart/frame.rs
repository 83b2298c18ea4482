//! What charts have in common: the figure around them, the axes, and the states in which there is nothing to draw.

use maud::{Markup, html};

use super::scale::{ValueAxis, time_ticks};
use super::{Span, number};

/// The width of a chart beside others, and of one by itself.
pub(super) fn width(wide: bool) -> f64 {
    if wide { 760.0 } else { 380.0 }
}

pub(super) const HEIGHT: f64 = 168.0;
const LEFT: f64 = 44.0;
const RIGHT: f64 = 8.0;
const TOP: f64 = 10.0;
const BOTTOM: f64 = 24.0;

/// The place of the values within the chart.
pub(super) struct Plot {
    pub(super) span: Span,
    pub(super) axis: ValueAxis,
    pub(super) width: f64,
}

impl Plot {
    pub(super) fn x(&self, at: jiff::Timestamp) -> f64 {
        LEFT + self.span.fraction(at) * (self.width - LEFT - RIGHT)
    }

    pub(super) fn y(&self, value: f64) -> f64 {
        self.bottom() - self.axis.fraction(value) * (self.bottom() - self.top())
    }

    pub(super) fn top(&self) -> f64 {
        TOP
    }

    pub(super) fn bottom(&self) -> f64 {
        HEIGHT - BOTTOM
    }

    pub(super) fn left(&self) -> f64 {
        LEFT
    }

    pub(super) fn right(&self) -> f64 {
        self.width - RIGHT
    }

    /// The axes, their ticks and the lines between.
    pub(super) fn axes(&self) -> Markup {
        html! {
            g.axis {
                @for (value, label) in &self.axis.ticks {
                    @let y = self.y(*value);
                    line.grid.base[*value == 0.0] x1=(number(LEFT)) x2=(number(self.right())) y1=(number(y)) y2=(number(y)) {}
                    text.tick x=(number(LEFT - 6.0)) y=(number(y + 3.5)) text-anchor="end" { (label) }
                }
                @for (at, label) in time_ticks(self.span) {
                    @let x = self.x(at);
                    line.mark x1=(number(x)) x2=(number(x)) y1=(number(self.bottom())) y2=(number(self.bottom() + 4.0)) {}
                    text.tick x=(number(x.clamp(LEFT + 12.0, self.right() - 14.0))) y=(number(HEIGHT - 6.0)) text-anchor="middle" {
                        (label)
                    }
                }
            }
        }
    }
}

/// The drawing, with its name and description for those who do not see it.
pub(super) fn drawing(id: &str, width: f64, title: &str, description: &str, content: &Markup) -> Markup {
    html! {
        svg.chart role="img" viewBox={ "0 0 " (number(width)) " " (number(HEIGHT)) }
            aria-labelledby={ (id) "-title " (id) "-desc" } {
            title id={ (id) "-title" } { (title) }
            desc id={ (id) "-desc" } { (description) }
            (content)
        }
    }
}

/// In place of a drawing: why there is none.
pub(super) fn nothing(message: &str) -> Markup {
    html! { div.chart.nothing { p { (message) } } }
}
