//! Changed files are noticed, however they change.

use std::{fs, os::unix::fs::symlink, path::Path, time::Duration};

use taskserver_config::{Loader, Watch};
use tempfile::TempDir;

const EVERY: Duration = Duration::from_secs(5);

/// Whether a change is seen while the (paused) time of several looks passes.
async fn changed(watch: &mut Watch) -> bool {
    tokio::time::timeout(EVERY * 4, watch.changed()).await.is_ok()
}

#[tokio::test(start_paused = true)]
async fn a_swapped_config_map_is_noticed_once() {
    let directory = TempDir::new().unwrap();
    let mount = directory.path().join("mount");
    for (version, port) in [("..1", 1), ("..2", 2)] {
        fs::create_dir_all(mount.join(version)).unwrap();
        fs::write(mount.join(version).join("a.toml"), format!("http.port = {port}")).unwrap();
    }
    symlink("..1", mount.join("..data")).unwrap();
    symlink(Path::new("..data/a.toml"), mount.join("a.toml")).unwrap();
    let loader = Loader::new().working_directory(directory.path()).directory(mount.clone());
    let loaded = loader.load().unwrap();
    assert_eq!(loaded.settings.http.port, 1);
    let mut watch = Watch::new(loaded.inputs().clone(), EVERY);
    assert!(!changed(&mut watch).await);
    symlink("..2", mount.join("..new")).unwrap();
    fs::rename(mount.join("..new"), mount.join("..data")).unwrap();
    assert!(changed(&mut watch).await);
    assert!(!changed(&mut watch).await);
    assert_eq!(loader.load().unwrap().settings.http.port, 2);
}

#[tokio::test(start_paused = true)]
async fn a_new_file_a_secret_and_a_change_before_the_watch_are_noticed() {
    let directory = TempDir::new().unwrap();
    let write = |name: &str, text: &str| fs::write(directory.path().join(name), text).unwrap();
    write("secret", "one");
    let loader = Loader::new().working_directory(directory.path()).overrides(["redis.password_file=secret"]);
    let loaded = loader.load().unwrap();
    write("secret", "two");
    let mut watch = Watch::new(loaded.inputs().clone(), EVERY);
    assert!(changed(&mut watch).await, "it changed between the load and the watch");
    watch.follow(loader.load().unwrap().inputs().clone());
    assert!(!changed(&mut watch).await);
    write("taskserver.yaml", "http: {port: 1}");
    assert!(changed(&mut watch).await, "a file appeared where one is looked for");
}

#[tokio::test(start_paused = true)]
async fn a_bad_reload_changes_nothing_and_its_mending_is_noticed() {
    let directory = TempDir::new().unwrap();
    let write = |name: &str, text: &str| fs::write(directory.path().join(name), text).unwrap();
    let loader = Loader::new().working_directory(directory.path());
    let loaded = loader.load().unwrap();
    let mut watch = Watch::new(loaded.inputs().clone(), EVERY);
    write("taskserver.toml", "redis.password_file = 'secret'");
    assert!(changed(&mut watch).await);
    let error = loader.load().expect_err("the secret is missing");
    watch.follow(error.inputs().clone());
    assert!(!changed(&mut watch).await, "the same problem is not reported again and again");
    write("secret", "found");
    assert!(changed(&mut watch).await);
    assert_eq!(loaded.changes(&loader.load().unwrap()).needs_restart, ["redis.password"]);
}
