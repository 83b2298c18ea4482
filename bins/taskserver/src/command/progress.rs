//! How far a long command has come: on standard error, where that is a terminal, and nowhere else.

use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};

/// How often what has no known length shows that it goes on.
const TICK: Duration = Duration::from_millis(100);

/// So many pieces of work that are alike. Whoever has it ends it.
pub(super) fn of(pieces: u64) -> ProgressBar {
    ProgressBar::new(pieces).with_style(style("[{wide_bar:>}] {human_pos} of {human_len}, {eta} left"))
}

/// Work whose length nobody knows, with a message that says what is being done.
pub(super) fn of_unknown_length() -> ProgressBar {
    let progress = ProgressBar::new_spinner().with_style(style("{spinner} {msg} ({elapsed})"));
    progress.enable_steady_tick(TICK);
    progress
}

fn style(template: &str) -> ProgressStyle {
    // Only a template that cannot be read has no style, and those here are constants.
    ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar())
}
