//! Who is in the story: Alice, Bob, and an anchor.

use std::path::{Path, PathBuf};
use std::time::Duration;

use driftline::{Device, DeviceOptions, Document, Invitation, Role, Space, SpaceId, Traffic};
use thiserror::Error;
use tokio::time::timeout;

use super::Result;
use super::anchor::Anchor;

/// How long anything may take to get from one to the other.
pub(super) const PATIENCE: Duration = Duration::from_secs(60);

/// Somebody has waited in vain.
#[derive(Debug, Error)]
#[error("{who} waited {} s for {what}", PATIENCE.as_secs())]
pub(super) struct InVain {
    pub(super) who: &'static str,
    pub(super) what: &'static str,
}

pub(super) struct Cast {
    pub(super) alice: Player,
    pub(super) bob: Player,
    pub(super) anchor: Anchor,
    pub(super) space: SpaceId,
}

/// One of the two who type.
pub(super) struct Player {
    pub(super) name: &'static str,
    folder: PathBuf,
    pub(super) device: Device,
    pub(super) space: Space,
    /// What went over the network before the device was last opened.
    before: Traffic,
}

impl Cast {
    /// Alice begins a space, and invites an anchor and Bob.
    pub(super) async fn meet(folder: &Path) -> Result<Self> {
        let path = folder.join("alice");
        let alice = Device::open_with(&path, online()?).await?;
        let space = alice.create_space("kitchen").await?;
        let alice = Player::new("Alice", path, alice, space);

        let mut anchor = Anchor::new(&folder.join("anchor"))?;
        let ticket = Invitation { role: Role::Anchor, ..Default::default() };
        anchor.join(&alice.space.invite(ticket).await?).await?;
        anchor.start().await?;

        let path = folder.join("bob");
        let bob = Device::open_with(&path, online()?).await?;
        let ticket = alice.space.invite(Invitation::default()).await?;
        let in_vain = |_| InVain { who: "Bob", what: "being let in" };
        let space = timeout(PATIENCE, bob.join(&ticket)).await.map_err(in_vain)??;
        let bob = Player::new("Bob", path, bob, space);
        let space = alice.space.id();
        Ok(Self { alice, bob, anchor, space })
    }

    /// Resolves when the anchor and Bob have saved all that Alice has.
    pub(super) async fn have_saved(&self) -> Result<()> {
        let in_vain =
            |_| InVain { who: "Alice", what: "Bob and the anchor to have saved everything" };
        timeout(PATIENCE, self.alice.saved_by(2)).await.map_err(in_vain)?
    }
}

impl Player {
    fn new(name: &'static str, folder: PathBuf, device: Device, space: Space) -> Self {
        Self { name, folder, device, space, before: Traffic::default() }
    }

    pub(super) fn folder(&self) -> &Path {
        &self.folder
    }

    pub(super) async fn document(&self, name: &str) -> Result<Document> {
        Ok(self.space.document(name).await?)
    }

    /// Closes the device and opens it again, with or without a network.
    pub(super) async fn reopen(&mut self, options: DeviceOptions) -> Result<()> {
        self.before = self.traffic();
        self.device.close().await?;
        self.device = Device::open_with(&self.folder, options).await?;
        let space = self.device.space(self.space.id()).await?;
        self.space = space.ok_or("the space is gone after the device was opened again")?;
        Ok(())
    }

    /// What went over the network since the story began.
    pub(super) fn traffic(&self) -> Traffic {
        let now = self.device.traffic();
        Traffic { received: self.before.received + now.received, sent: self.before.sent + now.sent }
    }

    /// Resolves when so many others have saved all that is here.
    async fn saved_by(&self, others: usize) -> Result<()> {
        let mut news = self.space.news().await?;
        loop {
            let status = self.space.status().await?;
            let safe = |held: &driftline::DocumentStatus| held.saved && held.peers >= others;
            if status.documents.iter().all(safe) {
                return Ok(());
            }
            news.next().await?;
        }
    }
}

pub(super) fn online() -> Result<DeviceOptions> {
    let listen = vec!["/ip4/127.0.0.1/tcp/0".parse()?];
    Ok(DeviceOptions { listen, ..Default::default() })
}

pub(super) fn offline() -> DeviceOptions {
    DeviceOptions { offline: true, ..Default::default() }
}
