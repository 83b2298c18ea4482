//! The page of the reports.

use maud::{Markup, html};

use super::parts;
use crate::format;
use crate::text::foreign_whole;
use crate::view::{Frame, Report, Section};

/// Reports are Markdown, which is made to be read as it is.
pub(crate) fn reports(frame: &Frame, view: &Section<Vec<Report>>) -> Markup {
    html! {
        div #reports data-live {
            @match view {
                Err(reason) => (parts::unavailable(reason)),
                Ok(reports) if reports.is_empty() => p.empty { "No report has been made yet." },
                Ok(reports) => {
                    @for (index, report) in reports.iter().enumerate() {
                        details.report.card open[index == 0] id={ "report-" (report.id) } {
                            summary {
                                (crate::text::foreign(&report.title))
                                @if let Some(created) = report.created { " " span.muted { (format::moment_and_clock(created, frame.now)) } }
                            }
                            div.scroll tabindex="0" role="region" aria-label=(format!("Report {}", index + 1)) { pre { (foreign_whole(&report.markdown)) } }
                        }
                    }
                }
            }
        }
    }
}
