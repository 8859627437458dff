//! How far a device goes to meet others: this machine alone, until it is told of an address beyond.

use std::sync::atomic::{AtomicBool, Ordering};

use libp2p::Multiaddr;
use libp2p::multiaddr::Protocol;

/// Whether a device goes beyond its own machine. It does once it is told to listen, dial or join at an address beyond;
/// what members say of where they are makes no device leave its machine by itself.
#[derive(Debug, Default)]
pub(crate) struct Reach(AtomicBool);

impl Reach {
    /// Takes note of an address that the app or a ticket names.
    pub(crate) fn note(&self, address: &Multiaddr) {
        if !is_loopback(address) {
            self.0.store(true, Ordering::Relaxed);
        }
    }

    /// Whether an address that a member told may be dialled.
    pub(crate) fn covers(&self, address: &Multiaddr) -> bool {
        is_loopback(address) || self.0.load(Ordering::Relaxed)
    }
}

/// Whether an address can't be reached from other machines.
pub(crate) fn is_loopback(address: &Multiaddr) -> bool {
    address.iter().next().is_some_and(|protocol| match protocol {
        Protocol::Ip4(address) => address.is_loopback(),
        Protocol::Ip6(address) => address.is_loopback(),
        _ => false,
    })
}
