//! Real API servers of Kubernetes: an etcd and a kube-apiserver, and nothing of a cluster behind them, as controller-runtime's
//! `envtest` starts them (pkg/internal/testing/controlplane of github.com/kubernetes-sigs/controller-runtime).
//!
//! `KUBEBUILDER_ASSETS` names the folder of the two programs, as for envtest; `setup-envtest use -p path` downloads and prints it.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::{Value, json};

use super::directory::Directory;
use super::server::{Server, Signals, free_port};
use crate::{Certificates, http};

const VARIABLE: &str = "KUBEBUILDER_ASSETS";

const SIGNALS: Signals = Signals { stop: "TERM", kill: "KILL" };

/// What its administrator shows.
const TOKEN: &str = "taskserver-tests";

/// A kube-apiserver with an etcd of its own. Both are gone when this is dropped.
#[derive(Debug)]
pub struct ApiServer {
    server: Server,
    _etcd: Server,
}

/// A server of the calling test's own; `None` where the environment names no programs.
///
/// # Panics
///
/// If it does, and they do not come to answer: whoever names them wants to see the tests run with them.
pub fn start() -> Option<ApiServer> {
    let assets = PathBuf::from(env::var_os(VARIABLE)?);
    Some(start_from(&assets).unwrap_or_else(|reason| panic!("{reason}")))
}

/// A server of the programs in this folder.
///
/// # Errors
///
/// If they are not there.
///
/// # Panics
///
/// If they do not come to answer.
pub fn start_from(assets: &Path) -> Result<ApiServer, String> {
    let [etcd, server] = ["etcd", "kube-apiserver"].map(|program| find(assets, program));
    let (etcd, server) = (etcd?, server?);
    let etcd = launch_etcd(&etcd);
    let server = launch(&server, etcd.url(), &Certificates::of(&["localhost", "127.0.0.1"]));
    Ok(ApiServer { server, _etcd: etcd })
}

impl ApiServer {
    /// The content of a kubeconfig of its administrator.
    pub fn kubeconfig(&self) -> Value {
        let folder = self.server.directory();
        json!({
            "apiVersion": "v1", "kind": "Config", "current-context": "envtest",
            "clusters": [{"name": "envtest", "cluster": {"server": self.server.url(), "certificate-authority": folder.join("ca")}}],
            "users": [{"name": "admin", "user": {"token": TOKEN}}],
            "contexts": [{"name": "envtest", "context": {"cluster": "envtest", "user": "admin"}}],
        })
    }
}

fn find(assets: &Path, program: &str) -> Result<PathBuf, String> {
    let file = assets.join(program);
    file.is_file().then_some(file).ok_or_else(|| {
        format!(
            "{VARIABLE} is {}, where there is no `{program}`: set it to what `setup-envtest use -p path` prints",
            assets.display()
        )
    })
}

fn launch_etcd(program: &Path) -> Server {
    let url = format!("http://127.0.0.1:{}", free_port());
    let mut etcd = Command::new(program);
    etcd.args(["--data-dir=data", "--unsafe-no-fsync"])
        .arg(format!("--listen-peer-urls=http://127.0.0.1:{}", free_port()));
    etcd.arg(format!("--listen-client-urls={url}")).arg(format!("--advertise-client-urls={url}"));
    Server::launch(url, Directory::new(SIGNALS.kill), SIGNALS, etcd, |url| {
        let (status, body) = http::get(&format!("{url}/health")).map_err(|error| error.to_string())?;
        if status == 200 { Ok(()) } else { Err(body) }
    })
}

fn launch(program: &Path, etcd: &str, certificates: &Certificates) -> Server {
    let (directory, port) = (Directory::new(SIGNALS.kill), free_port());
    let Certificates { authority, certificate, key } = certificates;
    // In Kubernetes' words, a member of `system:masters` may do everything.
    let tokens = format!("{TOKEN},admin,admin,system:masters\n");
    for (name, content) in [("ca", authority), ("certificate", certificate), ("key", key), ("tokens", &tokens)] {
        fs::write(directory.path().join(name), content).expect("a writable folder");
    }
    let url = format!("https://127.0.0.1:{port}");
    let mut server = Command::new(program);
    server.args(["--bind-address=127.0.0.1", "--advertise-address=127.0.0.1", "--cert-dir=certs"]);
    server.arg(format!("--secure-port={port}")).arg(format!("--etcd-servers={etcd}"));
    server.args(["--tls-cert-file=certificate", "--tls-private-key-file=key", "--token-auth-file=tokens"]);
    server.args(["--authorization-mode=RBAC", "--service-cluster-ip-range=10.0.0.0/24"]);
    // There are no controllers: nobody makes accounts for services, and the server's own address is nobody's endpoint.
    server.args(["--disable-admission-plugins=ServiceAccount", "--endpoint-reconciler-type=none"]);
    server.args(["--service-account-key-file=certificate", "--service-account-signing-key-file=key"]);
    server.arg(format!("--service-account-issuer={url}/"));
    Server::launch(url, directory, SIGNALS, server, is_ready)
}

/// Whether it answers, and has made the namespace in which the tests write.
fn is_ready(url: &str) -> Result<(), String> {
    for path in ["/readyz", "/api/v1/namespaces/default"] {
        let mut client = Command::new("curl");
        client.args(["--silent", "--show-error", "--fail", "--insecure", "--max-time", "5", "--header"]);
        client.arg(format!("authorization: Bearer {TOKEN}")).arg(format!("{url}{path}"));
        let output = client.output().map_err(|error| format!("curl: {error}"))?;
        if !output.status.success() {
            return Err(format!("{path}: {}", String::from_utf8_lossy(&output.stderr).trim()));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;
    use std::panic::{AssertUnwindSafe, catch_unwind};

    use super::*;

    fn program(folder: &Path, name: &str, script: &str) {
        let file = folder.join(name);
        fs::write(&file, format!("#!/bin/sh\n{script}\n")).unwrap();
        fs::set_permissions(&file, fs::Permissions::from_mode(0o755)).unwrap();
    }

    #[test]
    fn programs_that_are_not_there_are_named_with_the_remedy() {
        let folder = tempfile::tempdir().unwrap();
        let missing = |program: &str| {
            let place = folder.path().display();
            format!(
                "KUBEBUILDER_ASSETS is {place}, where there is no `{program}`: set it to what `setup-envtest use -p path` prints"
            )
        };
        assert_eq!(start_from(folder.path()).err(), Some(missing("etcd")));
        program(folder.path(), "etcd", "exit 1");
        assert_eq!(start_from(folder.path()).err(), Some(missing("kube-apiserver")));
    }

    #[test]
    fn a_program_that_ends_is_reported_with_what_it_wrote() {
        let folder = tempfile::tempdir().unwrap();
        program(folder.path(), "etcd", "echo 'flag provided but not defined' >&2; exit 2");
        program(folder.path(), "kube-apiserver", "exit 0");
        let failure = catch_unwind(AssertUnwindSafe(|| start_from(folder.path()))).unwrap_err();
        let failure = failure.downcast::<String>().unwrap();
        assert!(
            failure.starts_with("the server does not answer (Some(ExitStatus(unix_wait_status(512))))"),
            "{failure}"
        );
        assert!(failure.ends_with("flag provided but not defined\n"), "{failure}");
    }
}
