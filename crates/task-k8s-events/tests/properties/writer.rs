//! Whoever writes the events.

use std::sync::Arc;
use std::time::Duration;

use fastrand::Rng;
use serde_json::json;
use taskserver_tests::kubernetes::{ApiServer, Resource};
use tokio::time::sleep;

use crate::NAMESPACES;

/// Writes, updates and deletes events, lets the revision move on and compacts, at random times.
pub(crate) struct Writer {
    server: Arc<ApiServer>,
    random: Rng,
    alive: Vec<(&'static str, String)>,
    names: usize,
}

impl Writer {
    pub(crate) fn new(server: Arc<ApiServer>, random: Rng) -> Self {
        Self { server, random, alive: Vec::new(), names: 0 }
    }

    pub(crate) async fn run(mut self, calm: bool) {
        for _ in 0..self.random.u8(20..80) {
            let pause = if self.random.u8(0..12) == 0 { 6000 } else { 300 };
            sleep(Duration::from_millis(self.random.u64(0..pause))).await;
            match self.random.u8(0..20) {
                0..6 => self.write(),
                6..11 => self.update(),
                11..15 => self.delete(),
                15..17 => self.server.skip_to_revision(self.server.revision() + self.random.u64(1..50)),
                17 if !calm => self.server.cut_connections(),
                18.. if !calm => {
                    let behind = self.random.u64(0..20);
                    self.server.compact(self.server.revision().saturating_sub(behind));
                }
                _ => {}
            }
        }
    }

    pub(crate) fn write(&mut self) {
        let namespace = *self.random.choice(&NAMESPACES).expect("a choice");
        self.names += 1;
        // Names are in no order, so that pages and time have nothing to do with each other.
        let name = format!("{:04x}-{}", self.random.u16(..), self.names);
        let event = json!({ "metadata": { "name": name }, "type": "Normal", "reason": "Test", "count": 1 });
        self.server.create(Resource::Events, namespace, event);
        self.alive.push((namespace, name));
    }

    fn update(&mut self) {
        if let Some((namespace, name)) = self.random.choice(&self.alive) {
            let count = self.random.u32(2..);
            self.server.patch(Resource::Events, namespace, name, &json!({ "count": count }));
        }
    }

    fn delete(&mut self) {
        if !self.alive.is_empty() {
            let (namespace, name) = self.alive.swap_remove(self.random.usize(0..self.alive.len()));
            self.server.delete(Resource::Events, namespace, &name);
        }
    }
}
