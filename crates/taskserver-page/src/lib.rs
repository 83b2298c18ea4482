//! The status page of `taskserver`: is it running, what failed, since when, and what did the platform look like?
//!
//! | path | shows |
//! | --- | --- |
//! | `/` | the verdict and what is wrong; the components, the tasks, the platform's figures |
//! | `/tasks/NAME` | a task: its runs, how long they took, its policy |
//! | `/events` | the Kubernetes events: counts by reason, and the newest, with filters |
//! | `/alerts` | the alerts that fire and those that did, and how it stands with those who are told of them |
//! | `/jobs` | the queue |
//! | `/reports` | the newest reports |
//! | `/configuration` | the effective configuration, and where each value was set |
//!
//! Pages are HTML that is complete without JavaScript and fetches nothing from elsewhere. They are rendered from typed views
//! ([`view`]), which are gathered from an app; whatever is not registered there is absent. A small script asks for the page anew
//! when something has [changed](StatusPage::changes).
//!
//! The crate knows no HTTP: [`StatusPage`] answers paths with documents, and a server mounts it. The pages need the
//! [policy](CONTENT_SECURITY_POLICY) that forbids everything which they do not do.
//!
//! ```
//! use taskserver_core::{App, Health};
//! use taskserver_page::{Request, StatusPage};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let app = App::builder().build()?;
//! app.health().register("database", true).report(Health::Down("connection refused".to_owned()));
//! let page = StatusPage::new(app).answer(&Request::new("/")).await;
//! assert_eq!(page.status, 200);
//! assert!(page.html.contains("Not working") && page.html.contains("connection refused"));
//! # Ok(())
//! # }
//! ```
//!
//! # How the crate is laid out
//!
//! `page` finds the page of a path → `view` gathers what it shows → `html` renders that, with `chart` for what is drawn, `format` for
//! how it is written and `text` for what others wrote. `live` tells of changes, `status` is the first page as data, `act` runs and pauses tasks, `assets` has the files.
#![deny(missing_docs)]

mod act;
mod assets;
pub mod chart;
mod format;
mod html;
mod live;
mod outcome;
mod page;
pub mod status;
mod text;
pub mod view;

pub use act::Action;
pub use assets::Asset;
pub use outcome::Tone;
pub use page::{Page, Request, StatusPage};

/// What pages may do, as the header `content-security-policy` says it: styles, scripts, images and data of this server's own,
/// forms that go to it, and nothing else.
pub const CONTENT_SECURITY_POLICY: &str = "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; \
     connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'";
