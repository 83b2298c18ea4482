//! Where a cursor is kept between two starts.

use async_trait::async_trait;

use crate::{BoxError, Cursor};

/// A place for one cursor.
#[async_trait]
pub trait Checkpoint: Send + Sync {
    /// The cursor that was saved last, if any.
    ///
    /// # Errors
    /// Whatever the place has for an error, also when what it holds is not a cursor.
    async fn load(&self) -> Result<Option<Cursor>, BoxError>;

    /// Replaces the cursor, durably and as a whole.
    ///
    /// # Errors
    /// Whatever the place has for an error.
    async fn save(&self, cursor: &Cursor) -> Result<(), BoxError>;
}
