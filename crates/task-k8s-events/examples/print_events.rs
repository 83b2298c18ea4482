//! Prints the events of the cluster, and goes on after a restart where it was: `cargo run --example print_events`.
#![allow(clippy::print_stdout)]

use async_trait::async_trait;
use task_k8s_events::{Batch, BoxError, Checkpoint, Collector, CollectorOptions, Cursor, connect};

struct FileCheckpoint(&'static str);

#[async_trait]
impl Checkpoint for FileCheckpoint {
    async fn load(&self) -> Result<Option<Cursor>, BoxError> {
        match std::fs::read(self.0) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
            content => Ok(Some(serde_json::from_slice(&content?)?)),
        }
    }

    async fn save(&self, cursor: &Cursor) -> Result<(), BoxError> {
        std::fs::write("cursor.tmp", serde_json::to_vec(cursor)?)?;
        Ok(std::fs::rename("cursor.tmp", self.0)?)
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), BoxError> {
    let collector = Collector::new(connect(kube::Config::infer().await?)?, CollectorOptions::default())?;
    let print = async |batch: &Batch| {
        for event in batch.changes.iter().map(|change| &change.event) {
            let object = &event.involved;
            println!("{} {} {} {} - {}", event.time(), object.kind, object.name, event.reason, event.message);
        }
        Ok(())
    };
    match collector.run(&FileCheckpoint("cursor.json"), print).await? {}
}
