//! A part of a report, or why it is absent.

use serde::Serialize;
use taskserver_core::App;
use taskserver_store::StoreError;

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub(crate) enum Section<T> {
    Present(T),
    Absent { absent: String },
}

impl<T> Section<T> {
    /// What was read from the table of a service, if the app has the service; and what to say where it has not.
    pub(crate) async fn read(
        app: &App,
        service: &str,
        otherwise: &str,
        read: impl Future<Output = Result<T, StoreError>>,
    ) -> Result<Self, StoreError> {
        if app.services().get(service).is_none() {
            return Ok(Self::Absent { absent: otherwise.to_owned() });
        }
        match read.await {
            Ok(content) => Ok(Self::Present(content)),
            // All of the report would be like this, and may not be in a while.
            Err(error) if error.is_outage() || matches!(error, StoreError::Locked(_)) => Err(error),
            Err(error) => Ok(Self::Absent { absent: format!("This could not be read: {error}.") }),
        }
    }
}
