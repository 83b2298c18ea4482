//! The layers, their order, and what comes out of them.

use std::{fs, path::Path, time::Duration};

use proptest::prelude::*;
use taskserver_config::{
    EngineSetting, ExposeSecret, Loaded, Loader,
    settings::{Backend, Endpoint, LogFormat, Missed, Overlap},
};
use tempfile::TempDir;

fn write(directory: &TempDir, path: &str, text: &str) {
    let path = directory.path().join(path);
    fs::create_dir_all(path.parent().expect("it has one")).expect("a new directory");
    fs::write(path, text).expect("a new file");
}

fn loader(directory: &TempDir) -> Loader {
    Loader::new().working_directory(directory.path())
}

fn source(loaded: &Loaded, key: &str) -> String {
    loaded.effective().into_iter().find(|setting| setting.key == key).expect("it is in effect").source
}

/// The place of a built-in default.
fn default(section: &str, key: &str) -> String {
    let text = include_str!("../config/default.toml");
    let start = text.find(&format!("\n[{section}]\n")).expect("the section is there");
    let key = start + text[start..].find(&format!("\n{key} = ")).expect("the key is there") + 1;
    format!("config/default.toml:{} (built in)", text[..key].lines().count() + 1)
}

fn row(category: &str, key: &str, value: &str) -> EngineSetting {
    EngineSetting { category: category.into(), key: key.into(), value: value.into() }
}

fn load(loader: &Loader) -> Loaded {
    loader.load().unwrap_or_else(|error| panic!("{error}"))
}

#[test]
fn the_defaults_alone_are_a_configuration() {
    let directory = TempDir::new().unwrap();
    let loaded = load(&loader(&directory));
    let settings = &loaded.settings;
    assert_eq!(settings.http.address().to_string(), "0.0.0.0:5050");
    assert_eq!(settings.database.url.expose(), "sqlite://taskserver.db");
    assert!(settings.database.create_platform_tables, "the embedded database has no platform to make its tables");
    assert_eq!(settings.tasks["analytics"].every, Some(Duration::from_secs(1800)));
    assert_eq!(settings.tasks["analytics"].enabled, None, "what is not set is left to the task");
    assert_eq!(settings.tasks["monitoring"].every, Some(Duration::from_secs(15)));
    assert_eq!(settings.analytics.storage_limit, None);
    assert_eq!(settings.analytics.retention, None);
    assert_eq!(settings.log.format, LogFormat::Auto);
    assert!(!settings.redis.enabled);
    assert_eq!(loaded.profile, None);
    assert_eq!(loaded.warnings, [] as [&str; 0]);
}

#[test]
fn each_layer_is_over_the_one_before() {
    let directory = TempDir::new().unwrap();
    write(&directory, "config/staging.toml", "http.port = 2");
    write(&directory, "taskserver.toml", "http.port = 3");
    write(&directory, "mount/a.yaml", "http:\n  port: 4");
    write(&directory, "port", "8\n");
    let mut loader = loader(&directory);
    let mut sources = Vec::new();
    let mut step = |loader: &Loader| {
        let loaded = load(loader);
        sources.push(format!("{} {}", loaded.settings.http.port, source(&loaded, "http.port")));
    };
    step(&loader.clone().files(["config/staging.toml"]));
    step(&loader.clone().profile("staging".to_owned()).files(["mount/a.yaml"]));
    fs::rename(directory.path().join("taskserver.toml"), directory.path().join("later")).unwrap();
    step(&loader);
    loader = loader.profile("staging".to_owned());
    step(&loader);
    fs::rename(directory.path().join("later"), directory.path().join("taskserver.toml")).unwrap();
    step(&loader);
    loader = loader.directory(directory.path().join("mount"));
    let mut variables = vec![("KUBERNETES", "true")];
    variables.push(("TASKSERVER_PORT", "5"));
    step(&loader.clone().environment(variables.clone()));
    loader = loader.engine_settings([row("task-server", "port", "6")]);
    step(&loader.clone().environment(variables.clone()));
    variables.push(("TASKSERVER__HTTP__PORT", "7"));
    step(&loader.clone().environment(variables.clone()));
    variables.pop();
    variables.push(("TASKSERVER__HTTP__PORT_FILE", "port"));
    loader = loader.environment(variables);
    step(&loader);
    step(&loader.overrides(["http.port=9"]));
    assert_eq!(
        sources,
        [
            "2 config/staging.toml:1",
            "4 mount/a.yaml:2",
            &format!("5050 {}", default("http", "port")),
            "2 config/staging.toml:1",
            "3 taskserver.toml:1",
            "5 environment variable TASKSERVER_PORT",
            "6 engine-setting row task-server/port",
            "7 environment variable TASKSERVER__HTTP__PORT",
            "8 file port (named by environment variable TASKSERVER__HTTP__PORT_FILE)",
            "9 --set http.port",
        ]
    );
}

#[test]
fn a_file_named_in_a_low_layer_is_over_a_variable_and_under_an_option() {
    let directory = TempDir::new().unwrap();
    write(&directory, "taskserver.toml", "[redis]\npassword_file = 'secret'");
    write(&directory, "secret", "from the file\r\n");
    let loader = loader(&directory).environment([("TASKSERVER__REDIS__PASSWORD", "from the variable")]);
    let password =
        |loader: &Loader| load(loader).settings.redis.password.expect("it is set").expose_secret().to_owned();
    assert_eq!(password(&loader), "from the file");
    assert_eq!(source(&load(&loader), "redis.password"), "file secret (named by taskserver.toml:2)");
    assert_eq!(password(&loader.clone().overrides(["redis.password=from the option"])), "from the option");
    write(&directory, "other", "another\n\n");
    assert_eq!(password(&loader.overrides(["redis.password_file=other"])), "another\n", "one newline is cut, not all");
}

#[test]
fn a_file_that_an_option_makes_needless_is_not_read() {
    let directory = TempDir::new().unwrap();
    write(&directory, "taskserver.toml", "redis.password_file = 'missing'");
    let loaded = load(&loader(&directory).overrides(["redis.password="]));
    assert!(loaded.settings.redis.password.is_none());
}

#[test]
fn profiles_come_from_the_option_then_the_variable_then_node_env() {
    let directory = TempDir::new().unwrap();
    let profile = |loader: Loader| load(&loader).profile;
    let both = [("TASKSERVER_PROFILE", "production"), ("NODE_ENV", "development")];
    assert_eq!(profile(loader(&directory).environment(both)), Some("production".into()));
    assert_eq!(profile(loader(&directory).environment([both[1]])), Some("development".into()));
    assert_eq!(
        profile(loader(&directory).environment(both).profile("development".to_owned())),
        Some("development".into())
    );
    // The platform's tools set NODE_ENV to values that mean nothing to us.
    for name in ["test", "local", "../secret", ""] {
        assert_eq!(profile(loader(&directory).environment([("NODE_ENV", name)])), None, "{name}");
    }
}

#[test]
fn a_profile_file_takes_the_place_of_the_built_in_profile() {
    let directory = TempDir::new().unwrap();
    let loader = loader(&directory).profile("production".to_owned());
    let built_in = load(&loader);
    assert_eq!(built_in.settings.log.format, LogFormat::Json);
    assert_eq!(source(&built_in, "log.format"), "config/production.toml:4 (built in)");
    write(&directory, "config/production.toml", "\nlog.level = 'warn'");
    let own = load(&loader);
    assert_eq!(own.settings.log.format, LogFormat::Auto);
    assert_eq!(source(&own, "log.level"), "config/production.toml:2");
}

#[test]
fn three_languages_say_the_same() {
    let texts = [
        (
            "a.toml",
            "http.port = 8080\n[tasks.analytics]\nevery = 90\noverlap = 'queue'\n[analytics.metrics.\"a.b\"]\nsql = 'select 1'\n",
        ),
        (
            "a.yaml",
            "# c\nhttp: { port: 8080 }\ntasks:\n  analytics:\n    every: 90\n    overlap: queue\nanalytics:\n  metrics:\n    a.b:\n      sql: |\n        select 1\n",
        ),
        (
            "a.json",
            "{\n \"http\": {\"port\": 8080},\n \"tasks\": {\"analytics\": {\n  \"every\": 90, \"overlap\": \"queue\"}},\n \"analytics\": {\"metrics\": {\"a.b\": {\"sql\": \"select 1\"}}}}",
        ),
    ];
    let lines = [[1, 3, 4, 6], [2, 5, 6, 11], [2, 4, 4, 5]];
    for ((name, text), lines) in texts.into_iter().zip(lines) {
        let directory = TempDir::new().unwrap();
        write(&directory, name, text);
        let loaded = load(&loader(&directory).files([name]));
        let settings = &loaded.settings;
        assert_eq!(settings.http.port, 8080);
        assert_eq!(settings.tasks["analytics"].every, Some(Duration::from_secs(90)));
        assert_eq!(settings.tasks["analytics"].overlap, Some(Overlap::Queue));
        assert_eq!(settings.analytics.metrics["a.b"].sql, "select 1");
        let keys = ["http.port", "tasks.analytics.every", "tasks.analytics.overlap", "analytics.metrics.\"a.b\".sql"];
        let sources = keys.map(|key| source(&loaded, key));
        assert_eq!(sources, lines.map(|line| format!("{name}:{line}")), "{name}");
    }
}

#[test]
fn a_mounted_config_map_is_read_once_and_in_the_order_of_names() {
    let directory = TempDir::new().unwrap();
    write(&directory, "mount/..2026_01/10-first.toml", "http.port = 1\nhttp.max_connections = 11");
    write(&directory, "mount/..2026_01/20-second.json", "{\"http\": {\"port\": 2}}");
    write(&directory, "mount/..2026_01/ca.crt", "not a configuration");
    let mount = directory.path().join("mount");
    std::os::unix::fs::symlink("..2026_01", mount.join("..data")).unwrap();
    for name in ["10-first.toml", "20-second.json", "ca.crt"] {
        std::os::unix::fs::symlink(Path::new("..data").join(name), mount.join(name)).unwrap();
    }
    let loaded = load(&loader(&directory).directory(Path::new("mount").to_owned()));
    assert_eq!(loaded.settings.http.port, 2);
    assert_eq!(source(&loaded, "http.max_connections"), "mount/10-first.toml:2");
    assert_eq!(loaded.warnings, ["mount/ca.crt is ignored: its name ends in none of .toml, .yaml, .yml, .json"]);
}

#[test]
fn a_deployment_of_the_platform_is_understood_as_it_is() {
    let directory = TempDir::new().unwrap();
    let loaded = load(&loader(&directory).environment([
        ("KUBERNETES", "true"),
        ("SERVER_MODE", "task"),
        ("RELEASE_NAME", "prod"),
        ("MYSQL_HOST", "prod-mariadb"),
        ("MYSQL_PASSWORD", "p@ss/w:rd"),
        ("MYSQL_PORT", "tcp://10.0.0.7:3306"),
        ("REDIS_ENABLED", "true"),
        ("REDIS_ADDRESS", "prod-redis-master"),
        ("REDIS_PORT", "tcp://10.0.0.8:6379"),
        ("REDIS_PASSWORD", "0123"),
        ("TASKSERVER_PORT", "tcp://10.0.0.9:5050"),
        ("TASKSERVER_PORT_5050_TCP", "tcp://10.0.0.9:5050"),
        ("TASKSERVER_SERVICE_HOST", "10.0.0.9"),
        ("TASKSERVER_PROCESS_INTERVAL_SECONDS", "60"),
        ("TASKSERVER_PROCESS_INTERVAL", "30"),
        ("AUTH_SECRET", "shh"),
        ("JWT_PUBLIC_KEY", "-----BEGIN PUBLIC KEY-----\\nAA\\n-----END PUBLIC KEY-----"),
    ]));
    let settings = &loaded.settings;
    assert!(settings.kubernetes.enabled);
    assert_eq!(settings.platform.release_name, "prod");
    assert_eq!(settings.database.url.expose(), "mysql://server:p%40ss%2Fw%3Ard@prod-mariadb:3306/ir-engine");
    assert!(!settings.database.create_platform_tables);
    assert!(settings.redis.enabled);
    assert_eq!(settings.redis.address, "prod-redis-master");
    assert_eq!(settings.redis.port, 6379);
    assert_eq!(settings.redis.password.as_ref().expect("it is set").expose_secret(), "0123");
    assert_eq!(settings.http.port, 5050);
    assert_eq!(settings.tasks["analytics"].every, Some(Duration::from_secs(60)));
    assert_eq!(
        settings.authentication.jwt_public_key.as_deref(),
        Some("-----BEGIN PUBLIC KEY-----\nAA\n-----END PUBLIC KEY-----")
    );
    assert_eq!(source(&loaded, "database.url"), "environment variables MYSQL_HOST, MYSQL_PASSWORD");
    assert_eq!(
        loaded.warnings,
        [
            "environment variable TASKSERVER_PROCESS_INTERVAL has no effect, here as in the platform: the interval is set by \
          TASKSERVER_PROCESS_INTERVAL_SECONDS or tasks.analytics.every"
        ]
    );
}

#[test]
fn mysql_variables_compose_a_url_with_the_platforms_defaults() {
    let directory = TempDir::new().unwrap();
    let url = |variables: &[(&str, &str)]| {
        load(&loader(&directory).environment(variables.to_vec())).settings.database.url.expose().to_owned()
    };
    assert_eq!(url(&[("MYSQL_DATABASE", "other")]), "mysql://server:password@127.0.0.1:3306/other");
    assert_eq!(url(&[("MYSQL_PASSWORD", "")]), "mysql://server@127.0.0.1:3306/ir-engine");
    assert_eq!(url(&[("MYSQL_HOST", "fd00::1")]), "mysql://server:password@[fd00::1]:3306/ir-engine");
    assert_eq!(url(&[("MYSQL_HOST", "db"), ("MYSQL_URL", "mysql://u@h/d")]), "mysql://u@h/d");
    // What Kubernetes injects for a Service named `mysql` alone composes nothing.
    assert_eq!(url(&[("MYSQL_PORT", "tcp://10.0.0.7:3306"), ("MYSQL_USER", "")]), "sqlite://taskserver.db");
    write(&directory, "password", "p@ss\n");
    let file = directory.path().join("password");
    let variables = [("MYSQL_PASSWORD_FILE", file.to_str().expect("it is UTF-8"))];
    assert_eq!(url(&variables), "mysql://server:p%40ss@127.0.0.1:3306/ir-engine");
}

#[test]
fn a_password_apart_from_its_url_is_put_into_it() {
    let directory = TempDir::new().unwrap();
    let load_with = |url: &str| load(&loader(&directory).overrides([url, "database.password=a:b@c%/?#"]));
    let loaded = load_with("database.url=postgres://server@db/ir");
    assert_eq!(loaded.settings.database.url.expose(), "postgres://server:a%3Ab%40c%25%2F%3F%23@db/ir");
    assert_eq!(format!("{:?}", loaded.settings.database.url), "DatabaseUrl(postgres://server:***@db/ir)");
    let loaded = load_with("database.url=postgres://server:own@db/ir");
    assert_eq!(loaded.settings.database.url.expose(), "postgres://server:own@db/ir");
    assert_eq!(loaded.warnings, ["database.password has no effect: database.url has a password, or names a file"]);
}

#[test]
fn a_flag_of_the_platform_is_false_unless_it_is_true() {
    let directory = TempDir::new().unwrap();
    let loaded = load(&loader(&directory).environment([("REDIS_ENABLED", "1"), ("KUBERNETES", "false")]));
    assert!(!loaded.settings.redis.enabled);
    assert_eq!(
        loaded.warnings,
        ["environment variable REDIS_ENABLED: `1` is taken for false, as the platform takes it: only `true` is true"]
    );
}

#[test]
fn engine_settings_count_in_a_cluster_only() {
    let directory = TempDir::new().unwrap();
    let rows = [
        row("task-server", "port", "3030"),
        row("task-server", "processInterval", "30"),
        row("task-server", "unknown", "x"),
        row("mysql", "host", "elsewhere"),
        row("redis", "enabled", "true"),
        row("redis", "password", ""),
        row("redis", "address", ""),
        row("authentication", "secret", "line\\nline"),
    ];
    let loader = loader(&directory)
        .environment([("REDIS_PASSWORD", "from the variable"), ("REDIS_ADDRESS", "from-the-variable")])
        .engine_settings(rows);
    let outside = load(&loader);
    assert_eq!(outside.settings.http.port, 5050);
    let inside = load(&loader.overrides(["kubernetes.enabled=true"]));
    assert_eq!(inside.settings.http.port, 3030);
    assert_eq!(inside.settings.tasks["analytics"].every, Some(Duration::from_secs(30)));
    assert!(inside.settings.redis.enabled);
    assert!(inside.settings.redis.password.is_none(), "an empty password is none");
    assert_eq!(inside.settings.redis.address, "from-the-variable", "an empty address says nothing");
    assert_eq!(inside.settings.authentication.secret.expect("it is set").expose_secret(), "line\nline");
    assert_eq!(inside.settings.database.url.backend(), Backend::Sqlite);
}

#[test]
fn lists_are_separated_by_commas_and_services_can_be_named_by_variables() {
    let directory = TempDir::new().unwrap();
    write(
        &directory,
        "taskserver.toml",
        "http.cors_origins = 'https://a.example,https://b.example:8443'\nhttp.trusted_proxies = '10.1.2.3/8, ::1'\n\
         redis.cluster = 'a:1, [::1]:2'\nredis.publish = ''\nredis.receive_file = 'receive'",
    );
    write(&directory, "receive", "avatar, scene\n");
    let loaded = load(&loader(&directory).environment([
        ("TASKSERVER__HTTP__SERVICES__K8S_EVENT__METHODS", "find,get"),
        ("TASKSERVER__HTTP__SERVICES__K8S_EVENT__SCOPES__GET", "events:read"),
    ]));
    let (http, redis) = (&loaded.settings.http, &loaded.settings.redis);
    assert_eq!(http.cors_origins, ["https://a.example", "https://b.example:8443"]);
    assert_eq!(http.trusted_proxies.iter().map(ToString::to_string).collect::<Vec<_>>(), ["10.1.2.3/8", "::1/128"]);
    let endpoint = |host: &str, port| Endpoint { host: host.into(), port };
    assert_eq!(redis.cluster, [endpoint("a", 1), endpoint("::1", 2)]);
    assert!(redis.publish.is_empty());
    assert_eq!(redis.receive.iter().collect::<Vec<_>>(), ["avatar", "scene"]);
    let events = &http.services["k8s-event"];
    assert_eq!(events.methods.as_deref(), Some(&["find".to_owned(), "get".to_owned()][..]));
    assert_eq!((&events.scope, &*events.scopes["get"]), (&None, "events:read"));
}

#[test]
fn a_schedule_of_a_later_layer_takes_the_place_of_one_of_the_other_form() {
    let directory = TempDir::new().unwrap();
    write(&directory, "taskserver.toml", "[tasks.analytics]\ncron = '0 * * * *'\ntime_zone = 'Europe/Berlin'");
    let loader = loader(&directory);
    let by_cron = load(&loader).settings.tasks.remove("analytics").expect("it is set");
    assert_eq!((by_cron.every, by_cron.cron.as_deref()), (None, Some("0 * * * *")));
    let loaded = load(&loader.clone().environment([("TASKSERVER_PROCESS_INTERVAL_SECONDS", "60")]));
    assert_eq!(
        (loaded.settings.tasks["analytics"].every, &loaded.settings.tasks["analytics"].cron),
        (Some(Duration::from_secs(60)), &None)
    );
    write(&directory, "cron", "*/5 * * * *\n");
    let loaded = load(&loader.overrides(["tasks.analytics.cron_file=cron"]));
    assert_eq!(loaded.settings.tasks["analytics"].cron.as_deref(), Some("*/5 * * * *"));
}

#[test]
fn variables_reach_every_key_and_keep_their_text() {
    let directory = TempDir::new().unwrap();
    let loader = loader(&directory).tasks(["my_own-task"]).environment([
        ("TASKSERVER__TASKS__ANALYTICS_MAINTENANCE__EVERY", "2h"),
        ("TASKSERVER__TASKS__MY_OWN_TASK__MISSED", "all"),
        ("TASKSERVER__TASKS__MONITORING", "{ every = '1m', retries = 2 }"),
        ("TASKSERVER__ANALYTICS__METRICS", r#"{"activeUsers": {"sql": "SELECT 1"}}"#),
        ("TASKSERVER__REDIS__PASSWORD", "0123"),
        ("TASKSERVER__AUTHENTICATION__SECRET", "true"),
        ("TASKSERVER__DATABASE__MIGRATE", "false"),
        ("TASKSERVER__ANALYTICS__RETENTION", "90d"),
        ("TASKSERVER__HTTP__PORT", ""),
    ]);
    let settings = load(&loader).settings;
    assert_eq!(settings.tasks["analytics-maintenance"].every, Some(Duration::from_secs(7200)));
    assert_eq!(settings.tasks["my_own-task"].missed, Some(Missed::All));
    assert_eq!(settings.tasks["monitoring"].every, Some(Duration::from_secs(60)));
    assert_eq!(settings.tasks["monitoring"].retries, Some(2));
    assert_eq!(settings.analytics.metrics["activeUsers"].sql, "SELECT 1");
    assert_eq!(settings.redis.password.expect("it is set").expose_secret(), "0123");
    assert_eq!(settings.authentication.secret.expect("it is set").expose_secret(), "true");
    assert!(!settings.database.migrate);
    assert_eq!(settings.analytics.retention, Some(Duration::from_secs(90 * 86_400)));
    assert_eq!(settings.http.port, 5050, "an empty variable is unset");
}

#[test]
fn the_configuration_in_effect_is_shown_as_toml_with_its_sources_and_without_secrets() {
    let directory = TempDir::new().unwrap();
    write(
        &directory,
        "taskserver.toml",
        "[http]\nhost = '::'\n[analytics.metrics.'my users']\nsql = '''\nSELECT\n1'''",
    );
    let loader = loader(&directory)
        .profile("production".to_owned())
        .environment([("MYSQL_PASSWORD", "hunter2"), ("REDIS_PASSWORD", "hunter2"), ("AUTH_SECRET", "hunter2")])
        .overrides(["tasks.analytics.every=5400"]);
    let loaded = load(&loader);
    let text = loaded.explain();
    assert!(!text.contains("hunter2"), "{text}");
    assert!(!format!("{loaded:?}").contains("hunter2"));
    toml_edit::Document::parse(text.as_str()).expect("it is TOML");
    let section = |name: &str| {
        let start = text.find(&format!("[{name}]\n")).expect("the section is there");
        text[start..].split("\n\n").next().unwrap_or_default().trim_end().to_owned()
    };
    assert!(
        text.starts_with("# The configuration in effect. Secrets are hidden.\n# Profile: production\n\n[http]\n"),
        "{text}"
    );
    let expected = format!(
        "[platform]\nrelease_name = \"local\"          # {}\nserver_mode = \"task\"            # {}\n\
         engine_setting_interval = \"1m\"  # {}",
        default("platform", "release_name"),
        default("platform", "server_mode"),
        default("platform", "engine_setting_interval"),
    );
    assert_eq!(section("platform"), expected);
    assert!(section("redis").contains("password = \"***\"             # environment variable REDIS_PASSWORD"));
    assert_eq!(section("tasks.analytics"), "[tasks.analytics]\nevery = \"1h 30m\"  # --set tasks.analytics.every");
    assert_eq!(
        section("analytics.metrics.\"my users\""),
        "[analytics.metrics.\"my users\"]\nsql = \"SELECT\\n1\"  # taskserver.toml:4"
    );
    assert!(
        text.contains("url = \"mysql://server:***@127.0.0.1:3306/ir-engine\"  # environment variable MYSQL_PASSWORD\n"),
        "{text}"
    );
}

#[test]
fn a_reload_tells_what_is_applied_and_what_needs_a_restart() {
    let directory = TempDir::new().unwrap();
    let loader = loader(&directory);
    let before = load(&loader);
    let after = load(&loader.clone().overrides([
        "http.port=1",
        "redis.password=x",
        "log.level=debug",
        "tasks.analytics.cron=* * * * *",
        "analytics.retention=30d",
        "tasks.monitoring.every=15",
    ]));
    let changes = before.changes(&after);
    assert_eq!(changes.applied, ["analytics.retention", "log.level", "tasks.analytics.cron", "tasks.analytics.every"]);
    assert_eq!(changes.needs_restart, ["http.port", "redis.password"]);
    assert!(before.changes(&load(&loader)).is_empty());
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_mysql_password_comes_out_of_the_url_as_it_went_in(password in "[^\0]{1,40}", user in "\\PC{1,10}", database in "[^\\pC.]{1,10}") {
        let directory = TempDir::new().unwrap();
        let variables = [("MYSQL_PASSWORD", &password), ("MYSQL_USER", &user), ("MYSQL_DATABASE", &database)];
        let loaded = load(&loader(&directory).environment(variables.map(|(name, value)| (name, value.as_str()))));
        let url = url::Url::parse(loaded.settings.database.url.expose()).expect("it is a URL");
        let decode = |text: &str| percent_encoding::percent_decode_str(text).decode_utf8().expect("it is UTF-8").into_owned();
        prop_assert_eq!(decode(url.password().expect("there is one")), password);
        prop_assert_eq!(decode(url.username()), user);
        prop_assert_eq!(decode(url.path().strip_prefix('/').expect("there is one")), database);
    }
}
