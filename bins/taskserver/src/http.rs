//! The HTTP surface: where it listens, and within which bounds.

use taskserver_config::Settings;
use taskserver_http::{HttpOptions, Surface};

use crate::{authentication, leadership};

/// The options of each listener: one for everything, or one for the services and one for what is for operators alone.
pub(crate) fn options(settings: &Settings) -> Vec<HttpOptions> {
    let (http, authentication) = (&settings.http, &settings.authentication);
    let whole = HttpOptions {
        address: http.address(),
        surface: Surface::Whole,
        identity: leadership::instance(settings),
        max_connections: http.max_connections,
        header_timeout: http.header_timeout,
        idle_timeout: http.idle_timeout,
        request_timeout: http.request_timeout,
        max_header_bytes: http.max_header_bytes,
        max_headers: http.max_headers,
        max_body_bytes: http.max_body_bytes,
        max_concurrent_streams: http.max_concurrent_streams,
        ping_interval: http.ping_interval,
        ping_timeout: http.ping_timeout,
        trusted_proxies: http.trusted_proxies.clone(),
        compression_min_bytes: http.compression_min_bytes,
        max_failed_attempts: authentication.max_failed_attempts,
        failed_attempts_window: authentication.failed_attempts_window,
        cors_origins: http.cors_origins.clone(),
        protect_metrics: http.protect_metrics,
        protect_pages: http.protect_pages,
        session_lifetime: http.session_lifetime,
        control: authentication::has_credential(authentication),
        max_event_streams: http.max_event_streams,
        max_event_stream_age: http.max_event_stream_age,
        event_log_size: http.event_log_size,
        ..HttpOptions::default()
    };
    if http.admin_port.is_none() {
        return vec![whole];
    }
    let services = HttpOptions { surface: Surface::Services, ..whole.clone() };
    vec![services, HttpOptions { surface: Surface::Administration, address: http.admin_address(), ..whole }]
}
