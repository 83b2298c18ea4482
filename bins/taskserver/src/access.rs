//! What callers from outside may do, as the settings say.

use taskserver_config::settings;
use taskserver_core::{Access, App, Method, Service};

use crate::engine_settings::ENGINE_SETTING;

/// What the platform offers callers from outside, with what the settings say in its place.
pub(crate) fn access(settings: &settings::Http) -> Access {
    let access = Access::new()
        .writes(settings.writes)
        .offer(task_analytics::ANALYTICS, [Method::Find, Method::Create])
        .offer(taskserver_queue::JOB, [Method::Find, Method::Get, Method::Create, Method::Patch])
        // Its events are received, and are nobody else's business: some of its rows are secrets.
        .offer(ENGINE_SETTING, []);
    settings.services.iter().fold(access, |mut access, (service, permissions)| {
        if let Some(methods) = &permissions.methods {
            access = access.offer(service, methods.iter().filter_map(|name| method(name)));
        }
        if let Some(scope) = &permissions.scope {
            access = access.require(service, Method::ALL, scope);
        }
        let scopes = permissions.scopes.iter();
        scopes.fold(access, |access, (name, scope)| access.require(service, method(name), scope))
    })
}

fn method(name: &str) -> Option<Method> {
    Method::ALL.into_iter().find(|method| method.name() == name)
}

/// Settings about services that do not exist, or about methods that a service does not have. A service that is merely `off`, as other
/// settings say, may have settings all the same.
pub(crate) fn problems(settings: &settings::Settings, app: &App, off: &[(&str, impl Service)]) -> Vec<String> {
    let is_off = |name: &str| off.iter().find(|(path, _)| *path == name).map(|(_, service)| service as &dyn Service);
    let find = |name: &str| app.services().get(name).or_else(|| is_off(name));
    let there_are = || {
        let mut paths: Vec<_> = app.services().iter().map(|(path, _)| path).collect();
        paths.extend(off.iter().map(|(path, _)| *path));
        paths.sort_unstable();
        paths.join(", ")
    };
    let mut problems = Vec::new();
    for (name, permissions) in &settings.http.services {
        let Some(service) = find(name) else {
            problems.push(format!("`http.services.{name}`: there is no such service; there are {}", there_are()));
            continue;
        };
        let has = |name: &str| service.methods().iter().any(|method| method.name() == name);
        let named = permissions.methods.iter().flatten().chain(permissions.scopes.keys());
        for method in named.filter(|method| !has(method)) {
            let methods: Vec<_> = service.methods().iter().map(|method| method.name()).collect();
            let methods = methods.join(", ");
            problems.push(format!("`http.services.{name}`: the service has no method `{method}`; it has {methods}"));
        }
    }
    for name in settings.redis.publish.iter().filter(|name| settings.redis.enabled && find(name).is_none()) {
        problems.push(format!("`redis.publish`: there is no service `{name}`; there are {}", there_are()));
    }
    problems
}
