//! The status page, with what only the program knows: its version and its configuration.

use std::sync::Arc;

use taskserver_config::Effective;
use taskserver_core::App;
use taskserver_page::StatusPage;
use taskserver_page::view::Setting;
use tokio::sync::watch;

/// The settings that the page shows; those which are sent later take their place.
pub(crate) type Shown = watch::Sender<Arc<[Setting]>>;

/// The pages about an app.
pub(crate) fn pages(app: &App, identity: String, shown: &Shown) -> Arc<StatusPage> {
    let page = StatusPage::new(app.clone()).identity(identity).version(env!("CARGO_PKG_VERSION"));
    Arc::new(page.settings(shown.subscribe()))
}

/// The effective configuration, in which secrets are hidden already.
pub(crate) fn settings(effective: Vec<Effective>) -> Arc<[Setting]> {
    effective.into_iter().map(|Effective { key, value, source }| Setting { key, value, source }).collect()
}
