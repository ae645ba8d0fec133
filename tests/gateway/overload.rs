//! More than there is room or time for: new calls are refused at once, with a hint, and fairly;
//! those that are live go on.

use std::time::Duration;

use super::*;

/// P10 is a thread that stands still; the standing still is the injection.
fn stand_still(time: Duration) {
    std::thread::sleep(time);
}

#[tokio::test]
async fn p10_a_loop_that_is_late_takes_no_new_calls_and_serves_the_live_ones() {
    let settings = Settings {
        max_lag: Some(Duration::from_millis(300)),
        ..Settings::default()
    };
    let replica = replica(&BackEnds::default(), 7, settings).await;
    let channel = connect(&replica).await;
    let mut live = Call::offer(&channel, "live").await;
    let (_, listen) = live.question().await;

    stand_still(Duration::from_millis(800));
    let mut refused = Call::offer(&channel, "new").await;
    let status = refused.status().await;
    assert_eq!(
        reason(&status),
        (Code::ResourceExhausted, "OVERLOADED".to_owned())
    );
    assert!(status.get_error_details().retry_info().is_some());
    live.say(listen, "нет интернета").await;
    assert_eq!(live.question().await.0, "confirm_home");

    let again = async {
        loop {
            let mut call = Call::offer(&channel, "new").await;
            if call.turn().await.is_ok() {
                return;
            }
        }
    };
    tokio::time::timeout(Duration::from_secs(30), again)
        .await
        .expect("it takes calls again");
}

/// The registry by itself: who is taken when there is room for twenty calls.
#[tokio::test]
async fn g19_a_gateway_that_takes_all_the_room_leaves_the_others_their_share() {
    let authority = authority::Authority::new("ours");
    let settings = Settings {
        max_calls: 20,
        ..certificates::settings_of(&authority)
    };
    let replica = replica(&BackEnds::default(), 7, settings).await;
    let channel = async |name: &str| {
        let own = authority.gateway(name);
        let channel = certificates::dial(&replica, &authority, Some(&own)).await;
        channel.expect("it dials")
    };
    let (greedy, modest) = (channel("greedy").await, channel("modest").await);
    let mut live = Vec::new();
    let mut offer = async |channel: &Channel, calls: usize| {
        let mut taken = 0;
        for _ in 0..calls {
            let id = format!("c-{}", live.len());
            let mut call = Call::offer(channel, &id).await;
            match call.turn().await {
                Ok(_) => {
                    taken += 1;
                    live.push(call);
                }
                Err(status) => assert_eq!(reason(&status).1, "TOO_MANY_CALLS"),
            }
        }
        taken
    };
    assert_eq!(offer(&modest, 1).await, 1);
    assert_eq!(
        offer(&greedy, 40).await,
        17,
        "up to nine tenths of the room"
    );
    assert_eq!(
        offer(&modest, 10).await,
        2,
        "what is left is for those below their share"
    );
    assert_eq!(offer(&greedy, 1).await, 0);
}
