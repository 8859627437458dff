//! Whom to dial, where, and when again. Pure: the time and the jitter come in from outside.

use std::collections::HashMap;
use std::time::Duration;

use driftline_core::id::DeviceId;
use libp2p::Multiaddr;
use tokio::time::Instant;

const FIRST_DELAY: Duration = Duration::from_millis(200);
const LONGEST_DELAY: Duration = Duration::from_secs(30);

/// A connection that held for as long was a good one: the next attempt after it comes soon.
const GOOD_CONNECTION: Duration = Duration::from_secs(5);

const MAX_ADDRESSES: usize = 8;

/// How many targets are kept in mind. Anybody on the local network can announce any number of them.
const MAX_TARGETS: usize = 4096;

/// What is dialled.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum Target {
    /// A device, at any of its addresses.
    Device(DeviceId),
    /// Whoever answers at an address.
    Address(Multiaddr),
}

/// Where an address is known from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Source {
    /// The application named it.
    Application,
    /// The local network announced it; it expires.
    Discovery,
}

/// A dial to be made now.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Dial {
    pub(crate) target: Target,
    pub(crate) addresses: Vec<Multiaddr>,
}

#[derive(Default)]
pub(crate) struct Dialer {
    targets: HashMap<Target, Contact>,
}

struct Contact {
    /// Newest first.
    addresses: Vec<(Multiaddr, Source)>,
    progress: Progress,
    failures: u32,
}

enum Progress {
    Waiting { until: Instant },
    Dialing,
    Connected { peer: DeviceId, since: Instant },
}

impl Dialer {
    /// Adds an address of a target. One that was not known is tried at once, if the target is
    /// waited for.
    pub(crate) fn remember(
        &mut self,
        target: Target,
        address: Multiaddr,
        source: Source,
        now: Instant,
    ) {
        if self.targets.len() >= MAX_TARGETS && !self.targets.contains_key(&target) {
            tracing::warn!(?target, "too many addresses are known: this one is ignored");
            return;
        }
        let contact = self.targets.entry(target).or_insert_with(|| Contact::new(now));
        contact.add_address(address, source, now);
    }

    /// Drops an address that was announced and is so no more.
    pub(crate) fn expire(&mut self, device: DeviceId, address: &Multiaddr) {
        let target = Target::Device(device);
        let Some(contact) = self.targets.get_mut(&target) else { return };
        contact.addresses.retain(|known| *known != (address.clone(), Source::Discovery));
        if contact.addresses.is_empty() {
            self.targets.remove(&target);
        }
    }

    /// Drops a target that leads nowhere, such as the device's own address.
    pub(crate) fn forget(&mut self, target: &Target) {
        self.targets.remove(target);
    }

    /// When the next dial is due.
    pub(crate) fn next_due(&self) -> Option<Instant> {
        self.targets.values().filter_map(Contact::due).min()
    }

    /// The dials due by now, which count as begun.
    pub(crate) fn take_due(&mut self, now: Instant) -> Vec<Dial> {
        let due = self
            .targets
            .iter_mut()
            .filter(|(_, contact)| contact.due().is_some_and(|until| until <= now));
        due.map(|(target, contact)| {
            contact.progress = Progress::Dialing;
            let addresses = contact.addresses.iter().map(|(address, _)| address.clone()).collect();
            Dial { target: target.clone(), addresses }
        })
        .collect()
    }

    /// A dial came to nothing. `jitter`, from 0 to 1, spreads the next attempt.
    pub(crate) fn failed(&mut self, target: &Target, now: Instant, jitter: f64) {
        if let Some(contact) = self.targets.get_mut(target)
            && matches!(contact.progress, Progress::Dialing)
        {
            contact.wait(now, jitter);
        }
    }

    /// There is a connection with a device, be it by `dialed` or because the device came by itself.
    pub(crate) fn connected(&mut self, peer: DeviceId, dialed: Option<&Target>, now: Instant) {
        let device = Target::Device(peer);
        for target in [Some(&device), dialed].into_iter().flatten() {
            let Some(contact) = self.targets.get_mut(target) else { continue };
            // A second connection with the same peer does not make the first one younger.
            if contact.connected_to() != Some(peer) {
                contact.progress = Progress::Connected { peer, since: now };
            }
        }
    }

    /// The last connection with a device is gone. It is not dialled before `not_before`.
    pub(crate) fn lost(&mut self, peer: DeviceId, now: Instant, not_before: Instant, jitter: f64) {
        for contact in self.targets.values_mut() {
            let Progress::Connected { peer: known, since } = contact.progress else { continue };
            if known != peer {
                continue;
            }
            if now.duration_since(since) >= GOOD_CONNECTION {
                contact.failures = 0;
            }
            contact.wait(now, jitter);
            if let Progress::Waiting { until } = &mut contact.progress {
                *until = not_before.max(*until);
            }
        }
    }
}

impl Contact {
    fn new(now: Instant) -> Self {
        Self { addresses: Vec::new(), progress: Progress::Waiting { until: now }, failures: 0 }
    }

    fn add_address(&mut self, address: Multiaddr, source: Source, now: Instant) {
        if let Some(known) = self.addresses.iter_mut().find(|(known, _)| *known == address) {
            if source == Source::Application {
                known.1 = source;
            }
            return;
        }
        if self.addresses.len() == MAX_ADDRESSES {
            let oldest_discovery =
                self.addresses.iter().rposition(|(_, source)| *source == Source::Discovery);
            match (oldest_discovery, source) {
                (Some(place), _) => drop(self.addresses.remove(place)),
                // What strangers announce does not push out what the application said.
                (None, Source::Discovery) => return,
                (None, Source::Application) => drop(self.addresses.pop()),
            }
        }
        self.addresses.insert(0, (address, source));
        self.failures = 0;
        if let Progress::Waiting { until } = &mut self.progress {
            *until = now;
        }
    }

    fn due(&self) -> Option<Instant> {
        match self.progress {
            Progress::Waiting { until } => Some(until),
            Progress::Dialing | Progress::Connected { .. } => None,
        }
    }

    fn connected_to(&self) -> Option<DeviceId> {
        match self.progress {
            Progress::Connected { peer, .. } => Some(peer),
            Progress::Waiting { .. } | Progress::Dialing => None,
        }
    }

    fn wait(&mut self, now: Instant, jitter: f64) {
        self.progress = Progress::Waiting { until: now + delay(self.failures, jitter) };
        self.failures = self.failures.saturating_add(1);
    }
}

/// 200 ms, then double each time up to 30 s; and of that between half and all, so that devices that
/// lost one another in the same moment do not return in the same moment.
fn delay(failures: u32, jitter: f64) -> Duration {
    let full = FIRST_DELAY.saturating_mul(2_u32.saturating_pow(failures)).min(LONGEST_DELAY);
    full.mul_f64(0.5 + jitter / 2.0)
}

#[cfg(test)]
mod tests;
