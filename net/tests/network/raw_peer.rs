//! A peer that speaks the protocol down to the bytes, and, once it is in, keeps to no rule.

use std::time::Duration;

use driftline_core::id::DeviceId;
use driftline_net::{Multiaddr, PROTOCOL, device_id, peer_id};
use futures::{AsyncWriteExt, StreamExt};
use libp2p::identity::Keypair;
use libp2p::swarm::SwarmEvent;
use libp2p::{PeerId, Stream, SwarmBuilder, noise, tcp, yamux};
use libp2p_stream::{Behaviour, Control};
use tokio::sync::oneshot;
use tokio::time::timeout;

pub(crate) struct RawPeer {
    pub(crate) id: DeviceId,
    target: PeerId,
    control: Control,
    stream: Stream,
    disconnected: oneshot::Receiver<()>,
}

impl RawPeer {
    pub(crate) async fn connect(seed: u8, target: DeviceId, address: &Multiaddr) -> Self {
        let key = Keypair::ed25519_from_bytes([seed; 32]).unwrap();
        let id = device_id(&key.public().to_peer_id()).unwrap();
        let mut swarm = SwarmBuilder::with_existing_identity(key)
            .with_tokio()
            .with_tcp(tcp::Config::new().nodelay(true), noise::Config::new, yamux::Config::default)
            .unwrap()
            .with_behaviour(|_| Behaviour::new())
            .unwrap()
            .build();
        let mut control = swarm.behaviour().new_control();
        let mut incoming = control.accept(PROTOCOL).unwrap();
        let target_id = target;
        let target = peer_id(&target_id).unwrap();
        swarm.dial(address.clone()).unwrap();
        while !swarm.is_connected(&target) {
            swarm.select_next_some().await;
        }
        let (gone, disconnected) = oneshot::channel();
        tokio::spawn(async move {
            let closed = |event| matches!(event, SwarmEvent::ConnectionClosed { .. });
            while !closed(swarm.select_next_some().await) {}
            let _ = gone.send(());
        });
        // To get in, it does keep to one: the device with the smaller id opens the stream.
        let stream = if id < target_id {
            control.open_stream(target, PROTOCOL).await.unwrap()
        } else {
            incoming.next().await.unwrap().1
        };
        Self { id, target, control, stream, disconnected }
    }

    pub(crate) async fn write(&mut self, bytes: &[u8]) {
        self.stream.write_all(bytes).await.unwrap();
        self.stream.flush().await.unwrap();
    }

    pub(crate) async fn open_another_stream(&mut self) {
        self.stream = self.control.open_stream(self.target, PROTOCOL).await.unwrap();
    }

    pub(crate) async fn wait_for_disconnection(self) {
        timeout(Duration::from_secs(30), self.disconnected).await.unwrap().unwrap();
    }
}
