//! A device as the tests see it: its network, and what that has told.

use std::time::Duration;

use bytes::Bytes;
use driftline_core::id::DeviceId;
use driftline_core::identity::DeviceKey;
use driftline_net::{InboundFrame, Limits, Multiaddr, Network, NetworkConfig, NetworkEvent};
use tokio::sync::mpsc;
use tokio::time::timeout;

pub(crate) const TCP: &str = "/ip4/127.0.0.1/tcp/0";
pub(crate) const QUIC: &str = "/ip4/127.0.0.1/udp/0/quic-v1";

/// A test that waits longer for what must come is stuck.
const STUCK: Duration = Duration::from_secs(30);

pub(crate) struct TestDevice {
    pub(crate) id: DeviceId,
    pub(crate) network: Network,
    events: mpsc::UnboundedReceiver<NetworkEvent>,
}

impl TestDevice {
    pub(crate) fn new(seed: u8) -> Self {
        Self::limited(seed, Limits::default())
    }

    pub(crate) fn limited(seed: u8, limits: Limits) -> Self {
        let key = DeviceKey::from_seed(&[seed; 32]);
        let id = key.id();
        let (sender, events) = mpsc::unbounded_channel();
        let config = NetworkConfig { limits, ..NetworkConfig::new(key) };
        let network = Network::start(config, move |event| drop(sender.send(event))).unwrap();
        Self { id, network, events }
    }

    pub(crate) async fn listening(seed: u8, on: &str) -> (Self, Multiaddr) {
        let device = Self::new(seed);
        let address = device.listen(on).await;
        (device, address)
    }

    pub(crate) async fn listen(&self, on: &str) -> Multiaddr {
        self.network.listen(on.parse().unwrap()).await.unwrap()
    }

    pub(crate) fn dial(&self, peer: DeviceId, address: &Multiaddr) {
        self.network.remember(Some(peer), vec![address.clone()]);
    }

    pub(crate) fn send(&self, to: &TestDevice, frame: impl Into<Bytes>) {
        self.network.send(to.id, frame.into()).unwrap();
    }

    /// The next event, other than those about sockets.
    pub(crate) async fn event(&mut self) -> NetworkEvent {
        loop {
            match timeout(STUCK, self.events.recv()).await.expect("an event").unwrap() {
                NetworkEvent::Listening { .. } | NetworkEvent::Sent { .. } => {}
                event => return event,
            }
        }
    }

    pub(crate) async fn up(&mut self) -> DeviceId {
        match self.event().await {
            NetworkEvent::PeerUp { peer, .. } => peer,
            other => panic!("expected a peer, got {other:?}"),
        }
    }

    pub(crate) async fn down(&mut self) -> DeviceId {
        match self.event().await {
            NetworkEvent::PeerDown { peer } => peer,
            other => panic!("expected the end of a session, got {other:?}"),
        }
    }

    pub(crate) async fn held_frame(&mut self) -> InboundFrame {
        match self.event().await {
            NetworkEvent::Frame { frame, .. } => frame,
            other => panic!("expected a frame, got {other:?}"),
        }
    }

    pub(crate) async fn frame(&mut self) -> Bytes {
        self.held_frame().await.bytes
    }

    /// Waits until so many bytes of frames were written to peers.
    pub(crate) async fn sent(&mut self, mut bytes: usize) {
        while bytes > 0 {
            match timeout(STUCK, self.events.recv()).await.expect("an event").unwrap() {
                NetworkEvent::Sent { bytes: more, .. } => bytes -= more,
                NetworkEvent::Listening { .. } => {}
                other => panic!("expected frames to be sent, got {other:?}"),
            }
        }
    }

    /// What has happened so far, without waiting.
    pub(crate) fn events_so_far(&mut self) -> Vec<NetworkEvent> {
        std::iter::from_fn(|| self.events.try_recv().ok()).collect()
    }
}

/// Two devices with a session.
pub(crate) async fn pair(on: &str) -> (TestDevice, TestDevice) {
    pair_with(TestDevice::new(1), TestDevice::new(2), on).await
}

pub(crate) async fn pair_with(
    mut alice: TestDevice,
    mut bob: TestDevice,
    on: &str,
) -> (TestDevice, TestDevice) {
    let address = alice.listen(on).await;
    bob.dial(alice.id, &address);
    assert_eq!(alice.up().await, bob.id);
    assert_eq!(bob.up().await, alice.id);
    (alice, bob)
}
