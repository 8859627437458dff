//! The honest: Alice and Bob, who write one document, and their anchor.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use driftline::yrs::{GetString, Text};
use driftline::{
    Device, DeviceId, DeviceOptions, Document, Invitation, Multiaddr, Role, Space, SpaceId, Ticket,
};
use tempfile::TempDir;

/// A test that waits longer for what must come is stuck.
pub(crate) const STUCK: Duration = Duration::from_secs(30);

/// The document that the honest write.
pub(crate) const NOTES: &str = "notes";

pub(crate) struct Kitchen {
    pub(crate) alice: Person,
    pub(crate) bob: Person,
    pub(crate) anchor: Person,
    /// How many words were written so far.
    words: AtomicUsize,
}

/// Somebody with a device, in the space and with the notes open.
pub(crate) struct Person {
    pub(crate) device: Device,
    pub(crate) space: Space,
    pub(crate) notes: Document,
    _folder: TempDir,
}

impl Kitchen {
    pub(crate) async fn opens() -> Self {
        Self::opens_with(&options()).await
    }

    /// All three have devices with these options.
    pub(crate) async fn opens_with(options: &DeviceOptions) -> Self {
        let alice = Person::begins(options).await;
        let ticket = alice.invites(Role::Writer).await;
        let bob = Person::joins(options, &ticket).await;
        let anchor = Person::joins(options, &alice.invites(Role::Anchor).await).await;
        // Both go by way of the anchor from the start, so that it has met everybody.
        let kitchen = Self { alice, bob, anchor, words: AtomicUsize::new(0) };
        kitchen.goes_on().await;
        kitchen
    }

    pub(crate) fn id(&self) -> SpaceId {
        self.alice.space.id()
    }

    /// Alice and Bob each write a word, and all three come to read the same, with both words in it.
    pub(crate) async fn goes_on(&self) {
        let number = self.words.fetch_add(1, Ordering::Relaxed);
        let words = [format!("alice{number} "), format!("bob{number} ")];
        self.alice.writes(&words[0]);
        self.bob.writes(&words[1]);
        let agreed = || {
            let text = self.alice.reads();
            let others = [self.bob.reads(), self.anchor.reads()];
            words.iter().all(|word| text.contains(word))
                && others.iter().all(|other| *other == text)
        };
        until("the honest agree", || std::future::ready(agreed())).await;
    }

    /// They go on, and all that any of them holds and shows is their own.
    pub(crate) async fn is_clean(&self) {
        self.holds_no_more_than(&[]).await;
    }

    /// They go on, and beside their own they have but those members.
    pub(crate) async fn holds_no_more_than(&self, guests: &[DeviceId]) {
        self.goes_on().await;
        let own = [&self.alice, &self.bob, &self.anchor].map(|person| person.device.id());
        let expected: BTreeSet<_> = own.iter().chain(guests).copied().collect();
        for person in [&self.alice, &self.bob, &self.anchor] {
            let members = person.space.members().await.unwrap().present;
            let members: BTreeSet<_> = members.into_iter().map(|(device, _)| device).collect();
            assert_eq!(members, expected);
            let documents = person.space.status().await.unwrap().documents;
            let held: Vec<_> = documents.iter().map(|it| (it.name.as_str(), it.chains)).collect();
            assert_eq!(held, [(NOTES, 2)], "Alice's chain and Bob's");
            assert!(!person.reads().contains("mallory"), "{}", person.reads());
        }
    }
}

impl Person {
    async fn begins(options: &DeviceOptions) -> Self {
        let (device, folder) = device(options).await;
        let space = device.create_space("kitchen").await.unwrap();
        Self::with(device, space, folder).await
    }

    /// Somebody more comes in, with a ticket.
    pub(crate) async fn joins(options: &DeviceOptions, ticket: &Ticket) -> Self {
        let (device, folder) = device(options).await;
        let space =
            tokio::time::timeout(STUCK, device.join(ticket)).await.expect("let in").unwrap();
        tokio::time::timeout(STUCK, space.caught_up()).await.expect("caught up").unwrap();
        Self::with(device, space, folder).await
    }

    async fn with(device: Device, space: Space, folder: TempDir) -> Self {
        let notes = space.document(NOTES).await.unwrap();
        Self { device, space, notes, _folder: folder }
    }

    pub(crate) async fn invites(&self, role: Role) -> Ticket {
        self.invites_for(role, Duration::from_secs(600)).await
    }

    pub(crate) async fn invites_for(&self, role: Role, lasts: Duration) -> Ticket {
        self.space.invite(Invitation { role, rank: None, lasts }).await.unwrap()
    }

    pub(crate) fn writes(&self, words: &str) {
        let body = self.notes.text("body");
        self.notes.edit(|txn| body.push(txn, words)).unwrap();
    }

    pub(crate) fn reads(&self) -> String {
        let body = self.notes.text("body");
        self.notes.read(|txn| body.get_string(txn))
    }

    /// Where it can be reached from this machine.
    pub(crate) fn address(&self) -> Multiaddr {
        self.device.addresses().remove(0)
    }
}

/// On loopback, at a port of the system's choice.
pub(crate) fn options() -> DeviceOptions {
    let listen = vec!["/ip4/127.0.0.1/tcp/0".parse().unwrap()];
    DeviceOptions { listen, ..DeviceOptions::default() }
}

async fn device(options: &DeviceOptions) -> (Device, TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let device = Device::open_with(folder.path().join("device"), options.clone()).await.unwrap();
    (device, folder)
}

/// Waits until something is so.
pub(crate) async fn until<F: Future<Output = bool>>(what: &str, so: impl Fn() -> F) {
    let waiting = async {
        while !so().await {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(STUCK, waiting).await.unwrap_or_else(|_| panic!("stuck before {what}"));
}
