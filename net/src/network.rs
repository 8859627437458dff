//! The handle by which an application uses the network.

use std::sync::{Arc, PoisonError, RwLock};

use bytes::Bytes;
use driftline_core::id::DeviceId;
use libp2p::Multiaddr;
use tokio::sync::{mpsc, oneshot};

use crate::config::NetworkConfig;
use crate::error::{ListenError, SendError, StartError};
use crate::event::NetworkEvent;
use crate::outbox::Outboxes;
use crate::session::SessionContext;
use crate::swarm::{Command, Driver};
use crate::traffic::{Traffic, TrafficCounter};

/// A device's place on the network. Clones are handles to the same one; when the last is dropped,
/// the network shuts down as with [`shutdown`](Self::shutdown), unawaited.
#[derive(Clone)]
pub struct Network {
    // Unbounded, as only the application on this device fills it, and the driver never waits for a
    // peer.
    commands: mpsc::UnboundedSender<Command>,
    outboxes: Arc<Outboxes>,
    total: Arc<TrafficCounter>,
    listening: Arc<RwLock<Vec<Multiaddr>>>,
}

impl Network {
    /// Starts the network on the tokio runtime of the calling thread. Nothing is listened on and
    /// nobody is dialled yet.
    ///
    /// `on_event` is called from the network's tasks, for different peers at the same time. It must
    /// not block: hand over what takes long, and hold its [`InboundFrame`](crate::InboundFrame)
    /// until then.
    ///
    /// # Errors
    /// [`StartError`] outside of a tokio runtime, or if the system lacks what the transports need.
    /// That multicast is not available is no error: it is logged, and peers are then found by
    /// [`remember`](Self::remember) alone.
    pub fn start(
        config: NetworkConfig,
        on_event: impl Fn(NetworkEvent) + Send + Sync + 'static,
    ) -> Result<Self, StartError> {
        let runtime = tokio::runtime::Handle::try_current()
            .map_err(|source| StartError::NoRuntime { source })?;
        let context = Arc::new(SessionContext {
            on_event: Arc::new(on_event),
            outboxes: Arc::new(Outboxes::new(config.limits)),
            total: Arc::default(),
            limits: config.limits,
        });
        let (sender, commands) = mpsc::unbounded_channel();
        let network = Self {
            commands: sender,
            outboxes: context.outboxes.clone(),
            total: context.total.clone(),
            listening: Arc::default(),
        };
        let driver = Driver::new(&config, context, commands, network.listening.clone())?;
        runtime.spawn(driver.run());
        Ok(network)
    }

    /// Listens on an address such as `/ip4/127.0.0.1/tcp/0` or `/ip4/127.0.0.1/udp/0/quic-v1`.
    /// Resolves to the first real address, with its port; where there are several interfaces,
    /// [`NetworkEvent::Listening`] tells them all.
    ///
    /// # Errors
    /// [`ListenError`] if no transport knows the address or the system refuses it.
    pub async fn listen(&self, address: Multiaddr) -> Result<Multiaddr, ListenError> {
        let (reply, answer) = oneshot::channel();
        self.command(Command::Listen { address, reply });
        answer.await.unwrap_or(Err(ListenError::Shutdown))
    }

    /// Keeps trying to have a session with `peer`: dials it until connected, with growing pauses
    /// from 200 ms to 30 s, and again whenever the connection is lost. New addresses add to those
    /// known, of which the last eight are kept.
    ///
    /// Without `peer`, whoever answers at an address is taken, unless the address itself names it
    /// (`…/p2p/…`).
    pub fn remember(&self, peer: Option<DeviceId>, addresses: Vec<Multiaddr>) {
        self.command(Command::Remember { peer, addresses });
    }

    /// Sends a frame to a peer: after all that were sent before, without ever blocking. A session
    /// that ends takes the frames with it that were not written yet.
    ///
    /// # Errors
    /// [`SendError`] if the frame will not be sent. If too much waits already, the session is
    /// closed as well, since the peer would miss a frame.
    pub fn send(&self, peer: DeviceId, frame: Bytes) -> Result<(), SendError> {
        self.outboxes.send(peer, frame)
    }

    /// Hears no more of a peer, closes all connections with it once it has read what was sent to it, or after a second,
    /// and takes none back for 10 s.
    pub fn disconnect(&self, peer: DeviceId) {
        self.command(Command::Disconnect { peer });
    }

    /// The addresses at which this device listens now.
    pub fn listen_addresses(&self) -> Vec<Multiaddr> {
        self.listening.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// What went over all sessions since the start.
    pub fn traffic(&self) -> Traffic {
        self.total.read()
    }

    /// How many bytes wait in memory to be written, to all peers together.
    pub fn waiting_bytes(&self) -> usize {
        self.outboxes.waiting()
    }

    /// What went over the present session with a peer, if there is one.
    pub fn session_traffic(&self, peer: &DeviceId) -> Option<Traffic> {
        self.outboxes.traffic(peer)
    }

    /// Writes what waits, for a second at most, closes sessions and connections in good order, and
    /// stops. After it there are no more events.
    pub async fn shutdown(&self) {
        let (done, stopped) = oneshot::channel();
        self.command(Command::Shutdown { done });
        // An error means that it was stopped before.
        let _ = stopped.await;
    }

    fn command(&self, command: Command) {
        if self.commands.send(command).is_err() {
            tracing::debug!("the network is shut down already");
        }
    }
}
