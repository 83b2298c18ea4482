//! What the standard variables of the environment ask for
//! (<https://opentelemetry.io/docs/specs/otel/configuration/sdk-environment-variables/>).
//!
//! Endpoints, headers, compression, sampling, queues and the resource are read by the SDK. What it leaves out is read here:
//! whether there is anything to export at all, the time limit and the authority of our own client, and what cannot be had.

use std::fmt;
use std::time::Duration;

use http::uri::Scheme;

use super::client::Client;

/// The time limit of a request, unless the environment says otherwise.
const TIMEOUT: Duration = Duration::from_secs(10);

/// What is exported.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Signal {
    Traces,
    Logs,
}

impl Signal {
    /// Its part of a variable's name.
    fn variable(self) -> &'static str {
        match self {
            Self::Traces => "TRACES",
            Self::Logs => "LOGS",
        }
    }
}

impl fmt::Display for Signal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Traces => "traces",
            Self::Logs => "logs",
        })
    }
}

/// The variables, wherever they come from.
pub(super) struct Environment<R = fn(&str) -> Option<String>>(R);

impl Environment {
    /// Those of the process.
    pub(super) fn read() -> Self {
        Self(|name| std::env::var(name).ok())
    }
}

impl<R: Fn(&str) -> Option<String>> Environment<R> {
    /// The client of a signal's exporter; none if it is not asked for. The error says what cannot be done.
    pub(super) fn client(&self, signal: Signal) -> Result<Option<Client>, String> {
        if !self.is_asked_for(signal)? {
            return Ok(None);
        }
        if let Some((name, protocol)) = self.of(signal, "PROTOCOL").filter(|(_, it)| it != "http/protobuf") {
            return Err(format!("{name} is {protocol}, and this server speaks http/protobuf alone"));
        }
        // The exporter would show a wrong one as it is, with a login that may be in it.
        if let Some((name, endpoint)) = self.of(signal, "ENDPOINT") {
            let scheme = endpoint.parse::<http::Uri>().ok().and_then(|uri| uri.scheme().cloned());
            if scheme.is_none_or(|scheme| scheme != Scheme::HTTP && scheme != Scheme::HTTPS) {
                return Err(format!("{name} is no URL of the kind http://host:4318 or https://host:4318"));
            }
        }
        let timeout = match self.of(signal, "TIMEOUT") {
            None => TIMEOUT,
            Some((name, text)) => {
                let milliseconds = text.trim().parse().map_err(|_| format!("{name} is no number of milliseconds"))?;
                Duration::from_millis(milliseconds)
            }
        };
        let authorities = match self.of(signal, "CERTIFICATE") {
            None => None,
            Some((name, file)) => Some(
                std::fs::read_to_string(&file).map_err(|error| format!("{name}: {file} cannot be read: {error}"))?,
            ),
        };
        Client::new(signal, timeout, authorities.as_deref()).map(Some)
    }

    fn is_asked_for(&self, signal: Signal) -> Result<bool, String> {
        if self.get("OTEL_SDK_DISABLED").is_some_and(|it| it.eq_ignore_ascii_case("true")) {
            return Ok(false);
        }
        let name = format!("OTEL_{}_EXPORTER", signal.variable());
        match self.get(&name).as_deref() {
            None => Ok(self.of(signal, "ENDPOINT").is_some()),
            Some("none") => Ok(false),
            Some("otlp") => Ok(true),
            Some(other) => Err(format!("{name} is {other}, and this server knows otlp and none")),
        }
    }

    /// A variable of the exporter, the signal's own before the general one: its name and value.
    fn of(&self, signal: Signal, what: &str) -> Option<(String, String)> {
        let names = [format!("OTEL_EXPORTER_OTLP_{}_{what}", signal.variable()), format!("OTEL_EXPORTER_OTLP_{what}")];
        names.into_iter().find_map(|name| self.get(&name).map(|value| (name, value)))
    }

    /// One that is empty is as good as none.
    fn get(&self, name: &str) -> Option<String> {
        (self.0)(name).filter(|value| !value.is_empty())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Which signals are exported, or why not.
    async fn exported(variables: &[(&str, &str)]) -> [Result<bool, String>; 2] {
        let value = |name: &str| variables.iter().find(|it| it.0 == name).map(|it| it.1.to_owned());
        let environment = Environment(value);
        [Signal::Traces, Signal::Logs].map(|signal| environment.client(signal).map(|client| client.is_some()))
    }

    #[tokio::test]
    async fn nothing_is_exported_unless_it_is_asked_for() {
        const ENDPOINT: (&str, &str) = ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://collector:4318");
        let cases: [(&[_], _); 7] = [
            (&[], [false, false]),
            (&[("OTEL_EXPORTER_OTLP_ENDPOINT", "")], [false, false]),
            (&[ENDPOINT], [true, true]),
            (&[("OTEL_EXPORTER_OTLP_LOGS_ENDPOINT", "http://collector:4318/v1/logs")], [false, true]),
            (&[("OTEL_TRACES_EXPORTER", "otlp")], [true, false]),
            (&[ENDPOINT, ("OTEL_LOGS_EXPORTER", "none")], [true, false]),
            (&[ENDPOINT, ("OTEL_SDK_DISABLED", "TRUE")], [false, false]),
        ];
        for (variables, expected) in cases {
            assert_eq!(exported(variables).await, expected.map(Ok), "{variables:?}");
        }
    }

    #[tokio::test]
    async fn what_cannot_be_had_is_named() {
        const ENDPOINT: (&str, &str) = ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "http://collector:4318");
        for (variable, reason) in [
            (
                ("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc"),
                "OTEL_EXPORTER_OTLP_PROTOCOL is grpc, and this server speaks http/protobuf alone",
            ),
            (("OTEL_TRACES_EXPORTER", "zipkin"), "OTEL_TRACES_EXPORTER is zipkin, and this server knows otlp and none"),
            (
                ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "hunter2@collector"),
                "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT is no URL of the kind http://host:4318 or https://host:4318",
            ),
            (("OTEL_EXPORTER_OTLP_TIMEOUT", "10s"), "OTEL_EXPORTER_OTLP_TIMEOUT is no number of milliseconds"),
            (
                ("OTEL_EXPORTER_OTLP_CERTIFICATE", "/nowhere.pem"),
                "OTEL_EXPORTER_OTLP_CERTIFICATE: /nowhere.pem cannot be read: No such file or directory (os error 2)",
            ),
        ] {
            assert_eq!(exported(&[variable, ENDPOINT]).await, [Err(reason.to_owned()), Ok(false)]);
        }
    }
}
