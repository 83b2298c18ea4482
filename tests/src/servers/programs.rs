//! Finds the programs of the servers. Debian keeps some of them outside of the PATH.

use std::path::{Path, PathBuf};

pub(crate) fn postgres(program: &str) -> Result<PathBuf, String> {
    let mut versions: Vec<PathBuf> = Path::new("/usr/lib/postgresql")
        .read_dir()
        .map(|entries| entries.flatten().map(|entry| entry.path().join("bin")).collect())
        .unwrap_or_default();
    versions.sort();
    versions.reverse();
    find(program, versions)
}

pub(crate) fn mariadb(program: &str) -> Result<PathBuf, String> {
    find(program, ["/usr/sbin".into()])
}

pub(crate) fn redis(program: &str) -> Result<PathBuf, String> {
    find(program, [])
}

/// Debian has prefixed its name.
pub(crate) fn alertmanager() -> Result<PathBuf, String> {
    find("prometheus-alertmanager", []).or_else(|missing| find("alertmanager", []).map_err(|_| missing))
}

pub(crate) fn prometheus() -> Result<PathBuf, String> {
    find("prometheus", [])
}

fn find(program: &str, beyond_the_path: impl IntoIterator<Item = PathBuf>) -> Result<PathBuf, String> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path)
        .chain(beyond_the_path)
        .map(|directory| directory.join(program))
        .find(|file| file.is_file())
        .ok_or_else(|| format!("no program `{program}` is installed here"))
}
