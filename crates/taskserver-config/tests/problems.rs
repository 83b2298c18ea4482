//! What is wrong with a configuration, as the person who has to mend it reads it.

use std::fs;

use proptest::prelude::*;
use taskserver_config::{EngineSetting, Loader};
use tempfile::TempDir;

/// What is said of a configuration with these files, the first of which is given with `--config`.
fn report(files: &[(&str, &str)], change: impl FnOnce(Loader) -> Loader) -> String {
    let directory = TempDir::new().expect("a new directory");
    for (name, text) in files {
        let path = directory.path().join(name);
        fs::create_dir_all(path.parent().expect("it has one")).expect("a new directory");
        fs::write(path, text).expect("a new file");
    }
    let loader = Loader::new().working_directory(directory.path()).files(files.first().map(|(name, _)| name));
    match change(loader).load() {
        Ok(_) => panic!("there is no problem"),
        Err(error) => error.to_string(),
    }
}

fn report_of_file(name: &str, text: &str) -> String {
    report(&[(name, text)], |loader| loader)
}

#[test]
fn all_problems_of_all_layers_are_reported_at_once() {
    let toml = "\
[http]
prot = 8080
max_connections = 0
host = 'localhost'

[tasks.analitics]
every = '1h'

[tasks.monitoring]
overlap = 'skipp'
retries = 'many'
";
    let yaml = "log:\n  level: inof\n  format: [json]\ndatabase:\n  migrate: yes please\nredis: 5\n";
    let text = report(&[("a.toml", toml), ("b.yaml", yaml)], |loader| {
        loader
            .files(["b.yaml"])
            .environment([
                ("TASKSERVER_PROCESS_INTERVAL_SECONDS", "soon"),
                ("TASKSERVER__HTTP__PROT", "1"),
                ("KUBERNETES", "true"),
            ])
            .engine_settings([EngineSetting {
                category: "task-server".into(),
                key: "port".into(),
                value: "70000".into(),
            }])
            .overrides(["shutdown.timeout=-1", "nonsense", "shutdown.timeot=1"])
    });
    assert_eq!(
        text,
        r#"The configuration has 16 problems:

  1. http.prot = "1"
     from: environment variable TASKSERVER__HTTP__PROT
     There is no such key.
     Did you mean `TASKSERVER__HTTP__PORT`?

  2. --set nonsense
     Expected key=value, such as --set tasks.analytics.every=1h.

  3. shutdown.timeot = "1"
     from: --set shutdown.timeot
     There is no such key.
     Did you mean `shutdown.timeout`?

  4. database.migrate = "yes please"
     from: b.yaml:5
     Expected true or false.

  5. http.host = "localhost"
     from: a.toml:4
     Expected an IP address to listen on, such as 0.0.0.0, :: or 127.0.0.1.
     Did you mean `127.0.0.1`?

  6. http.max_connections = 0
     from: a.toml:3
     Expected a whole number from 1 to 1000000.

  7. http.port = "70000"
     from: engine-setting row task-server/port
     Expected a whole number from 0 to 65535.

  8. http.prot = 8080
     from: a.toml:2
     There is no such key.
     Did you mean `http.port`?

  9. log.format = [ … ]
     from: b.yaml:3
     Expected auto, pretty or json, found a list.

 10. log.level = "inof"
     from: b.yaml:2
     `inof` is not a level: expected off, error, warn, info, debug or trace, or target=level.
     Did you mean `info`?

 11. redis = 5
     from: b.yaml:6
     Expected a table of keys, found a whole number.

 12. shutdown.timeout = "-1"
     from: --set shutdown.timeout
     Expected a length of time, such as 30m, 1h 30m or 500ms; a bare number is seconds.

 13. tasks.analitics
     from: a.toml:7
     There is no such task.
     Did you mean `tasks.analytics`?

 14. tasks.analytics.every = "soon"
     from: environment variable TASKSERVER_PROCESS_INTERVAL_SECONDS
     Expected a length of time, such as 30m, 1h 30m or 500ms; a bare number is seconds.

 15. tasks.monitoring.overlap = "skipp"
     from: a.toml:10
     Expected skip, queue or cancel.
     Did you mean `skip`?

 16. tasks.monitoring.retries = "many"
     from: a.toml:11
     Expected a whole number from 0 to 100.
"#
    );
}

#[test]
fn a_value_of_the_wrong_type_says_what_was_found() {
    let text = report_of_file(
        "a.toml",
        "http.port = true\nhttp.idle_timeout = { seconds = 1 }\nredis.password = 123\nlog.level = ['info']\ndatabase.migrate = 1\n\
         tasks.analytics.retries = 1.5\nhttp.header_timeout = 0\nanalytics.retention = '3 months'",
    );
    assert_eq!(
        text,
        r#"The configuration has 8 problems:

  1. analytics.retention = "3 months"
     from: a.toml:8
     Expected a length of time, such as 30m, 1h 30m or 500ms; a bare number is seconds.

  2. database.migrate = 1
     from: a.toml:5
     Expected true or false, found a whole number.

  3. http.header_timeout = 0
     from: a.toml:7
     Expected a length of time from 1ms to 1h.

  4. http.idle_timeout = { … }
     from: a.toml:2
     Expected a length of time, such as 30m, 1h 30m or 500ms; a bare number is seconds, found a table.

  5. http.port = true
     from: a.toml:1
     Expected a whole number from 0 to 65535, found true or false.

  6. log.level = [ … ]
     from: a.toml:4
     Expected a text, found a list.

  7. redis.password = ***
     from: a.toml:3
     Expected a text, found a whole number: put it in quotes.

  8. tasks.analytics.retries = 1.5
     from: a.toml:6
     Expected a whole number from 0 to 100, found a fraction.
"#
    );
}

#[test]
fn a_syntax_error_names_file_line_and_column() {
    assert_eq!(
        report_of_file("a.toml", "[http]\nport = = 1\n"),
        "The configuration has a problem:\n\n  1. a.toml:2:8\n     Not valid TOML: extra `=`.\n"
    );
    assert_eq!(
        report_of_file("a.json", "{\n  \"http\": {\"port\" 1}\n}"),
        "The configuration has a problem:\n\n  1. a.json:2:19\n     Not valid JSON: expected `:`.\n"
    );
    assert_eq!(
        report_of_file("a.yaml", "http:\n  port: 1\n  port: 2\n"),
        "The configuration has a problem:\n\n  1. a.yaml:3:3\n     Not valid YAML: duplicate mapping key `port` is not allowed here.\n"
    );
    assert_eq!(
        report_of_file("a.yaml", "- http\n"),
        "The configuration has a problem:\n\n  1. a.yaml:1:1\n     Not valid YAML: expected a mapping at the top.\n"
    );
}

#[test]
fn a_syntax_error_does_not_show_the_secret_beside_it() {
    let starts = [
        "", "'", "\"", "*", "&", "!", "!!int ", "%", "@", "`", "1", "true", "[", "{", "|", "? ", "0x", "2026-", "\\",
        "+", ".",
    ];
    for start in starts {
        for (name, text) in [
            ("a.toml", format!("redis.password = {start}hunter2\n")),
            ("a.yaml", format!("redis:\n  password: {start}hunter2\n")),
            ("b.yaml", format!("redis: {{password: {start}hunter2\nhttp: 1")),
            ("a.json", format!("{{\"redis\": {{\"password\": {start}hunter2}}}}")),
        ] {
            let directory = TempDir::new().expect("a new directory");
            fs::write(directory.path().join(name), &text).expect("a new file");
            if let Err(error) = Loader::new().working_directory(directory.path()).files([name]).load() {
                assert!(!error.to_string().contains("hunter2"), "{text}\n{error}");
            }
        }
    }
}

#[test]
fn what_cannot_be_read_is_named_with_the_reason() {
    let text = report(&[("a.toml", "redis.password_file = '/nowhere/password'")], |loader| {
        loader.files(["missing.toml", "a.ini", "."]).directory(Some("mount".into()))
    });
    assert_eq!(
        text,
        r#"The configuration has 5 problems:

  1. missing.toml
     Cannot be read: No such file or directory (os error 2).

  2. a.ini
     The name ends in none of .toml, .yaml, .yml, .json.

  3. .
     The name ends in none of .toml, .yaml, .yml, .json.

  4. mount
     Cannot be read: No such file or directory (os error 2).

  5. redis.password_file = "/nowhere/password"
     from: a.toml:1
     The file cannot be read: No such file or directory (os error 2).
"#
    );
}

#[test]
fn a_file_that_is_too_large_or_not_text_is_refused() {
    let directory = TempDir::new().unwrap();
    fs::write(directory.path().join("large.toml"), "#".repeat((1 << 20) + 1)).unwrap();
    fs::write(directory.path().join("binary.toml"), [0xff, 0xfe]).unwrap();
    let loader = Loader::new().working_directory(directory.path()).files(["large.toml", "binary.toml"]);
    assert_eq!(
        loader.load().expect_err("two problems").to_string(),
        "The configuration has 2 problems:\n\n  1. large.toml\n     Cannot be read: it is larger than 1 MiB.\n\n  2. binary.toml\n     \
         Cannot be read: it is not UTF-8 text.\n"
    );
}

#[test]
fn a_key_and_its_file_in_one_layer_exclude_one_another() {
    let text = report(&[("a.toml", "[redis]\npassword = 'x'\npassword_file = '/dev/null'")], |loader| {
        loader.environment([("AUTH_SECRET", "x"), ("AUTH_SECRET_FILE", "/dev/null")])
    });
    assert_eq!(
        text,
        r#"The configuration has 2 problems:

  1. redis.password_file
     from: a.toml:3
     Excludes `redis.password`, which is also given (from: a.toml:2).

  2. authentication.secret_file
     from: environment variable AUTH_SECRET_FILE
     Excludes `authentication.secret`, which is also given (from: environment variable AUTH_SECRET).
"#
    );
}

#[test]
fn an_interval_and_a_cron_pattern_in_one_layer_exclude_one_another() {
    let text = report_of_file("a.toml", "[tasks.analytics]\nevery = '1h'\ncron = '0 * * * *'");
    assert_eq!(
        text,
        r#"The configuration has a problem:

  1. tasks.analytics.cron
     from: a.toml:3
     Excludes `tasks.analytics.every`, which is also given (from: a.toml:2): a schedule has one of them.
"#
    );
}

#[test]
fn impossible_schedules_are_refused() {
    let text = report_of_file(
        "a.toml",
        "[tasks.analytics]\ncron = '61 * * * *'\ntime_zone = 'Europe/Berln'\nretry_backoff = '2m'\nretry_backoff_max = '1m'\n\
         [tasks.monitoring]\njitter = '15s'",
    );
    assert_eq!(
        text,
        r#"The configuration has 4 problems:

  1. tasks.analytics.cron = "61 * * * *"
     from: a.toml:2
     Not a cron pattern (Component error: Number out of bounds): expected five fields, such as */15 * * * *, or six with seconds first.

  2. tasks.analytics.time_zone = "Europe/Berln"
     from: a.toml:3
     Unknown time zone: expected a name of the IANA database, such as Europe/Berlin.
     Did you mean `Europe/Berlin`?

  3. tasks.analytics.retry_backoff = "2m"
     from: a.toml:4
     Must not be longer than `retry_backoff_max`, which is 1m (from: a.toml:5).

  4. tasks.monitoring.jitter = "15s"
     from: a.toml:7
     Must be shorter than `every`, which is 15s (from: DEFAULT).
"#
        .replace("DEFAULT", &{
            let defaults = include_str!("../config/default.toml");
            let monitoring = defaults.find("[tasks.monitoring]").expect("it is there");
            format!("config/default.toml:{} (built in)", defaults[..monitoring].lines().count() + 2)
        })
    );
}

#[test]
fn a_cron_pattern_whose_date_never_comes_is_refused() {
    assert_eq!(
        report_of_file("a.toml", "[tasks.analytics]\ncron = '0 0 30 2 *'"),
        r#"The configuration has a problem:

  1. tasks.analytics.cron = "0 0 30 2 *"
     from: a.toml:2
     Such a date never comes.
"#
    );
}

#[test]
fn an_offset_is_shorter_than_the_day_of_a_cron_pattern() {
    assert_eq!(
        report_of_file("a.toml", "[tasks.analytics]\ncron = '0 0 28 2 *'\noffset = '24h'"),
        r#"The configuration has a problem:

  1. tasks.analytics.offset = "1d"
     from: a.toml:3
     Must be shorter than a day.
"#
    );
}

#[test]
fn a_metric_needs_a_name_and_a_statement_that_reads() {
    let long = "x".repeat(256);
    let text = report_of_file(
        "a.toml",
        &format!("[analytics.metrics]\na.sql = 'DELETE FROM user'\nb.timeout = '1s'\n'{long}'.sql = 'SELECT 1'"),
    );
    assert_eq!(
        text,
        format!(
            r#"The configuration has 3 problems:

  1. analytics.metrics.a.sql = "DELETE FROM user"
     from: a.toml:2
     Expected one statement that starts with SELECT or WITH.

  2. analytics.metrics.b
     from: a.toml:3
     A metric needs a statement: `sql` is missing.

  3. analytics.metrics.{long}
     from: a.toml:4
     The name of a metric has 1 to 255 characters, this one has 256.
"#
        )
    );
}

#[test]
fn a_profile_that_is_asked_for_must_exist() {
    let of = |loader: Loader| loader.load().expect_err("a problem").to_string();
    assert_eq!(
        of(Loader::new().environment([("TASKSERVER_PROFILE", "prodution")])),
        r#"The configuration has a problem:

  1. environment variable TASKSERVER_PROFILE "prodution"
     There is no such profile: expected development, production, or one with a file config/PROFILE.toml.
     Did you mean `production`?
"#
    );
    assert_eq!(
        of(Loader::new().profile("../../etc/x".to_owned())),
        r#"The configuration has a problem:

  1. --profile "../../etc/x"
     There is no such profile: expected development, production, or one with a file config/PROFILE.toml.
"#
    );
}

#[test]
fn a_malformed_database_url_is_explained_without_its_password() {
    let of = |url: &str| {
        let loader = Loader::new().environment([("TASKSERVER__DATABASE__URL", url)]);
        let error = loader.load().err().unwrap_or_else(|| panic!("{url} is refused"));
        let problem = &error.problems()[0];
        assert!(!error.to_string().contains("hunter2"), "{error}");
        assert_eq!(problem.source, "environment variable TASKSERVER__DATABASE__URL");
        let suggestion = problem.suggestion.as_deref().map(|text| format!(" → {text}")).unwrap_or_default();
        format!("{}: {}{suggestion}", problem.value.as_deref().unwrap_or_default(), problem.reason)
    };
    let encoded = "has an @ after a / ? or #: in a user name or password these are percent-encoded (/ is %2F)";
    let kinds = "unknown kind of database: expected sqlite://, postgres:// or mysql://";
    for (url, expected) in [
        ("mysq://u:hunter2@h/d", format!("\"mysq://u:***@h/d\": {kinds} → mysql://…")),
        ("mariadb://u:hunter2@h/d", format!("\"mariadb://u:***@h/d\": {kinds} → mysql://…")),
        ("mongodb://h/d", format!("\"mongodb://h/d\": {kinds}")),
        ("postgres://u:hunter2/x@h/d", format!("\"postgres://u:***@h/d\": {encoded}")),
        ("postgres://u:x#hunter2@h/d", format!("\"postgres://u:***@h/d\": {encoded}")),
        (
            "postgres://u:x@hunter2@h",
            "\"postgres://u:***@h\": names no database: expected …/DATABASE after the host".to_owned(),
        ),
        ("postgres://u:hunter2", "\"postgres://u***\": not a URL: invalid port number".to_owned()),
        ("postgres://u:1/hunter2@h/d", format!("\"postgres://u:***@h/d\": {encoded}")),
        (
            "postgres://u:hunter2@h/d?sslmode=requre",
            "\"postgres://u:***@h/d\": has an unknown sslmode: expected disable, prefer, require, verify-ca or verify-full → \
             sslmode=require"
                .to_owned(),
        ),
        (
            "mysql://u:hunter2@h/d?tls=true",
            "\"mysql://u:***@h/d\": has an unknown parameter tls: TLS is set by sslmode and sslrootcert".to_owned(),
        ),
        (
            "postgres://u:%ffhunter2@h/d",
            "\"postgres://u:***@h/d\": is not UTF-8 once its percent-encoding is undone".to_owned(),
        ),
        ("postgres:///d", "\"postgres:///d\": names no host".to_owned()),
        ("mysql://h/", "\"mysql://h/\": names no database: expected …/DATABASE after the host".to_owned()),
        ("postgres://h/d#x", "\"postgres://h/d***\": has a # in it: in a password it is written %23".to_owned()),
        (
            "host=h password=hunter2",
            "\"***\": not a database URL: expected sqlite://FILE, postgres://… or mysql://…".to_owned(),
        ),
        ("sqlite:a.db", "\"sqlite:a.db\": not a database URL → sqlite://a.db".to_owned()),
        ("sqlite://", "\"sqlite://\": names no file → sqlite://taskserver.db".to_owned()),
    ] {
        assert_eq!(of(url), expected);
    }
}

#[test]
fn parts_of_a_mysql_url_are_checked_where_they_stand() {
    let text = report(&[("a.toml", "")], |loader| {
        loader.environment([("MYSQL_HOST", "db"), ("MYSQL_PORT", "33o6"), ("TASKSERVER__HTTP__PORT", "0x10")])
    });
    assert_eq!(
        text,
        r#"The configuration has 2 problems:

  1. database.url = "33o6"
     from: environment variable MYSQL_PORT
     Expected a port, from 1 to 65535.

  2. http.port = "0x10"
     from: environment variable TASKSERVER__HTTP__PORT
     Expected a whole number from 0 to 65535.
"#
    );
    let text = report(&[("a.toml", "")], |loader| {
        loader.environment([("MYSQL_PASSWORD", "hunter2"), ("MYSQL_PASSWORD_FILE", "/run/secrets/password")])
    });
    assert_eq!(
        text,
        "The configuration has a problem:\n\n  1. environment variable MYSQL_PASSWORD_FILE\n     Excludes MYSQL_PASSWORD, which is \
         also set.\n"
    );
}

#[test]
fn an_unknown_key_does_not_show_what_may_be_a_secret() {
    let text = report(&[("a.toml", "[redis]\npasword = 'hunter2'\n[db]\nurl = 'mysql://u:hunter2@h/d'")], |loader| {
        loader.overrides(["authentication.sceret=hunter2", "database.uri=mysql://u:hunter2@h/d", "mail.token=hunter2"])
    });
    assert!(!text.contains("hunter2"), "{text}");
    assert!(
        text.contains(
            "redis.pasword = ***\n     from: a.toml:2\n     There is no such key.\n     Did you mean `redis.password`?"
        ),
        "{text}"
    );
}

#[test]
fn a_report_cannot_play_tricks_with_the_terminal() {
    let text = report(&[("a.toml", "'http\\u001b[2J' = 1\n\"x\\u001b[2J\\n\" = \"\\u009b2J\"")], |loader| {
        loader.overrides(["\u{1b}[2J"])
    });
    assert!(text.chars().all(|c| c == '\n' || !c.is_control()), "{text:?}");
}

#[test]
#[cfg(unix)]
fn a_variable_that_is_not_text_is_named() {
    use std::os::unix::ffi::OsStringExt;
    let value = std::ffi::OsString::from_vec(vec![b'a', 0xff]);
    let error = Loader::new().environment([("REDIS_PASSWORD", value)]).load().expect_err("a problem");
    assert_eq!(
        error.to_string(),
        "The configuration has a problem:\n\n  1. environment variable REDIS_PASSWORD\n     The value is not UTF-8.\n"
    );
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_database_url_shows_its_password(start in "(mysql|postgres|postgrs|x)://[a-z]{0,3}:[0-9/?#]{0,3}", rest in "[@:/?#%a-z]{0,6}(@[a-z]{0,3}(/[a-z]{0,3})?)?") {
        let loader = Loader::new().environment([("MYSQL_URL", format!("{start}HUNTER2{rest}"))]);
        match loader.load() {
            // Without an @ there is no password: it is a host, a database or a parameter.
            Ok(_) if !rest.contains('@') => {}
            Ok(loaded) => prop_assert!(!loaded.explain().contains("HUNTER2"), "{}", loaded.explain()),
            Err(error) => prop_assert!(!error.to_string().contains("HUNTER2"), "{}", error),
        }
    }

    #[test]
    fn no_text_makes_a_parser_panic(text in "\\PC{0,60}") {
        for name in ["a.toml", "a.yaml", "a.json"] {
            let directory = TempDir::new().unwrap();
            fs::write(directory.path().join(name), &text).unwrap();
            let _ = Loader::new().working_directory(directory.path()).files([name]).load();
        }
    }
}

#[test]
fn what_is_wrong_with_the_surface_and_with_redis_is_said_value_by_value_and_of_one_beside_the_other() {
    let text = report_of_file(
        "a.toml",
        "\
[http]
admin_port = 5050
page_size = 200
max_page_size = 100
port = 5050
cors_origins = 'https://ir.example.com/, ir.example.com'
trusted_proxies = '10.0.0.0/8, proxy'

[http.services.user]
methods = 'get, finde'
scope = ''
scopes.fnid = 'user:read'

[redis]
sentinel.password = 'hunter2'
sentinel.master = 'mymaster'
cluster = 'redis.example:6379'
publish = 'analytics; user'
tls.ca = '-----BEGIN CERTIFICATE-----x-----END CERTIFICATE-----'
sentinel.addreses = 'a:1'

[redis.sentinel2]
password = 'hunter2'
",
    );
    assert_eq!(
        text,
        r#"The configuration has 13 problems:

  1. http.cors_origins = "https://ir.example.com/, ir.example.com"
     from: a.toml:6
     `https://ir.example.com/` is not how a browser writes an origin.
     Did you mean `https://ir.example.com`?

  2. http.services.user.methods = "get, finde"
     from: a.toml:10
     `finde` is no method of a service: expected find, get, create, update, patch or remove.
     Did you mean `find`?

  3. http.services.user.scope = ""
     from: a.toml:11
     Must not be empty.

  4. http.services.user.scopes.fnid = "user:read"
     from: a.toml:12
     There is no such key.
     Did you mean `http.services.user.scopes.find`?

  5. http.trusted_proxies = "10.0.0.0/8, proxy"
     from: a.toml:7
     `proxy` is neither an IP address nor a network such as 10.0.0.0/8.

  6. redis.publish = "analytics; user"
     from: a.toml:18
     Expected names of services, such as analytics, separated by commas.

  7. redis.sentinel.addreses = "a:1"
     from: a.toml:20
     There is no such key.
     Did you mean `redis.sentinel.addresses`?

  8. redis.sentinel2
     from: a.toml:23
     There is no such key.
     Did you mean `redis.sentinel`?

  9. http.page_size = 200
     from: a.toml:3
     Must not be greater than `http.max_page_size`, which is 100 (from: a.toml:4).

 10. http.admin_port = 5050
     from: a.toml:2
     Must be another one than `http.port`, which is 5050 (from: a.toml:5).

 11. redis.cluster = "redis.example:6379"
     from: a.toml:17
     Excludes `redis.sentinel`, which is also given (from: a.toml:16).

 12. redis.sentinel.master = "mymaster"
     from: a.toml:16
     Needs `redis.sentinel.addresses`: where Sentinels can be asked for it.

 13. redis.tls.ca
     from: a.toml:19
     Has no effect: `redis.tls.enabled` is false.
"#
    );
}

#[test]
fn hosts_need_their_ports() {
    for wrong in ["redis", "redis:0", "redis:65536", "redis.example:6379,", "::1:6379x", "redis://a:1", "[::1]", ":1"] {
        let text = report_of_file("a.toml", &format!("redis.cluster = '{wrong}'"));
        assert!(text.contains("Expected a host and its port, such as redis.example:6379 or [::1]:6379."), "{text}");
    }
}

#[test]
fn statements_that_keep_tables_in_order_are_one_each_and_change_rows() {
    let text = report_of_file(
        "a.toml",
        "\
[maintenance.empty]
sql = ' ; '
[maintenance.several]
sql = 'DELETE FROM a; DELETE FROM b'
[maintenance.reading]
sql = 'SELECT 1'
batch_size = 0
[maintenance.Old_ones]
sql = 'DELETE FROM a'
[maintenance.without]
dry_run = false
[tasks.maintenance-gone]
every = '1h'
jitter = '1s'
[tasks.maintenance-empty]
every = '1h'
",
    );
    assert_eq!(
        text,
        "\
The configuration has 7 problems:

  1. maintenance.Old_ones
     from: a.toml:9
     The name of a statement consists of 1 to 51 lower-case letters, digits and hyphens.

  2. maintenance.empty.sql = \" ; \"
     from: a.toml:2
     Must not be empty.

  3. maintenance.reading.batch_size = 0
     from: a.toml:7
     Expected a whole number from 1 to 1000000.

  4. maintenance.reading.sql = \"SELECT 1\"
     from: a.toml:6
     Expected one statement that changes rows, and starts with DELETE, UPDATE, INSERT, REPLACE or WITH.

  5. maintenance.several.sql = \"DELETE FROM a; DELETE FROM b\"
     from: a.toml:4
     Expected one statement: there is a semicolon in it.

  6. maintenance.without
     from: a.toml:11
     A statement is needed: `sql` is missing.

  7. tasks.maintenance-gone
     from: a.toml:13
     There is no such task: `maintenance.gone` is missing.
"
    );
}

#[test]
fn a_statement_and_the_schedule_of_its_task_come_from_anywhere() {
    let loaded = Loader::new()
        .working_directory(TempDir::new().expect("a new directory").path())
        .environment([
            ("TASKSERVER__MAINTENANCE__OLD_ONES__DRY_RUN", "false"),
            ("TASKSERVER__TASKS__MAINTENANCE_OLD_ONES__EVERY", "1h"),
        ])
        .overrides(["maintenance.old-ones.sql=delete from a limit :batch_size ;"])
        .load()
        .expect("no problem");
    let statement = &loaded.settings.maintenance["old-ones"];
    assert_eq!((&*statement.sql, statement.dry_run), ("delete from a limit :batch_size", Some(false)));
    let every = loaded.settings.tasks["maintenance-old-ones"].every;
    assert_eq!(every, Some(std::time::Duration::from_secs(3600)));
}
