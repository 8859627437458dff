//! The task that owns the libp2p swarm: it listens, dials, and begins sessions. Frames do not pass
//! through here.

mod addresses;
mod build;
mod connections;
mod listening;
mod peer;

use std::collections::HashMap;
use std::ops::ControlFlow;
use std::sync::{Arc, RwLock};
use std::time::Duration;

use driftline_core::id::DeviceId;
use futures::StreamExt;
use libp2p::core::transport::ListenerId;
use libp2p::multiaddr::Protocol;
use libp2p::swarm::dial_opts::{DialOpts, PeerCondition};
use libp2p::swarm::{ConnectionId, DialError, SwarmEvent};
use libp2p::{Multiaddr, Swarm, mdns, ping};
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until, timeout};

use crate::config::NetworkConfig;
use crate::dialing::{Dial, Dialer, Source, Target};
use crate::error::{ListenError, StartError};
use crate::peer_id::{device_id, peer_id};
use crate::session::SessionContext;
use build::{Behaviour, BehaviourEvent};
use listening::Listener;
use peer::{Peer, SessionReport};

/// How long a shutdown waits for peers to read what was sent.
const FAREWELL: Duration = Duration::from_secs(1);

/// How long it then waits for sessions and connections to close.
const CLOSING: Duration = Duration::from_millis(250);

/// What the handle asks for.
pub(crate) enum Command {
    Listen { address: Multiaddr, reply: oneshot::Sender<Result<Multiaddr, ListenError>> },
    Remember { peer: Option<DeviceId>, addresses: Vec<Multiaddr> },
    Disconnect { peer: DeviceId },
    Shutdown { done: oneshot::Sender<()> },
}

pub(crate) struct Driver {
    swarm: Swarm<Behaviour>,
    commands: mpsc::UnboundedReceiver<Command>,
    context: Arc<SessionContext>,
    local: DeviceId,
    dialer: Dialer,
    dialing: HashMap<ConnectionId, Target>,
    peers: HashMap<DeviceId, Peer>,
    sessions: JoinSet<SessionReport>,
    sessions_begun: u64,
    bans: HashMap<DeviceId, Instant>,
    listeners: HashMap<ListenerId, Listener>,
    listening: Arc<RwLock<Vec<Multiaddr>>>,
}

impl Driver {
    pub(crate) fn new(
        config: &NetworkConfig,
        context: Arc<SessionContext>,
        commands: mpsc::UnboundedReceiver<Command>,
        listening: Arc<RwLock<Vec<Multiaddr>>>,
    ) -> Result<Self, StartError> {
        Ok(Self {
            swarm: build::swarm(config)?,
            commands,
            context,
            local: config.key.id(),
            dialer: Dialer::default(),
            dialing: HashMap::new(),
            peers: HashMap::new(),
            sessions: JoinSet::new(),
            sessions_begun: 0,
            bans: HashMap::new(),
            listeners: HashMap::new(),
            listening,
        })
    }

    #[tracing::instrument(name = "network", skip_all, fields(device = %self.local.short()))]
    pub(crate) async fn run(mut self) {
        let done = loop {
            self.do_what_is_due(Instant::now());
            let wake = self.next_due();
            tokio::select! {
                command = self.commands.recv() => {
                    if let ControlFlow::Break(done) = self.on_command(command) {
                        break done;
                    }
                }
                event = self.swarm.select_next_some() => self.on_swarm_event(event),
                Some(report) = self.sessions.join_next() => match report {
                    Ok(report) => self.session_ended(report),
                    Err(error) => tracing::error!(%error, "a session failed"),
                },
                () = sleep_until(wake) => {}
            }
        };
        self.finish().await;
        if let Some(done) = done {
            // Nobody waits any more: then nobody needs to know.
            let _ = done.send(());
        }
    }

    /// Does what the handle asks for. Breaks with whom to tell when it asks to stop, or when the
    /// last handle is gone.
    fn on_command(&mut self, command: Option<Command>) -> ControlFlow<Option<oneshot::Sender<()>>> {
        match command {
            None => return ControlFlow::Break(None),
            Some(Command::Shutdown { done }) => return ControlFlow::Break(Some(done)),
            Some(Command::Listen { address, reply }) => self.listen(address, reply),
            Some(Command::Disconnect { peer }) => self.ban(peer, Instant::now()),
            Some(Command::Remember { peer, addresses }) => {
                for address in addresses {
                    self.remember(peer, address, Source::Application);
                }
            }
        }
        ControlFlow::Continue(())
    }

    fn on_swarm_event(&mut self, event: SwarmEvent<BehaviourEvent>) {
        let now = Instant::now();
        match event {
            SwarmEvent::Behaviour(event) => self.on_behaviour_event(event, now),
            SwarmEvent::ConnectionEstablished { peer_id, connection_id, endpoint, .. } => {
                self.connection_established(peer_id, connection_id, &endpoint, now);
            }
            SwarmEvent::ConnectionClosed { peer_id, connection_id, cause, .. } => {
                tracing::debug!(%peer_id, ?cause, "connection closed");
                self.connection_closed(&peer_id, connection_id, now);
            }
            SwarmEvent::OutgoingConnectionError { connection_id, error, .. } => {
                self.dial_failed(connection_id, &error, now);
            }
            SwarmEvent::IncomingConnectionError { send_back_addr, error, .. } => {
                tracing::debug!(address = %send_back_addr, %error, "connection refused");
            }
            SwarmEvent::NewListenAddr { listener_id, address } => {
                self.listening_on(listener_id, address);
            }
            SwarmEvent::ExpiredListenAddr { address, .. } => self.not_listening_on(&[address]),
            SwarmEvent::ListenerError { error, .. } => tracing::warn!(%error, "listening failed"),
            SwarmEvent::ListenerClosed { listener_id, addresses, reason } => {
                self.listener_closed(listener_id, &addresses, reason);
            }
            _ => {}
        }
    }

    fn on_behaviour_event(&mut self, event: BehaviourEvent, now: Instant) {
        match event {
            BehaviourEvent::Streams(event) => self.on_stream_event(event, now),
            BehaviourEvent::Ping(ping::Event { connection, result: Err(error), .. }) => {
                // A peer that answers no ping may still be well if it does not speak the protocol.
                if !matches!(error, ping::Failure::Unsupported) {
                    tracing::info!(%error, "connection is dead");
                    self.swarm.close_connection(connection);
                }
            }
            BehaviourEvent::Mdns(mdns::Event::Discovered(found)) => {
                for (peer, address) in found {
                    let Ok(device) = device_id(&peer) else { continue };
                    self.remember(Some(device), address, Source::Discovery);
                }
            }
            BehaviourEvent::Mdns(mdns::Event::Expired(gone)) => {
                for (peer, address) in gone {
                    let Ok(device) = device_id(&peer) else { continue };
                    self.dialer.expire(device, &split_peer(address).0);
                }
            }
            BehaviourEvent::Ping(_) => {}
        }
    }

    fn remember(&mut self, peer: Option<DeviceId>, address: Multiaddr, source: Source) {
        let (address, named) = split_peer(address);
        if let (Some(peer), Some(named)) = (peer, named)
            && peer != named
        {
            tracing::warn!(%address, ?peer, ?named, "an address of another device: ignored");
            return;
        }
        let peer = peer.or(named);
        if peer == Some(self.local) {
            return;
        }
        let target = peer.map_or_else(|| Target::Address(address.clone()), Target::Device);
        let now = Instant::now();
        self.dialer.remember(target, address, source, now);
        if let Some(peer) = peer
            && self.peers.get(&peer).is_some_and(Peer::is_connected)
        {
            self.dialer.connected(peer, None, now);
        }
    }

    fn do_what_is_due(&mut self, now: Instant) {
        self.bans.retain(|_, until| *until > now);
        self.peers.retain(|_, peer| peer.is_needed());
        self.open_streams_due(now);
        for dial in self.dialer.take_due(now) {
            self.dial(dial, now);
        }
    }

    fn next_due(&self) -> Instant {
        let openings = self.peers.values().filter_map(|peer| peer.open_at);
        let idle = Instant::now() + Duration::from_secs(3600);
        openings.chain(self.dialer.next_due()).min().unwrap_or(idle)
    }

    /// Dials from a port of its own, as that of a listener may be taken by somebody else on another address of this
    /// machine, and then no dial would come through.
    fn dial(&mut self, dial: Dial, now: Instant) {
        let options = match &dial.target {
            Target::Address(address) => {
                DialOpts::unknown_peer_id().address(address.clone()).allocate_new_port().build()
            }
            Target::Device(device) => {
                let Ok(peer) = peer_id(device) else {
                    tracing::warn!(?device, "there is no such device");
                    return self.dialer.forget(&dial.target);
                };
                DialOpts::peer_id(peer)
                    .condition(PeerCondition::DisconnectedAndNotDialing)
                    .addresses(dial.addresses)
                    .allocate_new_port()
                    .build()
            }
        };
        let connection = options.connection_id();
        tracing::debug!(target = ?dial.target, "dialling");
        self.dialing.insert(connection, dial.target);
        if let Err(error) = self.swarm.dial(options) {
            self.dial_failed(connection, &error, now);
        }
    }

    fn dial_failed(&mut self, connection: ConnectionId, error: &DialError, now: Instant) {
        let Some(target) = self.dialing.remove(&connection) else { return };
        if let DialError::LocalPeerId { .. } = error {
            tracing::debug!(?target, "this is the device itself");
            return self.dialer.forget(&target);
        }
        tracing::debug!(?target, %error, "dial failed");
        self.dialer.failed(&target, now, rand::random());
    }

    async fn finish(mut self) {
        self.context.outboxes.close_all();
        let _ = timeout(FAREWELL, self.until_sessions_end()).await;
        for peer in self.peers.values() {
            peer.stop_session();
        }
        let _ = timeout(CLOSING, self.until_sessions_end()).await;
        let _ = timeout(CLOSING, self.until_connections_close()).await;
        self.not_listening();
    }

    async fn until_sessions_end(&mut self) {
        while !self.sessions.is_empty() {
            tokio::select! {
                _ = self.sessions.join_next() => {}
                // What else happens does not matter any more, but the swarm must run for the
                // streams to be closed.
                _ = self.swarm.select_next_some() => {}
            }
        }
    }

    async fn until_connections_close(&mut self) {
        let connected: Vec<_> = self.swarm.connected_peers().copied().collect();
        for peer in connected {
            let _ = self.swarm.disconnect_peer_id(peer);
        }
        while self.swarm.connected_peers().next().is_some() {
            self.swarm.select_next_some().await;
        }
    }
}

/// An address without the peer id at its end, and the device that this names.
fn split_peer(mut address: Multiaddr) -> (Multiaddr, Option<DeviceId>) {
    match address.pop() {
        Some(Protocol::P2p(peer)) => (address, device_id(&peer).ok()),
        Some(other) => (address.with(other), None),
        None => (address, None),
    }
}
