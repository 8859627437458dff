//! "Am I synced?", asked whenever something went wrong: every answer is true.

#![allow(clippy::unwrap_used, reason = "what fails in a test fails the test")]

use std::net::TcpListener;
use std::time::Duration;

use driftline::yrs::Text;
use driftline::{
    Device, DeviceOptions, DocumentStatus, EditError, Invitation, Level, PeerState, Role, Space,
    SpaceLimits, SpaceStatus,
};
use tempfile::TempDir;
use tokio::time::timeout;

/// A test that waits longer for what must come is stuck.
const STUCK: Duration = Duration::from_secs(60);

/// Somebody with a device, which is found at the same place again.
struct Person {
    folder: TempDir,
    port: u16,
    limits: SpaceLimits,
    device: Option<Device>,
}

impl Person {
    async fn new() -> Self {
        Self::with(SpaceLimits::default()).await
    }

    async fn with(limits: SpaceLimits) -> Self {
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let folder = tempfile::tempdir().unwrap();
        let mut person = Self { folder, port, limits, device: None };
        person.comes().await;
        person
    }

    async fn comes(&mut self) {
        let listen = vec![format!("/ip4/127.0.0.1/tcp/{}", self.port).parse().unwrap()];
        let options =
            DeviceOptions { listen, space_limits: self.limits, ..DeviceOptions::default() };
        let device = Device::open_with(self.folder.path().join("device"), options).await;
        self.device = Some(device.unwrap());
    }

    async fn goes(&mut self) {
        self.device.take().unwrap().close().await.unwrap();
    }

    fn device(&self) -> &Device {
        self.device.as_ref().unwrap()
    }

    async fn space(&self) -> Space {
        self.device().spaces().await.unwrap().remove(0).0
    }

    /// Is let in by somebody, and has what there is.
    async fn joins(&self, other: &Self, role: Role) {
        let invitation = Invitation { role, ..Invitation::default() };
        let ticket = other.space().await.invite(invitation).await.unwrap();
        let space = timeout(STUCK, self.device().join(&ticket)).await.expect("let in").unwrap();
        timeout(STUCK, space.caught_up()).await.expect("caught up").unwrap();
    }

    /// Types so many edits, and waits until they are saved.
    async fn types(&self, edits: usize) -> Result<(), EditError> {
        let notes = self.space().await.document("notes").await.unwrap();
        let body = notes.text("body");
        for _ in 0..edits {
            let edit = notes.edit(|txn| body.push(txn, "milk "))?;
            edit.reached(Level::Saved).await.unwrap();
        }
        Ok(())
    }

    /// Waits until the space stands so.
    async fn stands(&self, how: &str, so: impl Fn(&SpaceStatus) -> bool) {
        let space = self.space().await;
        let mut news = space.news().await.unwrap();
        let waiting = async {
            while !so(&space.status().await.unwrap()) {
                news.next().await.unwrap();
            }
        };
        let stood = timeout(STUCK, waiting).await;
        assert!(stood.is_ok(), "not {how}: {:#?}", space.status().await.unwrap());
    }

    /// Waits until the notes stand so.
    async fn notes_stand(&self, how: &str, so: impl Fn(&DocumentStatus) -> bool) {
        self.stands(how, |status| notes(status).is_some_and(&so)).await;
    }
}

fn notes(status: &SpaceStatus) -> Option<&DocumentStatus> {
    status.documents.iter().find(|document| document.name == "notes")
}

fn all_away(status: &SpaceStatus) -> bool {
    status.peers.iter().all(|peer| peer.state == PeerState::Away)
}

/// What nobody else has saved: how many edits of this run, and whether any from before.
fn waiting(document: &DocumentStatus) -> (u64, bool) {
    (document.waiting, document.waiting_from_before)
}

#[tokio::test]
async fn somebody_alone_has_all_and_nobody_else_does() {
    let alice = Person::new().await;
    let space = alice.device().create_space("kitchen").await.unwrap();
    assert!(space.status().await.unwrap().documents.is_empty());
    alice.types(2).await.unwrap();
    alice
        .notes_stand("saved here alone", |notes| {
            notes.saved && (notes.peers, notes.anchored, waiting(notes)) == (0, false, (2, false))
        })
        .await;
}

#[tokio::test]
async fn what_waits_is_told_through_partings_and_restarts() {
    let (mut alice, mut bob) = (Person::new().await, Person::new().await);
    alice.device().create_space("kitchen").await.unwrap();
    bob.joins(&alice, Role::Writer).await;
    alice.types(2).await.unwrap();
    alice.notes_stand("on Bob", |notes| (notes.peers, waiting(notes)) == (1, (0, false))).await;

    // Bob goes.
    bob.goes().await;
    alice.stands("alone", all_away).await;
    assert_eq!(notes(&alice.space().await.status().await.unwrap()).unwrap().peers, 1, "he has it");
    alice.types(3).await.unwrap();
    alice
        .notes_stand("ahead of Bob", |notes| {
            notes.saved && (notes.peers, waiting(notes)) == (0, (3, false))
        })
        .await;

    // She restarts, and goes on.
    alice.goes().await;
    alice.comes().await;
    alice.notes_stand("ahead from before", |notes| waiting(notes) == (0, true)).await;
    alice.types(1).await.unwrap();
    alice.notes_stand("ahead in both", |notes| waiting(notes) == (1, true)).await;

    // He comes back.
    bob.comes().await;
    alice.notes_stand("on Bob", |notes| (notes.peers, waiting(notes)) == (1, (0, false))).await;
    bob.notes_stand("whole", |notes| notes.entries == 6 && notes.behind == 0).await;
    alice.goes().await;
    alice.comes().await;
    alice.notes_stand("on Bob still", |notes| waiting(notes) == (0, false)).await;
}

#[tokio::test]
async fn anchored_is_what_an_anchor_has_saved() {
    let (alice, mut anchor, bob) = (Person::new().await, Person::new().await, Person::new().await);
    alice.device().create_space("kitchen").await.unwrap();
    bob.joins(&alice, Role::Writer).await;
    alice.types(1).await.unwrap();
    alice
        .notes_stand("on Bob, who is none", |notes| (notes.peers, notes.anchored) == (1, false))
        .await;
    anchor.joins(&alice, Role::Anchor).await;
    alice.notes_stand("anchored", |notes| (notes.peers, notes.anchored) == (2, true)).await;
    anchor.goes().await;
    alice.types(1).await.unwrap();
    alice
        .notes_stand("ahead of the anchor", |notes| (notes.peers, notes.anchored) == (1, false))
        .await;
    anchor.comes().await;
    alice.notes_stand("anchored again", |notes| (notes.peers, notes.anchored) == (2, true)).await;
}

#[tokio::test]
async fn whoever_takes_no_more_has_not_saved_it() {
    let alice = Person::new().await;
    let bob = Person::with(SpaceLimits { author_bytes: 2_000, ..SpaceLimits::default() }).await;
    alice.device().create_space("kitchen").await.unwrap();
    bob.joins(&alice, Role::Writer).await;
    alice.types(1).await.unwrap();
    alice.notes_stand("on Bob", |notes| notes.peers == 1).await;
    alice.types(300).await.unwrap();
    alice.stands("refused by Bob", |status| status.peers[0].objection.is_some()).await;
    alice.notes_stand("not on Bob", |notes| notes.peers == 0 && notes.waiting > 0).await;
}

#[tokio::test]
async fn who_was_removed_is_told_by_whom_and_keeps_a_copy() {
    let (alice, bob) = (Person::new().await, Person::new().await);
    alice.device().create_space("kitchen").await.unwrap();
    bob.joins(&alice, Role::Writer).await;
    bob.types(1).await.unwrap();
    bob.notes_stand("on Alice", |notes| notes.peers == 1).await;
    alice.space().await.remove(bob.device().id()).await.unwrap();
    let by = alice.device().id();
    bob.stands("removed", |status| {
        status.role.is_none() && status.removed.is_some_and(|removed| removed.by == by)
    })
    .await;
    assert!(matches!(bob.types(1).await, Err(EditError::Removed | EditError::ReadOnly)));
    assert_eq!(notes(&bob.space().await.status().await.unwrap()).unwrap().entries, 1);
    alice.stands("alone", |status| status.peers.is_empty()).await;
}
