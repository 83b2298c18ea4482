//! `taskserver health`: for the probes of containers that have no other tool.

use std::process::ExitCode;
use std::time::Duration;

use taskserver_http::Client;

use crate::cli::{Sources, print};

/// How long the server may take to answer: less than the platform's probes wait.
const TIMEOUT: Duration = Duration::from_secs(5);

pub(crate) fn run(sources: &Sources, live: bool) -> anyhow::Result<ExitCode> {
    let address = sources.loader().load()?.settings.http.address();
    let path = if live { "/livez?verbose" } else { "/readyz?verbose" };
    super::block_on(async {
        let answer = Client::new(address, TIMEOUT).get(path).await?;
        print(&answer.body);
        Ok(if answer.is_success() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
    })
}
