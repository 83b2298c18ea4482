//! Notices that the files of a configuration have changed.

use std::time::Duration;

use crate::Inputs;

/// Looks at the files of a configuration again and again.
///
/// ```no_run
/// # async fn example(loader: taskserver_config::Loader, mut loaded: taskserver_config::Loaded) {
/// use std::time::Duration;
///
/// let mut watch = taskserver_config::Watch::new(loaded.inputs().clone(), Duration::from_secs(5));
/// loop {
///     watch.changed().await;
///     match loader.load() {
///         Ok(new) => {
///             let changes = loaded.changes(&new);
///             // … apply what can be applied, say what needs a restart …
///             watch.follow(new.inputs().clone());
///             loaded = new;
///         }
///         // Nothing changes; the mended files will be noticed.
///         Err(error) => watch.follow(error.inputs().clone()),
///     }
/// }
/// # }
/// ```
#[derive(Debug)]
pub struct Watch {
    inputs: Inputs,
    every: Duration,
}

impl Watch {
    /// Watches what a configuration was read from. Every such time its files are read again; a few seconds are cheap.
    #[must_use]
    pub fn new(inputs: Inputs, every: Duration) -> Self {
        Self { inputs, every }
    }

    /// Watches what a configuration was read from, in place of what was watched before. A change between that reading and
    /// this call is noticed.
    pub fn follow(&mut self, inputs: Inputs) {
        self.inputs = inputs;
    }

    /// Waits until the files say something else and have stopped changing. Nothing is lost when the wait is cancelled.
    pub async fn changed(&mut self) {
        let mut last = self.inputs.clone();
        loop {
            let now = self.look().await;
            // Twice the same: nobody is writing any more.
            if now == last && now != self.inputs {
                self.inputs = now;
                return;
            }
            last = now;
        }
    }

    async fn look(&self) -> Inputs {
        tokio::time::sleep(self.every).await;
        let inputs = self.inputs.clone();
        // Only a runtime that is being shut down fails here; there is nothing new to be seen then.
        tokio::task::spawn_blocking(move || inputs.now()).await.unwrap_or_else(|_| self.inputs.clone())
    }
}
