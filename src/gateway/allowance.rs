//! How much a guest may still say: so much at once, and so much a second. All their sockets and requests share it.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use driftline_core::clock::SteadyTime;
use driftline_core::space::Tokens;

use super::GatewayLimits;
use super::caller::GuestKey;

/// How long whoever says too much is not heard.
const PAUSE: Duration = Duration::from_millis(50);

/// As how many messages a Yjs client id counts under which nobody has written.
const NEWCOMER: u64 = 20;

/// What is left to each guest who was here lately.
pub(super) struct Allowances {
    limits: GatewayLimits,
    begun: Instant,
    guests: Mutex<HashMap<GuestKey, Arc<Allowance>>>,
}

/// What is left to one guest.
pub(super) struct Allowance {
    limits: GatewayLimits,
    begun: Instant,
    left: Mutex<Left>,
}

struct Left {
    messages: Tokens,
    bytes: Tokens,
    new_documents: Tokens,
}

impl Allowances {
    pub(super) fn new(limits: GatewayLimits) -> Self {
        Self { limits, begun: Instant::now(), guests: Mutex::default() }
    }

    /// What is left to that guest.
    pub(super) fn of(&self, guest: &GuestKey) -> Arc<Allowance> {
        let mut guests = self.guests.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(allowance) = guests.get(guest) {
            return allowance.clone();
        }
        // Whoever is new sweeps when there is no room: who is gone and has all back is as good as new.
        if guests.len() == guests.capacity() {
            guests.retain(|_, allowance| Arc::strong_count(allowance) > 1 || !allowance.is_whole());
        }
        let allowance = Arc::new(Allowance::new(self.limits, self.begun));
        guests.insert(guest.clone(), allowance.clone());
        allowance
    }
}

impl Allowance {
    fn new(limits: GatewayLimits, begun: Instant) -> Self {
        let now = SteadyTime(begun.elapsed());
        let left = Left {
            messages: Tokens::full(limits.messages, now),
            bytes: Tokens::full(limits.bytes, now),
            new_documents: Tokens::full(limits.new_documents, now),
        };
        Self { limits, begun, left: Mutex::new(left) }
    }

    /// Takes what a message of so many bytes costs, if anything is left; it may go beyond it.
    pub(super) fn take(&self, bytes: usize) -> Result<(), Debt> {
        self.owe(1, bytes as u64)
    }

    /// Takes what it costs that a message brings Yjs client ids that nobody has written under yet: each is kept for ever,
    /// and looked at whenever somebody writes.
    pub(super) fn take_newcomers(&self, newcomers: usize) -> Result<(), Debt> {
        self.owe(newcomers as u64 * NEWCOMER, 0)
    }

    fn owe(&self, messages: u64, bytes: u64) -> Result<(), Debt> {
        let limits = &self.limits;
        let (messages, bytes) = self.with(|left, now| {
            let messages = left.messages.drain(messages, limits.messages, now);
            (messages, left.bytes.drain(bytes, limits.bytes, now))
        });
        match (messages, bytes) {
            (0, 0) => Ok(()),
            _ => Err(Debt { messages, bytes, until: tokio::time::Instant::now() + PAUSE }),
        }
    }

    /// Takes what looking into a document costs that nobody has written in.
    pub(super) fn take_new_document(&self) -> bool {
        let rate = self.limits.new_documents;
        self.with(|left, now| left.new_documents.take(1, rate, now))
    }

    /// Whether nothing is missing.
    fn is_whole(&self) -> bool {
        let GatewayLimits { messages, bytes, new_documents, .. } = self.limits;
        self.with(|left, now| {
            left.messages.is_full(messages, now)
                && left.bytes.is_full(bytes, now)
                && left.new_documents.is_full(new_documents, now)
        })
    }

    fn with<T>(&self, look: impl FnOnce(&mut Left, SteadyTime) -> T) -> T {
        let mut left = self.left.lock().unwrap_or_else(PoisonError::into_inner);
        look(&mut left, SteadyTime(self.begun.elapsed()))
    }
}

/// What was said beyond an allowance. Whoever said it is not heard until that is made up for.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Debt {
    messages: u64,
    bytes: u64,
    /// When to see whether there is more again.
    pub(super) until: tokio::time::Instant,
}

impl Debt {
    /// Makes up for as much of it as can be, and gives what is left of it.
    pub(super) fn settle(self, allowance: &Allowance) -> Result<(), Self> {
        allowance.owe(self.messages, self.bytes)
    }

    /// This and another.
    pub(super) fn and(self, other: Self) -> Self {
        let (messages, bytes) = (self.messages + other.messages, self.bytes + other.bytes);
        Self { messages, bytes, until: self.until.max(other.until) }
    }
}

#[cfg(test)]
mod tests {
    use driftline_core::space::Rate;

    use super::*;
    use crate::SpaceId;

    fn limits() -> GatewayLimits {
        let rate = |burst| Rate { per_second: 0, burst };
        let (messages, bytes, new_documents) = (rate(3), rate(100), rate(1));
        GatewayLimits { messages, bytes, new_documents, ..GatewayLimits::default() }
    }

    #[test]
    fn what_is_said_on_one_socket_is_missing_on_the_other() {
        let allowances = Allowances::new(limits());
        let ann = (SpaceId([1; 32]), Arc::from("Ann"));
        let (first, second) = (allowances.of(&ann), allowances.of(&ann));
        assert_eq!(first.take(60), Ok(()));
        assert!(second.take(60).is_err(), "100 bytes are all that she has");
        assert_eq!(allowances.of(&(SpaceId([1; 32]), Arc::from("Bob"))).take(60), Ok(()));
    }

    #[test]
    fn whoever_comes_again_has_no_more_than_before() {
        let allowances = Allowances::new(limits());
        let ann = (SpaceId([1; 32]), Arc::from("Ann"));
        assert!(allowances.of(&ann).take_new_document());
        for stranger in 0..1_000 {
            allowances.of(&(SpaceId([2; 32]), stranger.to_string().into()));
        }
        assert!(!allowances.of(&ann).take_new_document());
        assert!(allowances.guests.lock().unwrap().len() < 1_000, "who said nothing is forgotten");
    }
}
