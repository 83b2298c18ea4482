//! Which events a stream carries.

use taskserver_core::{App, ErrorKind, Event, EventKind, Identity, Method, ServiceError};

/// What a caller asked for, and who they are.
pub(super) struct Filter {
    identity: Identity,
    /// Empty for all.
    services: Vec<String>,
    /// Empty for all.
    kinds: Vec<EventKind>,
}

impl Filter {
    /// Reads the query of a URL. A service that the caller may not `find` is refused; so is a caller who may find nothing.
    pub(super) fn new(app: &App, query: Option<&str>, identity: Identity) -> Result<Self, ServiceError> {
        let mut filter = Self { identity, services: Vec::new(), kinds: Vec::new() };
        for (name, value) in form_urlencoded::parse(query.unwrap_or_default().as_bytes()) {
            match &*name {
                "service" => filter.services.push(value.into_owned()),
                "event" => filter.kinds.push(kind(&value)?),
                other => return Err(ServiceError::bad_request(format!("Invalid query parameter {other}"))),
            }
        }
        let check = |service: &str| app.services().access().check(service, Method::Find, Some(&filter.identity));
        if filter.services.is_empty() && !app.services().iter().any(|(path, _)| check(path).is_ok()) {
            return Err(ServiceError::new(ErrorKind::Forbidden, "There is no service whose events you may have"));
        }
        filter.services.iter().try_for_each(|service| check(service))?;
        Ok(filter)
    }

    pub(super) fn wants(&self, app: &App, event: &Event) -> bool {
        (self.services.is_empty() || self.services.iter().any(|service| *service == *event.service))
            && (self.kinds.is_empty() || self.kinds.contains(&event.kind))
            && app.services().access().check(&event.service, Method::Find, Some(&self.identity)).is_ok()
    }
}

fn kind(name: &str) -> Result<EventKind, ServiceError> {
    let kinds = [EventKind::Created, EventKind::Updated, EventKind::Patched, EventKind::Removed];
    kinds
        .into_iter()
        .find(|kind| kind.name() == name)
        .ok_or_else(|| ServiceError::bad_request("`event` must be created, updated, patched or removed"))
}
