//! The page of the effective configuration.

use maud::{Markup, html};

use crate::text::foreign;
use crate::view::Setting;

pub(crate) fn configuration(settings: &[Setting]) -> Markup {
    html! {
        p.muted { "What is in effect, and where each value was set. Secrets are hidden." }
        div #settings data-live {
            div.scroll tabindex="0" role="region" aria-label="The configuration" {
                table.settings {
                    thead { tr { th scope="col" { "Key" } th scope="col" { "Value" } th scope="col" { "Set by" } } }
                    tbody {
                        @for setting in settings {
                            tr {
                                th scope="row" { code { (foreign(&setting.key)) } }
                                td.text data-label="Value" { code { (foreign(&setting.value)) } }
                                td.text data-label="Set by" { (foreign(&setting.source)) }
                            }
                        }
                    }
                }
            }
        }
    }
}
