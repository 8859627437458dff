//! The libp2p behaviour that opens and accepts the streams of sessions.
//!
//! It is a smaller `libp2p-stream`, which knows things that a session needs: on which connection a
//! stream runs, and on which of several to open one. And it hands every stream over with the events
//! of the swarm, so none is lost.

use std::collections::VecDeque;
use std::task::{Context, Poll};

use libp2p::core::transport::PortUse;
use libp2p::core::upgrade::ReadyUpgrade;
use libp2p::core::{Endpoint, Multiaddr};
use libp2p::swarm::handler::{
    ConnectionEvent, DialUpgradeError, FullyNegotiatedInbound, FullyNegotiatedOutbound,
};
use libp2p::swarm::{
    ConnectionDenied, ConnectionHandler, ConnectionHandlerEvent, ConnectionId, FromSwarm,
    NetworkBehaviour, NotifyHandler, StreamUpgradeError, SubstreamProtocol, THandler,
    THandlerInEvent, THandlerOutEvent, ToSwarm,
};
use libp2p::{PeerId, Stream, StreamProtocol};

/// The libp2p protocol of sessions. Frames mean the same for all peers that speak it.
pub const PROTOCOL: StreamProtocol = StreamProtocol::new("/driftline/1");

/// Something happened to the streams of a connection.
#[derive(Debug)]
pub(crate) struct StreamEvent {
    pub(crate) peer: PeerId,
    pub(crate) connection: ConnectionId,
    pub(crate) what: StreamChange,
}

#[derive(Debug)]
pub(crate) enum StreamChange {
    /// The peer opened a stream.
    Accepted(Stream),
    /// The peer took the stream that this device asked for.
    Opened(Stream),
    /// The peer did not take it, in time or at all.
    Refused,
    /// The peer does not speak the protocol.
    Unsupported,
}

#[derive(Default)]
pub(crate) struct Streams {
    pending: VecDeque<ToSwarm<StreamEvent, Open>>,
}

/// Asks a connection to open a stream.
#[derive(Debug)]
pub(crate) struct Open;

impl Streams {
    /// Begins to open a stream on a connection. A [`StreamEvent`] says what became of it, unless
    /// the connection closes.
    pub(crate) fn open(&mut self, peer_id: PeerId, connection: ConnectionId) {
        let handler = NotifyHandler::One(connection);
        self.pending.push_back(ToSwarm::NotifyHandler { peer_id, handler, event: Open });
    }
}

impl NetworkBehaviour for Streams {
    type ConnectionHandler = Handler;
    type ToSwarm = StreamEvent;

    fn handle_established_inbound_connection(
        &mut self,
        _: ConnectionId,
        _: PeerId,
        _: &Multiaddr,
        _: &Multiaddr,
    ) -> Result<THandler<Self>, ConnectionDenied> {
        Ok(Handler::default())
    }

    fn handle_established_outbound_connection(
        &mut self,
        _: ConnectionId,
        _: PeerId,
        _: &Multiaddr,
        _: Endpoint,
        _: PortUse,
    ) -> Result<THandler<Self>, ConnectionDenied> {
        Ok(Handler::default())
    }

    fn on_swarm_event(&mut self, _: FromSwarm<'_>) {}

    fn on_connection_handler_event(
        &mut self,
        peer: PeerId,
        connection: ConnectionId,
        what: THandlerOutEvent<Self>,
    ) {
        self.pending.push_back(ToSwarm::GenerateEvent(StreamEvent { peer, connection, what }));
    }

    fn poll(&mut self, _: &mut Context<'_>) -> Poll<ToSwarm<Self::ToSwarm, THandlerInEvent<Self>>> {
        // The swarm polls after each call of the methods above, so there is no one to wake.
        self.pending.pop_front().map_or(Poll::Pending, Poll::Ready)
    }
}

/// The streams of one connection.
#[derive(Default)]
pub(crate) struct Handler {
    to_open: bool,
    /// What became of the stream that was asked for. At most one is under way, and the result is
    /// taken before the next.
    result: Option<StreamChange>,
    /// The newest stream that the peer opened. An older one that was not fetched yet is dropped: a
    /// peer needs one.
    accepted: Option<Stream>,
}

impl ConnectionHandler for Handler {
    type FromBehaviour = Open;
    type ToBehaviour = StreamChange;
    type InboundProtocol = ReadyUpgrade<StreamProtocol>;
    type OutboundProtocol = ReadyUpgrade<StreamProtocol>;
    type InboundOpenInfo = ();
    type OutboundOpenInfo = ();

    fn listen_protocol(&self) -> SubstreamProtocol<Self::InboundProtocol> {
        SubstreamProtocol::new(ReadyUpgrade::new(PROTOCOL), ())
    }

    fn on_behaviour_event(&mut self, _: Open) {
        self.to_open = true;
    }

    fn poll(
        &mut self,
        _: &mut Context<'_>,
    ) -> Poll<ConnectionHandlerEvent<Self::OutboundProtocol, (), StreamChange>> {
        if std::mem::take(&mut self.to_open) {
            let protocol = self.listen_protocol();
            return Poll::Ready(ConnectionHandlerEvent::OutboundSubstreamRequest { protocol });
        }
        let change =
            self.result.take().or_else(|| self.accepted.take().map(StreamChange::Accepted));
        change.map_or(Poll::Pending, |change| {
            Poll::Ready(ConnectionHandlerEvent::NotifyBehaviour(change))
        })
    }

    fn on_connection_event(
        &mut self,
        event: ConnectionEvent<'_, Self::InboundProtocol, Self::OutboundProtocol>,
    ) {
        match event {
            ConnectionEvent::FullyNegotiatedInbound(FullyNegotiatedInbound {
                protocol, ..
            }) => {
                self.accepted = Some(protocol);
            }
            ConnectionEvent::FullyNegotiatedOutbound(FullyNegotiatedOutbound {
                protocol, ..
            }) => self.result = Some(StreamChange::Opened(protocol)),
            ConnectionEvent::DialUpgradeError(DialUpgradeError { error, .. }) => {
                tracing::debug!(%error, "no stream");
                self.result = Some(match error {
                    StreamUpgradeError::NegotiationFailed => StreamChange::Unsupported,
                    _ => StreamChange::Refused,
                });
            }
            _ => {}
        }
    }
}
