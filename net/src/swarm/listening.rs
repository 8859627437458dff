//! The addresses at which this device can be reached.

use std::io;
use std::net::{IpAddr, TcpListener};
use std::sync::PoisonError;

use libp2p::Multiaddr;
use libp2p::core::transport::{ListenerId, TransportError};
use libp2p::multiaddr::Protocol;
use tokio::sync::oneshot;

use super::Driver;
use crate::error::ListenError;
use crate::event::NetworkEvent;

pub(super) type Reply = oneshot::Sender<Result<Multiaddr, ListenError>>;

/// An address asked for, and who waits for the real one.
pub(super) struct Listener {
    asked: Multiaddr,
    reply: Option<Reply>,
}

impl Driver {
    pub(super) fn listen(&mut self, address: Multiaddr, reply: Reply) {
        if let Err(source) = check_port_is_free(&address) {
            return answer(reply, Err(ListenError::System { address, source }));
        }
        match self.swarm.listen_on(address.clone()) {
            Ok(id) => {
                self.listeners.insert(id, Listener { asked: address, reply: Some(reply) });
            }
            Err(error) => answer(
                reply,
                Err(match error {
                    TransportError::MultiaddrNotSupported(_) => {
                        ListenError::Unsupported { address }
                    }
                    TransportError::Other(source) => ListenError::System { address, source },
                }),
            ),
        }
    }

    pub(super) fn listening_on(&mut self, listener: ListenerId, address: Multiaddr) {
        tracing::info!(%address, "listening");
        self.listening.write().unwrap_or_else(PoisonError::into_inner).push(address.clone());
        (self.context.on_event)(NetworkEvent::Listening { address: address.clone() });
        let waiting = self.listeners.get_mut(&listener).and_then(|known| known.reply.take());
        if let Some(reply) = waiting {
            answer(reply, Ok(address));
        }
    }

    pub(super) fn listener_closed(
        &mut self,
        listener: ListenerId,
        addresses: &[Multiaddr],
        reason: io::Result<()>,
    ) {
        self.not_listening_on(addresses);
        let Some(Listener { asked, reply }) = self.listeners.remove(&listener) else { return };
        tracing::warn!(address = %asked, ?reason, "no longer listening");
        if let Some(reply) = reply {
            let source = reason.err().unwrap_or_else(|| io::ErrorKind::ConnectionAborted.into());
            answer(reply, Err(ListenError::System { address: asked, source }));
        }
    }

    pub(super) fn not_listening_on(&mut self, gone: &[Multiaddr]) {
        let mut listening = self.listening.write().unwrap_or_else(PoisonError::into_inner);
        listening.retain(|address| !gone.contains(address));
    }

    pub(super) fn not_listening(&mut self) {
        self.listening.write().unwrap_or_else(PoisonError::into_inner).clear();
    }
}

/// libp2p shares a TCP port with whoever else is willing to (`SO_REUSEPORT`), and then each gets
/// some of the connections. Two devices at one address are a mistake, so an ordinary bind is tried
/// first.
fn check_port_is_free(address: &Multiaddr) -> io::Result<()> {
    let mut parts = address.iter();
    let host = match parts.next() {
        Some(Protocol::Ip4(host)) => host.into(),
        Some(Protocol::Ip6(host)) => IpAddr::from(host),
        _ => return Ok(()),
    };
    match parts.next() {
        Some(Protocol::Tcp(port)) if port != 0 => TcpListener::bind((host, port)).map(drop),
        _ => Ok(()),
    }
}

fn answer(reply: Reply, result: Result<Multiaddr, ListenError>) {
    if reply.send(result).is_err() {
        tracing::debug!("nobody waits for the address any more");
    }
}
