//! The task server of an iR Engine deployment: see `taskserver --help`.

use std::process::ExitCode;

fn main() -> ExitCode {
    taskserver::cli::main()
}
