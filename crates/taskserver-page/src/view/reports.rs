//! The reports that were made.

use jiff::Timestamp;
use taskserver_core::{App, Query, ServiceError};

use super::record;

/// The service of the reports.
pub(super) const SERVICE: &str = "report";
/// How many reports are shown.
const MOST: u64 = 20;

/// A report.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    /// Its id.
    pub id: String,
    /// What it is about.
    pub title: String,
    /// The kind of report.
    pub name: String,
    /// Its text, in Markdown.
    pub markdown: String,
    /// When it was made.
    pub created: Option<Timestamp>,
}

/// The newest reports, the newest first.
pub(crate) async fn gather(app: &App) -> Result<Vec<Report>, ServiceError> {
    let query = Query::new().descending("createdAt").descending("id").limit(MOST).uncounted();
    let page = app.service(SERVICE).find(query).await?;
    let report = |row: &taskserver_core::Record| Report {
        id: record::text(row, "id"),
        title: record::text(row, "title"),
        name: record::text(row, "name"),
        markdown: record::text(row, "markdown"),
        created: record::moment(row, "createdAt"),
    };
    Ok(page.data.iter().map(report).collect())
}
