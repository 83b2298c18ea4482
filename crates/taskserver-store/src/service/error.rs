//! The store's errors, as callers of a service see them: outside callers too, whom the database's own words do not concern.
//! These go with the error as its cause, for the log.

use taskserver_core::{ErrorKind, ServiceError};

use crate::StoreError;

pub(super) fn service_error(table: &str, error: StoreError) -> ServiceError {
    let (kind, message) = match &error {
        StoreError::MissingTable(table) => {
            (ErrorKind::Unavailable, format!("The database of this deployment has no table `{table}`"))
        }
        StoreError::MissingColumn(column) => {
            (ErrorKind::Unavailable, format!("The table `{table}` of this deployment has no column `{column}`"))
        }
        StoreError::Timeout(_) => (ErrorKind::Timeout, "The database took too long".into()),
        StoreError::Locked(_) => (ErrorKind::Unavailable, "The database is busy".into()),
        error if error.is_outage() => (ErrorKind::Unavailable, "The database is not available".into()),
        StoreError::Duplicate(_) => (ErrorKind::Conflict, "a record with one of these values exists already".into()),
        _ => (ErrorKind::GeneralError, "The database failed".into()),
    };
    ServiceError::new(kind, message).with_source(error)
}
