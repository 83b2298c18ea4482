//! Faults: scripted for the next requests of a kind, or drawn at random from a seed.

use std::io;
use std::time::Duration;

use futures_util::{Stream, StreamExt as _};
use hyper::body::Bytes;

use super::resources::Resource;

/// What goes wrong with one answer.
#[derive(Debug, Clone, PartialEq)]
pub enum Fault {
    /// An error status, with a `Retry-After` header when there are seconds to wait.
    Status {
        /// The HTTP status code.
        code: u16,
        /// The seconds of the `Retry-After` header.
        retry_after: Option<u32>,
    },
    /// HTTP 200, and an ERROR object of this code as the only line of the watch.
    WatchError(u16),
    /// HTTP 200 and no body at all, as kubernetes/kubernetes#104171 has it for a watch from a stale resourceVersion.
    Empty,
    /// The connection closes before a byte of the answer.
    Reset,
    /// Nothing comes, and the connection stays open.
    Silence,
    /// The answer begins only after this time.
    Delay(Duration),
    /// The connection closes after so many bytes of the body.
    ResetAfter(usize),
    /// The body ends as if complete after so many bytes, perhaps in the middle of a line.
    EndAfter(usize),
    /// Nothing more comes after so many bytes of the body, and the connection stays open.
    SilenceAfter(usize),
}

impl Fault {
    /// An error status without `Retry-After`.
    pub fn status(code: u16) -> Self {
        Self::Status { code, retry_after: None }
    }
}

struct Scripted {
    verb: String,
    resource: Resource,
    times: usize,
    fault: Fault,
}

/// Which fault, if any, the next request meets.
#[derive(Default)]
pub(super) struct Faults {
    scripted: Vec<Scripted>,
    random: Option<(fastrand::Rng, f64)>,
}

impl Faults {
    pub(super) fn script(&mut self, verb: &str, resource: Resource, times: usize, fault: Fault) {
        self.scripted.push(Scripted { verb: verb.to_owned(), resource, times, fault });
    }

    pub(super) fn randomise(&mut self, seed: u64, probability: f64) {
        self.random = Some((fastrand::Rng::with_seed(seed), probability));
    }

    pub(super) fn clear(&mut self) {
        *self = Self::default();
    }

    /// Scripted faults come first, in the order in which they were given.
    pub(super) fn draw(&mut self, verb: &str, resource: Resource) -> Option<Fault> {
        if let Some(index) = self.scripted.iter().position(|rule| rule.verb == verb && rule.resource == resource) {
            let rule = &mut self.scripted[index];
            rule.times -= 1;
            let fault = rule.fault.clone();
            if rule.times == 0 {
                self.scripted.remove(index);
            }
            return Some(fault);
        }
        let (random, probability) = self.random.as_mut()?;
        (random.f64() < *probability).then(|| draw(random, verb))
    }
}

fn draw(random: &mut fastrand::Rng, verb: &str) -> Fault {
    const CODES: [u16; 9] = [401, 403, 404, 409, 410, 429, 500, 503, 504];
    let bytes = random.usize(0..4000);
    match random.u8(0..9) {
        0 => Fault::Reset,
        1 => Fault::Silence,
        2 => Fault::Delay(Duration::from_millis(random.u64(1..3000))),
        3 => Fault::ResetAfter(bytes),
        4 => Fault::SilenceAfter(bytes),
        5 if verb == "watch" => Fault::EndAfter(bytes),
        6 if verb == "watch" => Fault::Empty,
        7 if verb == "watch" => Fault::WatchError(*random.choice(&[410, 500, 504]).expect("a choice of three")),
        _ => {
            let code = *random.choice(&CODES).expect("a choice of nine");
            let retry_after = (code == 429 && random.bool()).then(|| random.u32(1..4));
            Fault::Status { code, retry_after }
        }
    }
}

/// How a body ends before its time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ending {
    Reset,
    Clean,
    Silent,
}

/// The first `bytes` of a body, and then this ending, unless the body is shorter.
pub(super) fn cut_after(
    body: impl Stream<Item = Bytes> + Send + 'static,
    bytes: usize,
    ending: Ending,
) -> impl Stream<Item = io::Result<Bytes>> + Send {
    let state = (Box::pin(body), Some(bytes));
    futures_util::stream::unfold(state, move |(mut body, left)| async move {
        match (left, ending) {
            (None, _) => None,
            (Some(0), Ending::Clean) => None,
            (Some(0), Ending::Silent) => std::future::pending().await,
            (Some(0), Ending::Reset) => {
                // Lets hyper flush what came before.
                tokio::task::yield_now().await;
                Some((Err(io::Error::new(io::ErrorKind::ConnectionReset, "cut by a fault")), (body, None)))
            }
            (Some(left), _) => {
                let chunk = body.next().await?;
                let chunk = chunk.slice(..chunk.len().min(left));
                Some((Ok(chunk.clone()), (body, Some(left - chunk.len()))))
            }
        }
    })
}
