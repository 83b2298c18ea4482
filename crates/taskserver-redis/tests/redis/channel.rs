//! Short messages over a channel.

use taskserver_redis::Redis;
use taskserver_tests::servers::redis;
use tokio::sync::mpsc;

use crate::fixture::{PATIENCE, options};

#[tokio::test]
async fn whoever_listens_receives_and_is_told_when_the_server_is_gone() {
    let Some(mut server) = redis::start() else { return };
    let redis = Redis::new(&options(server.url())).unwrap();
    let (sender, mut received) = mpsc::unbounded_channel();
    let listening = tokio::spawn({
        let redis = redis.clone();
        async move { redis.listen("jobs", &move |message| sender.send(message.to_owned()).unwrap()).await }
    });
    // Until the subscription stands, there is nobody to receive.
    let message = async {
        loop {
            redis.publish("others", "nothing").await.unwrap();
            redis.publish("jobs", "default").await.unwrap();
            if let Ok(message) = received.try_recv() {
                return message;
            }
            tokio::task::yield_now().await;
        }
    };
    assert_eq!(tokio::time::timeout(PATIENCE, message).await.unwrap(), "default");
    server.kill();
    let end = tokio::time::timeout(PATIENCE, listening).await.unwrap().unwrap();
    assert!(end.unwrap_err().to_string().starts_with("Redis at 127.0.0.1:"));
}
