//! What is stored in the end, counted from the rows.

use std::collections::{BTreeMap, BTreeSet};

use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use task_analytics::{PLATFORM_METRICS, row_id};
use taskserver_tests::{Backend, TestDatabase};

use crate::cluster::Cluster;
use crate::replica::MOST_SKEW;

const EVERY: SignedDuration = SignedDuration::from_millis(250);

/// Has the database itself write down in which order terms write to the history. (That a run was lost, the next leader writes.)
pub(crate) fn watch_terms(database: &TestDatabase) {
    if database.backend() == Backend::Postgres {
        database.execute(
            r#"CREATE TABLE "written" ("place" bigserial PRIMARY KEY, "term" bigint, "instance" text);
            CREATE FUNCTION note_term() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
                IF NEW."term" IS NOT NULL AND COALESCE(NEW."outcome", '') <> 'lost' THEN
                    INSERT INTO "written" ("term", "instance") VALUES (NEW."term", NEW."instance");
                END IF;
                RETURN NULL;
            END $$;
            CREATE TRIGGER note_term AFTER INSERT OR UPDATE ON "task-run" FOR EACH ROW EXECUTE FUNCTION note_term();"#,
        );
        return;
    }
    database.execute(
        r#"CREATE TABLE "written" ("place" bigint AUTO_INCREMENT PRIMARY KEY, "term" bigint, "instance" text);"#,
    );
    for event in ["INSERT", "UPDATE"] {
        database.execute(&format!(
            r#"CREATE TRIGGER "note_{event}" AFTER {event} ON "task-run" FOR EACH ROW
            INSERT INTO "written" ("term", "instance") SELECT NEW."term", NEW."instance" FROM DUAL
            WHERE NEW."term" IS NOT NULL AND COALESCE(NEW."outcome", '') <> 'lost'"#
        ));
    }
}

/// Writes a run of two minutes ago into the history, and gives its time: a task that has never run has missed nothing, and would
/// begin with whatever time its leader has, which may be earlier than that of another one.
pub(crate) fn begin(database: &TestDatabase) -> Timestamp {
    let before = Timestamp::now() - SignedDuration::from_secs(MOST_SKEW + 10);
    let time = Timestamp::from_second(before.as_second()).unwrap();
    let text = time.strftime("%Y-%m-%d %H:%M:%S");
    database.execute(&format!(
        r#"INSERT INTO "task-run"
        ("id", "task", "scheduled", "trigger", "started", "finished", "outcome", "interrupted", "attempt", "instance")
        VALUES ('before', 'analytics', '{text}', 'schedule', '{text}', '{text}', 'succeeded', FALSE, 1, 'before')"#
    ));
    time
}

fn moment(text: &str) -> Timestamp {
    text.parse::<DateTime>().unwrap().to_zoned(TimeZone::UTC).unwrap().timestamp()
}

/// The latest scheduled time of which the run succeeded.
pub(crate) fn latest(database: &TestDatabase) -> Option<Timestamp> {
    let rows = database
        .query(r#"SELECT MAX("scheduled") FROM "task-run" WHERE "task" = 'analytics' AND "outcome" = 'succeeded'"#);
    Some(moment(rows.first()?.first().filter(|text| *text != "NULL")?))
}

/// Checks all that was promised, and says how many runs there were.
pub(crate) fn everything(cluster: &Cluster) -> usize {
    let database = &cluster.database;
    let runs = each_scheduled_time_has_one_run_that_succeeded(cluster);
    each_run_wrote_its_rows_once(database, &runs);
    terms_are_one_replicas_and_write_one_after_another(database);
    cluster.check_takeovers();
    runs.len()
}

fn each_scheduled_time_has_one_run_that_succeeded(cluster: &Cluster) -> Vec<Timestamp> {
    let rows = cluster.database.query(
        r#"SELECT "scheduled", "outcome", "interrupted", "term", "instance" FROM "task-run"
        WHERE "task" = 'analytics' ORDER BY "scheduled", "started""#,
    );
    let mut settled: BTreeMap<Timestamp, Vec<String>> = BTreeMap::new();
    for row in &rows {
        // A run that was lost or cut short does not count: another one was to stand for its time.
        if matches!(&*row[2], "0" | "f") {
            settled.entry(moment(&row[0])).or_default().push(row[1..].join(" "));
        }
    }
    for (time, runs) in &settled {
        let once = runs.len() == 1 && runs[0].starts_with("succeeded");
        assert!(once, "{time}: {runs:?}\n{}", cluster.logs());
    }
    let times: Vec<Timestamp> = settled.into_keys().collect();
    assert_eq!(times[0], cluster.first);
    for pair in times.windows(2) {
        assert_eq!(pair[1].duration_since(pair[0]), EVERY, "no run after {}\n{}", pair[0], cluster.logs());
    }
    times[1..].to_vec()
}

fn each_run_wrote_its_rows_once(database: &TestDatabase, runs: &[Timestamp]) {
    let ids = runs.iter().flat_map(|run| PLATFORM_METRICS.map(|metric| row_id(metric, *run).to_string()));
    let expected: BTreeSet<String> = ids.collect();
    let stored = database.query(r#"SELECT "id" FROM "analytics""#);
    let ids: BTreeSet<String> = stored.iter().map(|row| row[0].trim().to_owned()).collect();
    assert_eq!(ids.len(), stored.len());
    let (missing, more): (Vec<_>, Vec<_>) = (expected.difference(&ids).collect(), ids.difference(&expected).collect());
    assert!(missing.is_empty() && more.is_empty(), "missing {missing:?}, more {more:?}");
}

fn terms_are_one_replicas_and_write_one_after_another(database: &TestDatabase) {
    let written = database.query(r#"SELECT "term", "instance" FROM "written" ORDER BY "place""#);
    let mut leaders: BTreeMap<u64, &str> = BTreeMap::new();
    let mut latest = 0;
    for row in &written {
        let term = row[0].parse().unwrap();
        assert!(term >= latest, "term {term} has written after term {latest} had begun to");
        latest = term;
        assert_eq!(*leaders.entry(term).or_insert(&row[1]), &row[1], "term {term}");
    }
    assert!(leaders.len() > 10, "{leaders:?}");
}
