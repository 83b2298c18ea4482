//! Mistakes that a collector or a store could make.

use std::sync::Arc;

use http_body_util::BodyExt as _;
use hyper::body::Bytes;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use kube::Client;
use kube::client::Body;
use task_k8s_events::{Batch, Cursor, Error};
use taskserver_tests::kubernetes::ApiServer;

/// A mistake.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mutation {
    /// There is none.
    None,
    /// The cursor is stored before what it covers.
    CursorFirst,
    /// Any version replaces any other.
    Unguarded,
    /// After 410 the watch goes on from the newest version, as if nothing had been missed.
    ExpiredIgnored,
    /// A bookmark is taken for an event.
    BookmarkAsEvent,
}

impl Mutation {
    pub(crate) const ALL: [Self; 4] = [Self::CursorFirst, Self::Unguarded, Self::ExpiredIgnored, Self::BookmarkAsEvent];

    /// A client over pipes in memory, through which a collector of this kind sees the server.
    pub(crate) fn client(self, server: &Arc<ApiServer>) -> Client {
        let server = server.clone();
        let service = tower::service_fn(move |request: hyper::Request<Body>| {
            let server = server.clone();
            async move {
                let (mut sender, connection) = http1::handshake(TokioIo::new(server.connect())).await?;
                tokio::spawn(connection);
                let response = sender.send_request(request).await?;
                hyper::Result::Ok(
                    response.map(|body| body.map_frame(move |frame| frame.map_data(|data| self.seen(data)))),
                )
            }
        });
        Client::new(service, "default")
    }

    /// What a part of an answer looks like to it.
    fn seen(self, data: Bytes) -> Bytes {
        if self != Self::BookmarkAsEvent {
            return data;
        }
        String::from_utf8_lossy(&data).replace(r#"{"type":"BOOKMARK""#, r#"{"type":"MODIFIED""#).into()
    }

    /// What it stores after an error that it ignores.
    pub(crate) fn after(self, error: &Error, cursor: Option<&Cursor>, newest: u64) -> Option<Batch> {
        if self != Self::ExpiredIgnored || !matches!(error, Error::Expired { .. }) {
            return None;
        }
        let mut cursor = serde_json::to_value(cursor?).expect("a cursor is JSON");
        for position in cursor["positions"].as_object_mut()?.values_mut() {
            if position["phase"] == "following" {
                position["resource_version"] = newest.to_string().into();
            }
        }
        let cursor = serde_json::from_value(cursor).expect("a cursor again");
        Some(Batch { changes: Vec::new(), rejected: Vec::new(), gap: None, cursor })
    }
}
