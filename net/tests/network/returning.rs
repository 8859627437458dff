use crate::device::{QUIC, TCP, TestDevice, pair};
use crate::raw_peer::RawPeer;

#[tokio::test(flavor = "multi_thread")]
async fn a_device_that_restarts_elsewhere_is_found_by_its_new_address() {
    let (alice, mut bob) = pair(TCP).await;
    let id = alice.id;
    drop(alice);
    assert_eq!(bob.down().await, id);

    let (mut alice, address) = TestDevice::listening(1, QUIC).await;
    bob.dial(id, &address);
    assert_eq!(bob.up().await, id);
    assert_eq!(alice.up().await, bob.id);
    bob.send(&alice, "welcome back");
    assert_eq!(alice.frame().await, "welcome back");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_device_that_restarts_elsewhere_comes_back_by_itself() {
    let (mut alice, alices_address) = TestDevice::listening(1, TCP).await;
    let bob = TestDevice::new(2);
    bob.dial(alice.id, &alices_address);
    assert_eq!(alice.up().await, bob.id);
    drop(bob);
    alice.down().await;

    let mut bob = TestDevice::new(2);
    bob.dial(alice.id, &alices_address);
    assert_eq!(bob.up().await, alice.id);
    assert_eq!(alice.up().await, bob.id);
    alice.send(&bob, "welcome back");
    assert_eq!(bob.frame().await, "welcome back");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_device_that_restarts_at_its_address_is_dialled_until_it_is_there() {
    let (mut alice, address) = TestDevice::listening(1, TCP).await;
    let mut bob = TestDevice::new(2);
    bob.dial(alice.id, &address);
    bob.up().await;
    alice.up().await;
    for _ in 0..3 {
        alice.network.shutdown().await;
        assert_eq!(bob.down().await, alice.id);
        alice = TestDevice::new(1);
        alice.listen(&address.to_string()).await;
        assert_eq!(bob.up().await, alice.id);
        assert_eq!(alice.up().await, bob.id);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_device_may_look_for_one_that_is_not_there_yet() {
    let (alice, address) = TestDevice::listening(1, TCP).await;
    alice.network.shutdown().await;
    let mut bob = TestDevice::new(2);
    bob.network.remember(None, vec![address.clone()]);
    let mut alice = TestDevice::new(1);
    alice.listen(&address.to_string()).await;
    assert_eq!(bob.up().await, alice.id);
    assert_eq!(alice.up().await, bob.id);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_device_that_slept_is_taken_back_before_its_old_connection_is_known_to_be_dead() {
    // Whoever of the two opens streams by rule.
    for (alice, bob) in [(1, 2), (2, 1)] {
        let (mut alice, address) = TestDevice::listening(alice, TCP).await;
        // Bob falls asleep: his connection stays, and nothing comes over it any more.
        let asleep = RawPeer::connect(bob, alice.id, &address).await;
        assert_eq!(alice.up().await, asleep.id);

        let mut awake = TestDevice::new(bob);
        awake.dial(alice.id, &address);
        assert_eq!(awake.up().await, alice.id);
        assert_eq!(alice.down().await, asleep.id);
        assert_eq!(alice.up().await, awake.id);
        alice.send(&awake, "good morning");
        assert_eq!(awake.frame().await, "good morning");
        drop(asleep);
    }
}
