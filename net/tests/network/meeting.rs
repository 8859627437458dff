use driftline_core::identity::DeviceKey;
use driftline_net::{ListenError, Network, NetworkConfig, NetworkEvent, StartError, Transport};
use libp2p::multiaddr::Protocol;

use crate::device::{QUIC, TCP, TestDevice};

#[tokio::test(flavor = "multi_thread")]
async fn somebody_else_on_the_same_port_keeps_nobody_from_dialling() {
    // Dials went out from the port that the device listens on. Where anybody on the machine had the same one, on any
    // address, each of them failed for as long as that was so.
    let (mut alice, alices_address) = TestDevice::listening(1, TCP).await;
    let (mut bob, bobs_address) = TestDevice::listening(2, TCP).await;
    let port = bobs_address.iter().find_map(|part| match part {
        Protocol::Tcp(port) => Some(port),
        _ => None,
    });
    let _taken = std::net::TcpListener::bind(("127.0.0.2", port.unwrap())).unwrap();
    bob.dial(alice.id, &alices_address);
    assert_eq!(alice.up().await, bob.id);
    assert_eq!(bob.up().await, alice.id);
}

#[tokio::test(flavor = "multi_thread")]
async fn two_devices_talk_over_tcp() {
    talk_over(TCP, Transport::Tcp).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_devices_talk_over_quic() {
    talk_over(QUIC, Transport::Quic).await;
}

async fn talk_over(on: &str, expected: Transport) {
    let (mut alice, alices_address) = TestDevice::listening(1, on).await;
    let mut bob = TestDevice::new(2);
    bob.dial(alice.id, &alices_address);
    let NetworkEvent::PeerUp { peer, address, transport } = bob.event().await else {
        panic!("expected Alice")
    };
    assert_eq!((peer, transport), (alice.id, expected));
    // What was dialled may name the peer as well.
    assert!(address.to_string().starts_with(&alices_address.to_string()));
    assert_eq!(alice.up().await, bob.id);

    // Both send at the same time: many small frames, of which one is empty, and a big one among
    // them.
    let frames = |name: u8| {
        (0..2_000_u32).map(move |n| match n {
            0 => Vec::new(),
            1_000 => vec![name; 5_000_000],
            n => [&[name][..], &n.to_le_bytes()].concat(),
        })
    };
    for frame in frames(b'a') {
        alice.send(&bob, frame);
    }
    for frame in frames(b'b') {
        bob.send(&alice, frame);
    }
    for (n, (from_alice, from_bob)) in frames(b'a').zip(frames(b'b')).enumerate() {
        assert!(bob.frame().await == from_alice, "frame {n} of Alice");
        assert!(alice.frame().await == from_bob, "frame {n} of Bob");
    }

    let bytes: u64 = frames(b'a').map(|frame| frame.len() as u64 + 4).sum();
    assert_eq!(alice.network.traffic().received, bytes);
    assert_eq!(bob.network.session_traffic(&alice.id).unwrap().received, bytes);
}

#[tokio::test(flavor = "multi_thread")]
async fn three_in_a_line_know_their_neighbours_alone() {
    let (mut middle, address) = TestDevice::listening(2, TCP).await;
    let (mut left, mut right) = (TestDevice::new(1), TestDevice::new(3));
    left.dial(middle.id, &address);
    right.dial(middle.id, &address);
    assert_eq!(left.up().await, middle.id);
    assert_eq!(right.up().await, middle.id);
    let mut neighbours = [middle.up().await, middle.up().await];
    neighbours.sort();
    let mut expected = [left.id, right.id];
    expected.sort();
    assert_eq!(neighbours, expected);

    left.send(&middle, "pass it on");
    let heard = middle.frame().await;
    middle.send(&right, heard);
    assert_eq!(right.frame().await, "pass it on");
    assert!(left.network.send(right.id, "hello".into()).is_err());
    assert!(left.events_so_far().iter().all(|event| matches!(event, NetworkEvent::Sent { .. })));
}

#[tokio::test(flavor = "multi_thread")]
async fn devices_that_dial_each_other_have_one_session() {
    for round in 0..10 {
        let (mut alice, alices) = TestDevice::listening(1, TCP).await;
        let (mut bob, bobs) =
            TestDevice::listening(2, if round % 2 == 0 { TCP } else { QUIC }).await;
        alice.dial(bob.id, &bobs);
        bob.dial(alice.id, &alices);
        assert_eq!(alice.up().await, bob.id);
        assert_eq!(bob.up().await, alice.id);
        for n in 0..100_u8 {
            alice.send(&bob, vec![n]);
            assert_eq!(bob.frame().await, vec![n], "and no other event");
            bob.send(&alice, vec![n]);
            assert_eq!(alice.frame().await, vec![n], "and no other event");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_is_enough_to_find_whoever_is_there() {
    let (mut alice, address) = TestDevice::listening(1, TCP).await;
    let mut bob = TestDevice::new(2);
    bob.network.remember(None, vec![address]);
    assert_eq!(bob.up().await, alice.id);
    assert_eq!(alice.up().await, bob.id);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_that_names_its_device_leads_to_no_other() {
    let (mut alice, address) = TestDevice::listening(1, TCP).await;
    let mut bob = TestDevice::new(2);
    let carol = TestDevice::new(3);
    let carols_name = driftline_net::peer_id(&carol.id).unwrap();
    bob.network.remember(None, vec![address.clone().with(Protocol::P2p(carols_name))]);
    // Carol is not there. Once Bob looks for Alice, it is she whom he meets, and nobody before.
    bob.dial(alice.id, &address);
    assert_eq!(bob.up().await, alice.id);
    assert_eq!(alice.up().await, bob.id);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_device_does_not_meet_itself() {
    let (mut alice, address) = TestDevice::listening(1, TCP).await;
    alice.network.remember(None, vec![address.clone()]);
    alice.network.remember(Some(alice.id), vec![address.clone()]);
    let mut bob = TestDevice::new(2);
    bob.dial(alice.id, &address);
    assert_eq!(alice.up().await, bob.id);
    assert_eq!(bob.up().await, alice.id);
}

#[tokio::test(flavor = "multi_thread")]
async fn listening_tells_the_real_address_and_refuses_what_it_does_not_know() {
    let (alice, address) = TestDevice::listening(1, TCP).await;
    assert_eq!(alice.network.listen_addresses(), std::slice::from_ref(&address));
    assert!(!address.to_string().ends_with("/tcp/0"));
    let bob = TestDevice::new(2);
    let taken = bob.network.listen(address).await;
    assert!(matches!(taken, Err(ListenError::System { .. })), "{taken:?}");
    let (_carol, address) = TestDevice::listening(3, QUIC).await;
    let taken = bob.network.listen(address).await;
    assert!(matches!(taken, Err(ListenError::System { .. })), "{taken:?}");
    let unknown = bob.network.listen("/memory/1".parse().unwrap()).await;
    assert!(matches!(unknown, Err(ListenError::Unsupported { .. })), "{unknown:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn discovery_does_not_keep_a_device_from_starting_where_there_is_no_multicast() {
    let key = DeviceKey::from_seed(&[9; 32]);
    let config = NetworkConfig { mdns: true, ..NetworkConfig::new(key) };
    let network = Network::start(config, |_| {}).unwrap();
    network.listen(TCP.parse().unwrap()).await.unwrap();
}

#[test]
fn a_network_needs_a_runtime() {
    let config = NetworkConfig::new(DeviceKey::from_seed(&[1; 32]));
    assert!(matches!(Network::start(config, |_| {}), Err(StartError::NoRuntime { .. })));
}
