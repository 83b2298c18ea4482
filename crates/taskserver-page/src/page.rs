//! Which page a path is, and the page.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use percent_encoding::percent_decode_str;
use taskserver_core::App;
use tokio::sync::watch;

use crate::assets::{self, Asset};
use crate::live::Changes;
use crate::status::Status;
use crate::view::{
    Alerts, EventFilter, Events, FigureSource, Frame, Jobs, Overview, Pages, Range, Setting, TaskDetails, Verdict,
    Visitor, reports, section,
};
use crate::{Action, html};

/// A request for a page.
#[derive(Debug, Clone)]
pub struct Request<'a> {
    /// The path, such as `/tasks/analytics`.
    pub path: &'a str,
    /// The query, without `?`.
    pub query: &'a str,
    /// Who asks.
    pub visitor: Visitor,
}

impl<'a> Request<'a> {
    /// A request for a path, by nobody in particular.
    #[must_use]
    pub fn new(path: &'a str) -> Self {
        Self { path, query: "", visitor: Visitor::Anonymous }
    }
}

/// A page, as it is sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page {
    /// The status code of HTTP.
    pub status: u16,
    /// The document.
    pub html: String,
}

impl Page {
    fn found(html: String) -> Self {
        Self { status: 200, html }
    }
}

/// The pages about an app.
pub struct StatusPage {
    app: App,
    identity: String,
    version: String,
    started: Timestamp,
    settings: Option<watch::Receiver<Arc<[Setting]>>>,
    figures: FigureSource,
    changes: Changes,
}

impl StatusPage {
    /// The pages about this app, which has been up since now.
    #[must_use]
    pub fn new(app: App) -> Self {
        Self {
            identity: "taskserver".to_owned(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            started: app.clock().now(),
            settings: None,
            figures: FigureSource::default(),
            changes: Changes::default(),
            app,
        }
    }

    /// The server's name among its replicas. The default is `taskserver`.
    #[must_use]
    pub fn identity(mut self, name: impl Into<String>) -> Self {
        self.identity = name.into();
        self
    }

    /// The server's version. The default is this crate's.
    #[must_use]
    pub fn version(mut self, version: impl Into<String>) -> Self {
        self.version = version.into();
        self
    }

    /// Shows the effective configuration: the settings that were sent last.
    #[must_use]
    pub fn settings(mut self, settings: watch::Receiver<Arc<[Setting]>>) -> Self {
        self.settings = Some(settings);
        self
    }

    /// The app.
    #[must_use]
    pub fn app(&self) -> &App {
        &self.app
    }

    /// Whether there is a page at this path, for whoever may see it.
    #[must_use]
    pub fn has(&self, path: &str) -> bool {
        Target::find(path).is_some_and(|target| self.is_there(&target))
    }

    /// The page at a path; where there is none, one that says so.
    pub async fn answer(&self, request: &Request<'_>) -> Page {
        let target = Target::find(request.path).filter(|target| self.is_there(target));
        let frame = self.frame(request.visitor.clone());
        let page = |title: &str, content| Page::found(html::page(&frame, request.path, title, &content));
        match target {
            Some(Target::Overview) => {
                let view = Overview::gather(&self.app, &self.figures, frame.pages, range(request.query)).await;
                page("", html::overview(&frame, &view))
            }
            Some(Target::Task(name)) => match TaskDetails::gather(&self.app, &name).await {
                Some(view) => page(&name, html::task(&frame, &view)),
                None => not_found("No task has this name."),
            },
            Some(Target::Events) => {
                let view = Events::gather(&self.app, EventFilter::parse(request.query)).await;
                page("Kubernetes events", html::events(&frame, &view))
            }
            Some(Target::Alerts) => page("Alerts", html::alerts(&frame, &section(Alerts::gather(&self.app)).await)),
            Some(Target::Jobs) => {
                page("Jobs", html::jobs(&frame, &section(Jobs::gather(&self.app, request.query)).await))
            }
            Some(Target::Reports) => page("Reports", html::reports(&frame, &section(reports::gather(&self.app)).await)),
            Some(Target::Configuration) => {
                let settings = self.settings.as_ref().map(|settings| Arc::clone(&settings.borrow()));
                page("Configuration", html::configuration(settings.as_deref().unwrap_or_default()))
            }
            None => not_found("There is no page at this address."),
        }
    }

    /// What the first page shows of the server itself, as data.
    pub async fn status(&self) -> Status {
        Status::gather(&self.app, self.frame(Visitor::default())).await
    }

    /// The form by which an operator signs in. `next` is the path that was asked for; `problem` says why the last attempt did not
    /// succeed.
    #[must_use]
    pub fn sign_in(&self, next: &str, problem: Option<&str>) -> Page {
        Page { status: if problem.is_some() { 401 } else { 200 }, html: html::sign_in(next, problem) }
    }

    /// A page that says why a request was not answered.
    #[must_use]
    pub fn failure(&self, status: u16, title: &str, message: &str) -> Page {
        Page { status, html: html::failure(status, title, message) }
    }

    /// The action that a form asks for by its path.
    #[must_use]
    pub fn action(&self, path: &str) -> Option<Action> {
        Action::find(path)
    }

    /// The file at a path, such as the stylesheet. It never changes.
    #[must_use]
    pub fn asset(&self, path: &str) -> Option<&'static Asset> {
        assets::find(path)
    }

    /// Is told when what the pages show has changed. May end early: then ask anew.
    #[must_use]
    pub fn changes(&self) -> watch::Receiver<u64> {
        self.changes.subscribe(&self.app)
    }

    fn is_there(&self, target: &Target) -> bool {
        let pages = self.pages();
        match target {
            Target::Overview | Target::Task(_) => true,
            Target::Events => pages.events,
            Target::Alerts => pages.alerts,
            Target::Jobs => pages.jobs,
            Target::Reports => pages.reports,
            Target::Configuration => pages.configuration,
        }
    }

    fn pages(&self) -> Pages {
        Pages::of(&self.app, self.settings.is_some())
    }

    fn frame(&self, visitor: Visitor) -> Frame {
        let now = self.app.clock().now();
        Frame {
            identity: self.identity.clone(),
            version: self.version.clone(),
            uptime: Duration::try_from(now.duration_since(self.started)).unwrap_or_default(),
            now,
            leadership: self.app.leadership().status(),
            verdict: Verdict::of(&self.app),
            pages: self.pages(),
            visitor,
        }
    }
}

/// What a path leads to.
enum Target {
    Overview,
    Task(String),
    Events,
    Alerts,
    Jobs,
    Reports,
    Configuration,
}

impl Target {
    fn find(path: &str) -> Option<Self> {
        Some(match path {
            "/" => Self::Overview,
            "/events" => Self::Events,
            "/alerts" => Self::Alerts,
            "/jobs" => Self::Jobs,
            "/reports" => Self::Reports,
            "/configuration" => Self::Configuration,
            path => {
                let name = path.strip_prefix("/tasks/").filter(|name| !name.is_empty() && !name.contains('/'))?;
                Self::Task(percent_decode_str(name).decode_utf8().ok()?.into_owned())
            }
        })
    }
}

fn not_found(message: &str) -> Page {
    Page { status: 404, html: html::failure(404, "Not found", message) }
}

fn range(query: &str) -> Range {
    let mut pairs = form_urlencoded::parse(query.as_bytes());
    pairs.find(|(name, _)| name == "range").and_then(|(_, value)| Range::parse(&value)).unwrap_or_default()
}
