//! The program against its own description, by `schemathesis`: whatever it is asked that fits `/openapi.json`, or nearly fits, it
//! answers as described, and never with a fault of its own. `just test-openapi` installs what this needs.

use std::path::Path;
use std::process::Command;

use taskserver_tests::skip;
use tempfile::tempdir;

use crate::rest::TOKEN;
use crate::support::{CYCLE, Server, text};

fn schemathesis() -> Option<Command> {
    let program = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/schemathesis/bin/schemathesis");
    if program.exists() {
        return Some(Command::new(program));
    }
    skip("schemathesis", "it is not installed: `just test-openapi` does that");
    None
}

fn check(arguments: &[&str]) {
    let Some(mut schemathesis) = schemathesis() else { return };
    let folder = tempdir().unwrap();
    // With room for nearly all parameters at once: a head that is too large is refused before anything else is looked at.
    let settings = ["--set", TOKEN, "--set", "http.writes=true", "--set", "http.max_header_bytes=65535"];
    let mut server = Server::start(folder.path(), &settings);
    server.wait_for(CYCLE);
    let description = format!("http://127.0.0.1:{}/openapi.json", server.port);
    let output = schemathesis
        .args(["--config-file", concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/schemathesis/schemathesis.toml")])
        .args(["run", &description, "--no-color", "--seed=1"])
        .args(arguments)
        .current_dir(folder.path())
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", text(&output.stdout));
}

#[test]
fn an_administrator_is_answered_as_described() {
    // A query that fits may be refused all the same, as a list of too many values. Whether the credential is needed, and which
    // methods there are, is tried elsewhere; here a head that is too large would be taken for a wrong answer.
    let excluded = "--exclude-checks=positive_data_acceptance,ignored_auth,missing_required_header,unsupported_method";
    check(&["--header", "authorization: Bearer hunter2", excluded, "--phases=coverage,fuzzing", "--max-examples=5"]);
}

#[test]
fn a_stranger_is_answered_as_described() {
    let described =
        "--checks=not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance";
    check(&[described, "--phases=fuzzing", "--max-examples=10"]);
}
