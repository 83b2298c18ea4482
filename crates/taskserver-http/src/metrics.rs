//! `/metrics`: the app's metrics, for Prometheus and whatever reads its formats.
//!
//! As with Prometheus' own client libraries, OpenMetrics is for those who ask for it by name, and the classic format for all others:
//! a reader that has never heard of OpenMetrics, such as `promtool check metrics`, cannot read it.

use hyper::header::{ACCEPT, HeaderMap, HeaderValue};
use hyper::http::request::Parts;

use crate::response::{self, Response};
use crate::state::State;

const OPEN_METRICS: HeaderValue =
    HeaderValue::from_static("application/openmetrics-text; version=1.0.0; charset=utf-8");
const CLASSIC: HeaderValue = HeaderValue::from_static("text/plain; version=0.0.4; charset=utf-8");

pub(crate) fn metrics(state: &State, head: &Parts) -> Response {
    let metrics = state.app.metrics();
    match prefers_open_metrics(&head.headers) {
        true => response::of_type(OPEN_METRICS, metrics.encode()),
        false => response::of_type(CLASSIC, metrics.encode_classic()),
    }
}

/// Whether a client asks for OpenMetrics in this version, and would not rather have plain text.
fn prefers_open_metrics(request: &HeaderMap) -> bool {
    let values = request.get_all(ACCEPT).iter().filter_map(|value| value.to_str().ok());
    let (mut open_metrics, mut plain) = (0.0_f64, 0.0_f64);
    for range in values.flat_map(|value| value.split(',')) {
        let mut parts = range.split(';').map(str::trim);
        let name = parts.next().unwrap_or_default().to_ascii_lowercase();
        let (mut weight, mut version) = (1.0, None);
        for (key, value) in parts.filter_map(|part| part.split_once('=')) {
            match key.to_ascii_lowercase().as_str() {
                "q" => weight = value.parse().unwrap_or(0.0),
                "version" => version = Some(value.trim_matches('"')),
                _ => {}
            }
        }
        match (name.as_str(), version) {
            ("application/openmetrics-text", None | Some("1.0.0")) => open_metrics = open_metrics.max(weight),
            ("text/plain", None | Some("0.0.4")) => plain = plain.max(weight),
            _ => {}
        }
    }
    open_metrics > 0.0 && open_metrics >= plain
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn open_metrics_is_for_those_who_ask_for_it_and_do_not_prefer_plain_text() {
        let prefers = |value: &'static str| {
            prefers_open_metrics(&HeaderMap::from_iter([(ACCEPT, HeaderValue::from_static(value))]))
        };
        // Prometheus 2.42, and 3.7.
        assert!(prefers(
            "application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,\
             text/plain;version=0.0.4;q=0.5,*/*;q=0.1"
        ));
        assert!(prefers(
            "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6,\
             application/openmetrics-text;version=0.0.1;q=0.5,text/plain;version=1.0.0;escaping=allow-utf-8;q=0.4,\
             text/plain;version=0.0.4;q=0.3,*/*;q=0.2"
        ));
        // 3.7 with `scrape_protocols: [PrometheusText0.0.4]`.
        assert!(!prefers("text/plain;version=0.0.4;q=0.3,*/*;q=0.2"));
        // 2.10, which knows a draft of the format.
        assert!(!prefers("application/openmetrics-text; version=0.0.1,text/plain;version=0.0.4;q=0.5,*/*;q=0.1"));
        assert!(prefers("Application/OpenMetrics-Text; version=\"1.0.0\"; charset=utf-8"));
        assert!(
            !prefers("application/openmetrics-text; q=0")
                && !prefers("application/openmetrics-text; q=0.2, text/plain")
        );
        assert!(!prefers("*/*") && !prefers("text/html, */*;q=0.8") && !prefers(""));
        assert!(!prefers_open_metrics(&HeaderMap::new()));
    }
}
