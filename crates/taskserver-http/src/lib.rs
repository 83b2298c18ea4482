//! The HTTP surface of `taskserver`: its services, their events, health, metrics, and the state of its tasks.
//!
//! | path | answer |
//! | --- | --- |
//! | `/NAME`, `/NAME/ID` | the service of that name, as Feathers' REST has it |
//! | `/api/events` | the events of services as they happen, as server-sent events; `?service=NAME`, `?event=created` |
//! | `/openapi.json` | the services, described in OpenAPI 3.1 |
//! | `/healthcheck` | any method: 200, `{"uptime": seconds}`, as the platform's servers have it |
//! | `/livez` | 200 as long as the process answers |
//! | `/readyz` | 200 while every required component works and the server is not shutting down, else 503; `?verbose`, `?exclude=NAME` |
//! | `/metrics` | the app's [`Metrics`](taskserver_core::Metrics), in OpenMetrics for those who accept it, else in Prometheus' classic format |
//! | `/api/tasks` | all tasks: schedule, policy, last and next run, running now, failures ([`TaskTable`]) |
//! | `/api/tasks/NAME` | one task ([`TaskStatus`](taskserver_core::TaskStatus)) |
//! | `/api/status` | how it stands, as data ([`Status`](taskserver_page::status::Status)), where the server has [pages](Server::pages) |
//! | POST `/api/tasks/NAME/ACTION` | `trigger`, `pause`, `resume`, `cancel` or `schedule` ([`ControlRequest`]), if [`HttpOptions::control`] is on |
//! | `/`, `/tasks/NAME`, `/events` … | the pages for browsers ([`StatusPage`](taskserver_page::StatusPage)), where the server has [them](Server::pages) |
//!
//! Services and events are for callers whom the server's [`Authenticator`] recognises, and who have the scope that the app's
//! [`Access`](taskserver_core::Access) asks for; a server without an authenticator lets nobody at them. The rest is open,
//! unless [`HttpOptions`] protects it.
//!
//! A [`Server`] is bound first and serves later, so that a port in use is found before anything starts. It speaks HTTP/1.1
//! and HTTP/2 (with prior knowledge) on the one port. Whatever a client can spend (connections, heads, bodies, time) has a
//! bound in [`HttpOptions`]. [`RequestMetrics`] count and time what is asked. A [`Client`] asks a running server.
//!
//! ```
//! use std::time::Duration;
//! use taskserver_core::App;
//! use taskserver_http::{Client, HttpOptions, Server};
//! use tokio_util::sync::CancellationToken;
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let server = Server::bind(HttpOptions::new("127.0.0.1:0".parse()?)).await?;
//! let address = server.local_addr();
//! let app = App::builder().build()?;
//! let end = CancellationToken::new();
//! let serving = tokio::spawn(server.serve(app.clone(), end.clone()));
//!
//! let client = Client::new(address, Duration::from_secs(2));
//! assert_eq!(client.get("/readyz").await?.body, "ok");
//!
//! app.stop(Duration::from_secs(10)).await;
//! assert_eq!(client.get("/readyz").await?.status, 503);
//! end.cancel();
//! serving.await?;
//! # Ok(())
//! # }
//! ```
//!
//! # How the crate is laid out
//!
//! A connection's way is `server` (accept) → `connection` (protocol, phases) → `request` (time, panics, what all answers have
//! in common) → `routes` (path and audience) → one file or folder per surface (`rest`, `events`, `openapi`, `health`,
//! `metrics`, `tasks`, `pages`) → `response`. Who is calling is found out in `auth`.
#![deny(missing_docs)]

mod address;
mod auth;
mod body;
mod bounds;
mod client;
mod compression;
mod connection;
mod control;
mod cors;
mod error;
mod events;
mod health;
mod metrics;
mod openapi;
mod options;
mod pages;
mod request;
mod request_id;
mod request_metrics;
mod response;
mod rest;
mod routes;
mod server;
mod state;
mod tasks;
mod trace;

pub use auth::{
    Account, Authenticator, BearerAuthenticator, CachedDirectory, Directory, JwtError, JwtVerifier, OperatorToken,
    OperatorTokenError, Refused, ServiceDirectory,
};
pub use client::{Answer, Client};
pub use control::{ControlRequest, SCOPE as TASK_SCOPE};
pub use error::HttpError;
pub use options::{HttpOptions, Surface};
pub use request_metrics::RequestMetrics;
pub use server::{JoinTrace, Server};
pub use tasks::{ServerInfo, TaskTable};

/// The example of the README compiles.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
