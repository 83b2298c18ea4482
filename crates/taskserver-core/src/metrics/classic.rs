//! OpenMetrics text as Prometheus' classic text format, version 0.0.4.
//!
//! The samples are the same in both, but for exemplars, which nothing here has. What differs is said about a family: OpenMetrics
//! names it without the suffix that its type gives to its samples (`_total`, `_info`), the classic format knows fewer types, no
//! units and no end.

/// The line that says the help of a family comes before the one that says its type, on which the name in both depends.
pub(super) fn from_open_metrics(text: &str) -> String {
    let mut classic = String::with_capacity(text.len());
    let mut help = None;
    for line in text.lines() {
        let mut words = line.splitn(4, ' ');
        match [words.next(), words.next(), words.next(), words.next()] {
            [Some("#"), Some("HELP"), Some(family), text] => help = Some((family, text.unwrap_or_default())),
            [Some("#"), Some("TYPE"), Some(family), Some(of)] => {
                let (suffix, of) = match of {
                    "counter" => ("_total", "counter"),
                    "info" => ("_info", "gauge"),
                    "unknown" => ("", "untyped"),
                    of => ("", of),
                };
                if let Some((_, text)) = help.take().filter(|(of, _)| *of == family) {
                    classic.push_str(&format!("# HELP {family}{suffix} {text}\n"));
                }
                classic.push_str(&format!("# TYPE {family}{suffix} {of}\n"));
            }
            [Some("#"), Some("UNIT" | "EOF"), ..] => {}
            _ => {
                classic.push_str(line);
                classic.push('\n');
            }
        }
    }
    classic
}

#[cfg(test)]
mod tests {
    use prometheus_client::metrics::counter::Counter;
    use prometheus_client::metrics::family::Family;
    use prometheus_client::metrics::histogram::Histogram;
    use prometheus_client::metrics::info::Info;

    use crate::{Metrics, Observed};

    #[test]
    fn families_are_named_as_their_samples_are_and_nothing_is_said_that_the_classic_format_does_not_know() {
        let metrics = Metrics::default();
        let seats = Family::<[(&str, &str); 1], Counter>::default();
        seats.get_or_create(&[("row", "# TYPE \"x\" \n")]).inc();
        metrics.register("seats_sold", "Seats that were sold", seats);
        metrics.register("build", "What this is", Info::new([("version", "1.2.3")]));
        metrics.register("seats", "Seats that are free", Observed::gauge(|| vec![(vec![], 2.5)]));
        let waits = Histogram::new([1.0]);
        waits.observe(0.5);
        metrics.register("wait_seconds", "How long one waits", waits);
        assert_eq!(
            metrics.encode_classic(),
            r##"# HELP taskserver_seats_sold_total Seats that were sold.
# TYPE taskserver_seats_sold_total counter
taskserver_seats_sold_total{row="# TYPE \"x\" \n"} 1
# HELP taskserver_build_info What this is.
# TYPE taskserver_build_info gauge
taskserver_build_info{version="1.2.3"} 1
# HELP taskserver_seats Seats that are free.
# TYPE taskserver_seats gauge
taskserver_seats 2.5
# HELP taskserver_wait_seconds How long one waits.
# TYPE taskserver_wait_seconds histogram
taskserver_wait_seconds_sum 0.5
taskserver_wait_seconds_count 1
taskserver_wait_seconds_bucket{le="1.0"} 1
taskserver_wait_seconds_bucket{le="+Inf"} 1
"##
        );
        assert!(metrics.encode().contains("# TYPE taskserver_seats_sold counter\n"));
        assert!(metrics.encode().ends_with("# EOF\n"));
    }
}
