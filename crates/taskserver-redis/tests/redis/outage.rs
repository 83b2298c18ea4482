//! Redis goes away and comes back, while the app goes on writing.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use taskserver_core::Health;
use taskserver_redis::FeathersSyncOptions;
use taskserver_tests::servers::redis;

use super::fixture::{Wire, app, connect, create_analytics, dropped, eventually, health, is_connected, metric, start};

/// Below any time that the adapter waits for Redis, and far beyond a write in memory.
const SLOW: Duration = Duration::from_secs(1);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_write_fails_or_slows_and_every_event_is_sent_or_counted() {
    let Some(mut server) = redis::start() else { return };
    let app = app();
    let _sync = connect(&app, server.url(), FeathersSyncOptions { queue: 50, ..FeathersSyncOptions::default() }).await;

    let writing = Arc::new(AtomicBool::new(true));
    let writer = tokio::spawn({
        let (app, writing) = (app.clone(), Arc::clone(&writing));
        async move {
            let (mut written, mut slowest) = (0, Duration::ZERO);
            while writing.load(Ordering::Relaxed) {
                let start = Instant::now();
                create_analytics(&app, written).await;
                slowest = slowest.max(start.elapsed());
                written += 1;
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
            (written as u64, slowest)
        }
    });
    for _ in 0..2 {
        let before = (metric(&app, "redis_events_sent_total"), dropped(&app, "out", "queue_full"));
        eventually("sent", || metric(&app, "redis_events_sent_total") > before.0 + 20).await;
        // Stopping and starting take their time, which the runtime has to do without one of its threads.
        tokio::task::block_in_place(|| server.stop());
        eventually("dropped", || dropped(&app, "out", "queue_full") > before.1 + 20).await;
        assert!(matches!(health(&app), Health::Degraded(_)), "{:?}", health(&app));
        tokio::task::block_in_place(|| server.start_again());
        eventually("connected", || is_connected(&app)).await;
    }
    let sent = metric(&app, "redis_events_sent_total");
    eventually("sent", || metric(&app, "redis_events_sent_total") > sent + 20).await;
    writing.store(false, Ordering::Relaxed);
    let (written, slowest) = writer.await.unwrap();
    eventually("empty", || metric(&app, "redis_events_sent_total") + dropped(&app, "out", "queue_full") == written)
        .await;
    assert_eq!(metric(&app, "redis_events_waiting"), 0);
    assert_eq!(dropped(&app, "out", "missed"), 0);
    assert!(slowest < SLOW, "a write took {slowest:?}");

    let mut wire = Wire::join(server.url()).await;
    create_analytics(&app, 12_345).await;
    assert_eq!(wire.next().await["data"]["count"], 12_345);
}

#[tokio::test]
async fn what_does_not_fit_the_queue_is_counted_exactly() {
    let Some(mut server) = redis::start() else { return };
    let app = app();
    let sync = connect(&app, server.url(), FeathersSyncOptions { queue: 100, ..FeathersSyncOptions::default() }).await;
    server.stop();
    eventually("noticed", || !is_connected(&app)).await;
    for count in 0..1000 {
        create_analytics(&app, count).await;
    }
    eventually("dropped", || dropped(&app, "out", "queue_full") == 900).await;
    assert_eq!(metric(&app, "redis_events_waiting"), 100);

    server.start_again();
    eventually("sent", || metric(&app, "redis_events_sent_total") == 100).await;
    assert_eq!(dropped(&app, "out", "queue_full"), 900);
    drop(sync);
}

#[tokio::test]
async fn a_frozen_server_slows_no_write_and_gets_every_event_when_it_goes_on() {
    let Some(server) = redis::start() else { return };
    let (app, mut wire) = (app(), Wire::join(server.url()).await);
    let _sync = connect(&app, server.url(), FeathersSyncOptions::default()).await;

    server.pause();
    let start = Instant::now();
    for count in 0..200 {
        create_analytics(&app, count).await;
    }
    assert!(start.elapsed() < SLOW, "the writes took {:?}", start.elapsed());
    eventually("noticed", || !is_connected(&app)).await;

    server.resume();
    // What was on its way when the server froze is sent again, so that it may come twice.
    let mut arrived = BTreeSet::new();
    while arrived.len() < 200 {
        arrived.insert(wire.next().await["data"]["count"].as_u64().unwrap());
    }
    eventually("sent", || metric(&app, "redis_events_sent_total") == 200).await;
    assert_eq!(dropped(&app, "out", "queue_full"), 0);
}

#[tokio::test]
async fn an_idle_connection_to_a_frozen_server_is_noticed() {
    let Some(server) = redis::start() else { return };
    let app = app();
    let _sync = connect(&app, server.url(), FeathersSyncOptions::default()).await;
    server.pause();
    eventually("noticed", || !is_connected(&app)).await;
    server.resume();
    eventually("connected", || is_connected(&app)).await;
}

#[tokio::test]
async fn events_wait_for_a_server_that_starts_later() {
    let Some(mut server) = redis::start() else { return };
    let app = app();
    server.stop();
    let _sync = start(&app, server.url(), FeathersSyncOptions::default());
    create_analytics(&app, 1).await;
    eventually("noticed", || matches!(health(&app), Health::Degraded(_))).await;
    let address = server.url().trim_start_matches("redis://");
    let expected = format!(
        "cannot connect to Redis at {address}: Connection refused (os error 111); check the settings under `redis`, \
         and that the server is Redis 6 or newer; events wait until it is back"
    );
    assert_eq!(health(&app), Health::Degraded(expected));
    server.start_again();
    eventually("sent", || metric(&app, "redis_events_sent_total") == 1).await;
}
