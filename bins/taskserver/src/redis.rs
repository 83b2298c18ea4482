//! Redis: how it is reached, and which events go through it.

use anyhow::Context as _;
use taskserver_config::settings::{self, Endpoint};
use taskserver_config::{ExposeSecret as _, Settings};
use taskserver_redis::{FeathersSyncOptions, Redis, RedisOptions};

use crate::engine_settings::ENGINE_SETTING;

/// Redis, where it is used.
pub(crate) fn pool(settings: &settings::Redis) -> anyhow::Result<Option<Redis>> {
    match settings.enabled {
        true => Redis::new(&options(settings)).map(Some).context("`redis` is wrong"),
        false => Ok(None),
    }
}

fn options(settings: &settings::Redis) -> RedisOptions {
    let settings::Redis { address, port, username, password, tls, sentinel, cluster, .. } = settings;
    let mut options = match &sentinel.master {
        Some(master) => RedisOptions::sentinel(master, sentinel.addresses.iter().map(endpoint)),
        None if !cluster.is_empty() => RedisOptions::cluster(cluster.iter().map(endpoint)),
        None => RedisOptions::standalone(address, *port),
    };
    if let Some(password) = &sentinel.password {
        options = options.with_sentinel_password(password.expose_secret());
    }
    if let Some(username) = username {
        options = options.with_username(username);
    }
    if let Some(password) = password {
        options = options.with_password(password.expose_secret());
    }
    match &tls.ca {
        _ if !tls.enabled => options,
        Some(ca) => options.with_ca(ca),
        None => options.with_tls(),
    }
}

fn endpoint(endpoint: &Endpoint) -> (String, u16) {
    (endpoint.host.clone(), endpoint.port)
}

/// Which events are told and heard.
pub(crate) fn sync_options(settings: &Settings) -> FeathersSyncOptions {
    let settings::Redis { publish, receive, channel, queue, max_message_bytes, .. } = &settings.redis;
    let mut receive = receive.clone();
    if settings.kubernetes.enabled {
        receive.insert(ENGINE_SETTING.to_owned());
    }
    FeathersSyncOptions {
        publish: publish.clone(),
        receive,
        channel: channel.clone(),
        queue: *queue,
        max_message_bytes: *max_message_bytes,
    }
}

#[cfg(test)]
mod tests {
    use taskserver_config::Loader;

    use super::*;

    const CA: &str = "-----BEGIN CERTIFICATE-----x-----END CERTIFICATE-----";

    /// The options of these settings, as they show themselves: with everything but the secrets.
    fn of(settings: &[&str]) -> String {
        let loader = Loader::new().working_directory("/nowhere").overrides(settings.iter().copied());
        let loaded = loader.load().unwrap_or_else(|error| panic!("{error}"));
        format!("{:?}", options(&loaded.settings.redis))
    }

    #[test]
    fn redis_is_reached_as_the_settings_say() {
        let standalone = RedisOptions::standalone("127.0.0.1", 6379);
        assert_eq!(of(&[]), format!("{standalone:?}"));
        let with_login = RedisOptions::standalone("a", 1).with_username("u").with_password("p").with_tls();
        let login = ["redis.username=u", "redis.password=p", "redis.tls.enabled=true"];
        assert_eq!(of(&[&["redis.address=a", "redis.port=1"], &login[..]].concat()), format!("{with_login:?}"));
        let ca = format!("redis.tls.ca={CA}");
        let cluster = RedisOptions::cluster([("a".to_owned(), 1), ("::1".to_owned(), 2)]).with_ca(CA);
        assert_eq!(of(&["redis.cluster=a:1, [::1]:2", "redis.tls.enabled=true", &ca]), format!("{cluster:?}"));
        let sentinel = RedisOptions::sentinel("main", [("a".to_owned(), 1)]).with_sentinel_password("q");
        let settings = ["redis.sentinel.master=main", "redis.sentinel.addresses=a:1", "redis.sentinel.password=q"];
        assert_eq!(of(&settings), format!("{sentinel:?}"));
    }
}
