//! How many are in, and from where.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::Notify;

use super::GatewayLimits;

/// All connections, counted.
pub(super) struct Seats {
    limits: GatewayLimits,
    taken: Mutex<Taken>,
    freed: Notify,
}

#[derive(Default)]
struct Taken {
    all: usize,
    by_address: HashMap<IpAddr, usize>,
}

/// A connection's place, for as long as it is held.
pub(super) struct Seat {
    seats: Arc<Seats>,
    address: IpAddr,
}

impl Seats {
    pub(super) fn new(limits: GatewayLimits) -> Arc<Self> {
        Arc::new(Self { limits, taken: Mutex::default(), freed: Notify::new() })
    }

    /// A seat for somebody from that address, if there is one.
    pub(super) fn take(self: &Arc<Self>, address: IpAddr) -> Option<Seat> {
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        let here = taken.by_address.get(&address).copied().unwrap_or_default();
        if taken.all >= self.limits.connections || here >= self.limits.connections_per_address {
            return None;
        }
        taken.all += 1;
        taken.by_address.insert(address, here + 1);
        Some(Seat { seats: self.clone(), address })
    }
}

impl Seats {
    /// Resolves when nobody is in.
    pub(super) async fn all_free(&self) {
        while self.taken() > 0 {
            self.freed.notified().await;
        }
    }

    /// How many are taken.
    pub(super) fn taken(&self) -> usize {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner).all
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        let mut taken = self.seats.taken.lock().unwrap_or_else(PoisonError::into_inner);
        taken.all -= 1;
        let here = taken.by_address.get(&self.address).copied().unwrap_or_default();
        match here {
            0 | 1 => _ = taken.by_address.remove(&self.address),
            _ => _ = taken.by_address.insert(self.address, here - 1),
        }
        self.seats.freed.notify_one();
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;

    #[test]
    fn seats_are_bounded_in_all_and_by_address_and_free_again_when_left() {
        let limits =
            GatewayLimits { connections: 3, connections_per_address: 2, ..Default::default() };
        let seats = Seats::new(limits);
        let from = |last| IpAddr::V4(Ipv4Addr::new(10, 0, 0, last));
        let first = seats.take(from(1)).unwrap();
        let _second = seats.take(from(1)).unwrap();
        assert!(seats.take(from(1)).is_none(), "two from one address are in");
        let _third = seats.take(from(2)).unwrap();
        assert!(seats.take(from(3)).is_none(), "three are in");
        drop(first);
        assert!(seats.take(from(1)).is_some());
    }
}
