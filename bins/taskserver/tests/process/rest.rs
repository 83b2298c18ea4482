//! The services as callers from outside meet them.

use std::process::Command;

use serde_json::{Value, json};
use tempfile::tempdir;

use crate::support::{CYCLE, Server, text};

/// The token `hunter2`, by its hash.
pub(crate) const TOKEN: &str =
    "authentication.tokens.operator.sha256=f52fbd32b2b3b86ff88ef6c490628285f482af15ddcb29541f94bcf526a3f6c7";

/// Asks with curl: the status and the body.
pub(crate) fn ask(server: &Server, arguments: &[&str], path: &str) -> (u16, Value) {
    let url = format!("http://127.0.0.1:{}{path}", server.port);
    let output = Command::new("curl").args(["-sg", "-w", "\n%{http_code}", &url]).args(arguments).output().unwrap();
    let answer = text(&output.stdout);
    let (body, status) = answer.rsplit_once('\n').unwrap();
    (status.parse().unwrap(), serde_json::from_str(body).unwrap_or_else(|_| panic!("{answer}")))
}

pub(crate) const AUTHORIZED: [&str; 2] = ["-H", "authorization: Bearer hunter2"];

#[test]
fn who_is_authorised_reads_the_figures_and_nobody_else() {
    let folder = tempdir().unwrap();
    let mut server = Server::start(folder.path(), &["--set", TOKEN]);
    server.wait_for(CYCLE);
    for stranger in [&[][..], &["-H", "authorization: Bearer hunter3"]] {
        for path in ["/analytics", "/user", "/monitoring"] {
            assert_eq!(ask(&server, stranger, path).0, 401, "{path}");
        }
    }
    let (status, page) =
        ask(&server, &AUTHORIZED, "/analytics?type[$in][]=activeChannels&type[$in][]=nothing&$select[]=type");
    assert_eq!((status, &page["total"], &page["data"][0]["type"]), (200, &json!(1), &json!("activeChannels")));
    let (status, page) = ask(&server, &AUTHORIZED, "/analytics?action=dailyUsers&$limit=3");
    assert_eq!((status, page["data"].as_array().unwrap().len()), (200, 3));
    let (status, description) = ask(&server, &AUTHORIZED, "/openapi.json");
    assert!(status == 200 && description["paths"]["/analytics"].is_object(), "{description}");
}

#[test]
fn writing_from_outside_is_refused_unless_it_is_switched_on() {
    let row = ["-H", "content-type: application/json", "-d", r#"{"type": "mine", "count": 7}"#];
    for (writes, expected) in [("http.writes=false", 405), ("http.writes=true", 201)] {
        let folder = tempdir().unwrap();
        let mut server = Server::start(folder.path(), &["--set", TOKEN, "--set", writes]);
        server.wait_for("Task server listening");
        let (status, answer) = ask(&server, &[&AUTHORIZED[..], &row].concat(), "/analytics");
        assert_eq!(status, expected, "{answer}");
        assert_eq!(ask(&server, &[&AUTHORIZED[..], &row].concat(), "/user").0, 405);
    }
}
