use driftline_net::{NetworkEvent, SendError};

use crate::device::{QUIC, TCP, pair};

#[tokio::test(flavor = "multi_thread")]
async fn a_shutdown_over_tcp_delivers_what_was_queued() {
    shutdown_delivers(TCP).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_shutdown_over_quic_delivers_what_was_queued() {
    shutdown_delivers(QUIC).await;
}

async fn shutdown_delivers(on: &str) {
    let (mut alice, mut bob) = pair(on).await;
    for n in 0..200_u8 {
        alice.send(&bob, vec![n; 10_000]);
    }
    alice.network.shutdown().await;
    for n in 0..200_u8 {
        assert_eq!(bob.frame().await, vec![n; 10_000]);
    }
    assert_eq!(bob.down().await, alice.id);
    assert_eq!(alice.down().await, bob.id);

    assert_eq!(
        alice.network.send(bob.id, "late".into()),
        Err(SendError::NoSession { peer: bob.id })
    );
    assert!(alice.network.listen_addresses().is_empty());
    assert!(alice.network.listen(on.parse().unwrap()).await.is_err());
    alice.network.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_disconnected_peer_is_gone_until_its_ban_is_over() {
    let (mut alice, mut bob) = pair(TCP).await;
    alice.network.disconnect(bob.id);
    assert_eq!(alice.down().await, bob.id);
    assert_eq!(bob.down().await, alice.id);
    // Bob keeps dialling and, when the ban is over, is taken back. Nothing comes through in
    // between.
    assert_eq!(alice.up().await, bob.id);
    assert_eq!(bob.up().await, alice.id);
    bob.send(&alice, "sorry");
    assert_eq!(alice.frame().await, "sorry");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_reported_as_sent_is_what_was_given() {
    let (mut alice, bob) = pair(TCP).await;
    for n in 0..1_000 {
        alice.send(&bob, vec![0; n]);
    }
    alice.sent((0..1_000).sum()).await;
    let sent = alice.network.session_traffic(&bob.id).unwrap().sent;
    assert_eq!(sent, (0..1_000).map(|n| n + 4).sum::<u64>());
    assert!(!alice.events_so_far().iter().any(|event| matches!(event, NetworkEvent::Sent { .. })));
}
