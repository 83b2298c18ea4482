//! `taskserver config`: what the configuration is, and where every value comes from.

use std::process::ExitCode;

use crate::cli::{Sources, print};

pub(crate) fn run(sources: &Sources, check: bool) -> anyhow::Result<ExitCode> {
    let loaded = sources.loader().load()?;
    crate::compose::check(&loaded.settings)?;
    match check {
        true => print("The configuration is valid."),
        false => print(&loaded.explain()),
    }
    loaded.warnings.iter().for_each(|warning| crate::cli::print_error(&format!("Warning: {warning}")));
    Ok(ExitCode::SUCCESS)
}
