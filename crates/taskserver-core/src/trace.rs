//! The spans that describe work for traces.

/// The target of the spans that describe work to whoever collects traces: a run, a query, a delivery, a request.
///
/// Their names and fields are those of OpenTelemetry's semantic conventions, with its `otel.…` fields as the layer of
/// `tracing-opentelemetry` reads them. They are apart from the spans that give the lines of the log their context, so that
/// neither has to suit the other: a trace takes this target and nothing else, and a log leaves it out. To most logs it is so by
/// itself, as these spans are of the lowest level.
///
/// ```
/// use taskserver_core::TRACE;
/// use tracing::Instrument as _;
///
/// # async fn fetch() {}
/// # async fn example() {
/// let span = tracing::trace_span!(target: TRACE, "fetch", otel.name = "fetch prices", otel.kind = "client");
/// fetch().instrument(span).await;
/// # }
/// ```
pub const TRACE: &str = "taskserver::trace";
