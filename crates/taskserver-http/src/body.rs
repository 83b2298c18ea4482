//! The body of a request, which is read to its end or not at all.

use bytes::Bytes;
use http_body_util::{BodyExt, LengthLimitError, Limited};
use hyper::body::{Body, Incoming};

/// A body that has not been read yet.
pub(crate) struct RequestBody {
    body: Incoming,
    limit: usize,
}

/// Why a body cannot be read.
pub(crate) enum BodyError {
    TooLarge,
    Broken(Box<dyn std::error::Error + Send + Sync>),
}

impl From<Box<dyn std::error::Error + Send + Sync>> for BodyError {
    fn from(cause: Box<dyn std::error::Error + Send + Sync>) -> Self {
        match cause.downcast::<LengthLimitError>() {
            Ok(_) => Self::TooLarge,
            Err(cause) => Self::Broken(cause),
        }
    }
}

impl RequestBody {
    pub(crate) fn new(body: Incoming, limit: usize) -> Self {
        Self { body, limit }
    }

    /// Reads it whole.
    pub(crate) async fn read(self) -> Result<Bytes, BodyError> {
        Ok(self.limited()?.collect().await?.to_bytes())
    }

    /// Reads it to its end and forgets it: the connection can then take another request.
    pub(crate) async fn discard(self) -> Result<(), BodyError> {
        let mut body = self.limited()?;
        while let Some(frame) = body.frame().await {
            frame?;
        }
        Ok(())
    }

    /// A body whose length is declared too large is not read at all.
    fn limited(self) -> Result<Limited<Incoming>, BodyError> {
        match self.body.size_hint().lower() > self.limit as u64 {
            true => Err(BodyError::TooLarge),
            false => Ok(Limited::new(self.body, self.limit)),
        }
    }
}
