use std::time::Duration;

use driftline_net::{Limits, NetworkEvent, SendError};
use tokio::time::sleep;

use crate::device::{QUIC, TCP, TestDevice, pair_with};
use crate::raw_peer::RawPeer;

const SMALL: Limits = Limits {
    max_connections: 16,
    max_connections_per_address: 16,
    max_handshakes: 16,
    max_frame_bytes: 1 << 20,
    max_inbound_bytes: 1 << 20,
    max_outbound_bytes: 64 << 20,
};

#[tokio::test(flavor = "multi_thread")]
async fn a_frame_that_is_announced_as_too_long_costs_the_connection() {
    let mut alice = TestDevice::limited(1, SMALL);
    let address = alice.listen(TCP).await;
    let mut mallory = RawPeer::connect(66, alice.id, &address).await;
    assert_eq!(alice.up().await, mallory.id);

    mallory.write(&5_u32.to_le_bytes()).await;
    mallory.write(b"hello").await;
    assert_eq!(alice.frame().await, "hello");

    mallory.write(&(SMALL.max_frame_bytes + 1).to_le_bytes()).await;
    assert_eq!(alice.down().await, mallory.id);
    mallory.wait_for_disconnection().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_peer_that_reconnects_at_will_has_one_session_at_a_time() {
    let mut alice = TestDevice::limited(1, SMALL);
    let address = alice.listen(TCP).await;
    let mut mallory = RawPeer::connect(66, alice.id, &address).await;
    assert_eq!(alice.up().await, mallory.id);
    for _ in 0..20 {
        mallory.open_another_stream().await;
        assert_eq!(alice.down().await, mallory.id);
        assert_eq!(alice.up().await, mallory.id);
    }
    mallory.write(&[2, 0, 0, 0, b'h', b'i']).await;
    assert_eq!(alice.frame().await, "hi");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_receiver_that_holds_frames_stops_a_sender_over_tcp() {
    slow_receiver(TCP).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_receiver_that_holds_frames_stops_a_sender_over_quic() {
    slow_receiver(QUIC).await;
}

async fn slow_receiver(on: &str) {
    const FRAME: usize = 10_000;
    const COUNT: usize = 3_000;
    let (mut alice, bob) = pair_with(TestDevice::limited(1, SMALL), TestDevice::new(2), on).await;
    for n in 0..COUNT {
        bob.send(&alice, vec![n as u8; FRAME]);
    }
    // Alice takes frames and lets go of none until no more come.
    let budget = SMALL.max_inbound_bytes as usize;
    let mut held = Vec::new();
    while held.len() * FRAME < budget / 2 {
        held.push(alice.held_frame().await);
    }
    let mut quiet = 0;
    while quiet < 5 {
        let events = alice.events_so_far();
        quiet = if events.is_empty() { quiet + 1 } else { 0 };
        held.extend(events.into_iter().filter_map(|event| match event {
            NetworkEvent::Frame { frame, .. } => Some(frame),
            _ => None,
        }));
        sleep(Duration::from_millis(100)).await;
    }
    assert!(held.len() * FRAME <= budget);
    let arrived = bob.network.session_traffic(&alice.id).unwrap().sent as usize;
    assert!(arrived < COUNT * FRAME, "the rest waits where it comes from");

    let mut handled = held.len();
    drop(held);
    while handled < COUNT {
        assert_eq!(alice.frame().await, vec![handled as u8; FRAME]);
        handled += 1;
    }
    bob.send(&alice, "done");
    assert_eq!(alice.frame().await, "done");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_frame_may_be_larger_than_what_may_be_held() {
    let limits = Limits { max_inbound_bytes: 1_000, ..SMALL };
    let (mut alice, bob) = pair_with(TestDevice::limited(1, limits), TestDevice::new(2), TCP).await;
    bob.send(&alice, vec![1; 500_000]);
    bob.send(&alice, vec![2; 500_000]);
    assert_eq!(alice.frame().await, vec![1; 500_000]);
    assert_eq!(alice.frame().await, vec![2; 500_000]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_peer_for_which_too_much_waits_loses_its_session_and_gets_another() {
    let limits = Limits { max_outbound_bytes: 8 << 20, ..SMALL };
    let (mut alice, mut bob) =
        pair_with(TestDevice::limited(1, limits), TestDevice::limited(2, SMALL), TCP).await;
    let mut accepted = 0;
    let refused = loop {
        match alice.network.send(bob.id, vec![accepted as u8; 100_000].into()) {
            Ok(()) => accepted += 1,
            Err(refused) => break refused,
        }
    };
    assert!(
        matches!(refused, SendError::Congested { .. } | SendError::NoSession { .. }),
        "{refused}"
    );
    // Bob got the beginning, in order, and heard of the end.
    let mut heard = 0;
    loop {
        match bob.event().await {
            NetworkEvent::Frame { frame, .. } => {
                assert_eq!(frame.bytes, vec![heard as u8; 100_000]);
                heard += 1;
            }
            NetworkEvent::PeerDown { .. } => break,
            other => panic!("{other:?}"),
        }
    }
    assert!(heard < accepted);
    // Both dial again, so that the next session may give way to another once more. On the one that stays, he is heard.
    let alices = alice.id;
    let asks = async {
        loop {
            _ = bob.network.send(alices, "once more, please".into());
            sleep(Duration::from_millis(50)).await;
        }
    };
    let hears = async {
        loop {
            if let NetworkEvent::Frame { frame, .. } = alice.event().await {
                break frame.bytes;
            }
        }
    };
    let heard = tokio::select! {
        () = asks => unreachable!("he asks for as long as she listens"),
        heard = hears => heard,
    };
    assert_eq!(heard, "once more, please");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_frame_that_no_peer_would_take_is_not_sent() {
    let (mut alice, bob) = pair_with(TestDevice::limited(1, SMALL), TestDevice::new(2), TCP).await;
    let limit = SMALL.max_frame_bytes;
    let bytes = limit as usize + 1;
    assert_eq!(
        alice.network.send(bob.id, vec![0; bytes].into()),
        Err(SendError::TooLong { bytes, limit })
    );
    bob.send(&alice, "still there");
    assert_eq!(alice.frame().await, "still there");
}

#[tokio::test(flavor = "multi_thread")]
async fn strangers_beyond_the_limit_stay_outside() {
    // Three quarters of four places are for those who come by themselves.
    let mut alice = TestDevice::limited(1, Limits { max_connections: 4, ..SMALL });
    let address = alice.listen(TCP).await;
    let mut inside = Vec::new();
    for seed in 10..13 {
        let mut guest = TestDevice::new(seed);
        guest.dial(alice.id, &address);
        guest.up().await;
        alice.up().await;
        inside.push(guest);
    }
    let late = TestDevice::new(13);
    late.dial(alice.id, &address);
    // There is a place for whom Alice herself dials, and one for the next as soon as a guest
    // leaves.
    let (mut friend, friends_address) = TestDevice::listening(14, TCP).await;
    alice.dial(friend.id, &friends_address);
    assert_eq!(alice.up().await, friend.id);
    assert_eq!(friend.up().await, alice.id);
    let leaving = inside.pop().unwrap();
    leaving.network.shutdown().await;
    assert_eq!(alice.down().await, leaving.id);
    assert_eq!(alice.up().await, late.id);
}
