//! `taskserver migrate`: prepares the database and ends, as a Kubernetes Job or an init container would have it.

use std::process::ExitCode;

use taskserver_store::Store;

use crate::cli::{Sources, print};
use crate::telemetry::Telemetry;
use crate::{database, logging};

pub(crate) fn run(sources: &Sources) -> anyhow::Result<ExitCode> {
    let mut settings = sources.loader().load()?.settings;
    let progress = super::progress::of_unknown_length();
    if !progress.is_hidden() && settings.log.level == "info" {
        // On a terminal the progress says what these lines do, and they would tear it.
        "warn".clone_into(&mut settings.log.level);
    }
    logging::start(&settings.log, &Telemetry::default())?;
    settings.database.migrate = true;
    super::block_on(async {
        let store = Store::new(database::options(&settings.database)?)?;
        let prepared = database::prepare_and_tell(&store, &settings, |what| progress.set_message(what)).await;
        progress.finish_and_clear();
        prepared?;
        print(&format!("The database {} is up to date.", store.options().database()));
        store.close();
        Ok(ExitCode::SUCCESS)
    })
}
