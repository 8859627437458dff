//! What the examples share: people with devices in one folder.

use std::path::Path;

use driftline::{Device, DeviceId, DeviceOptions, Invitation, Registry, Role, Space};

pub(crate) type Result<T> = std::result::Result<T, Box<dyn std::error::Error>>;

/// Whether somebody's device reaches others.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Network {
    Online,
    Offline,
}

/// A person's device, and the one space that it is in.
pub(crate) struct Person {
    pub(crate) device: Device,
    pub(crate) space: Space,
}

impl Person {
    /// Opens the device in somebody's folder, which is in a space already.
    pub(crate) async fn open(path: &Path, network: Network, registry: Registry) -> Result<Self> {
        let device = open(path, network, registry).await?;
        let (space, _) = device.spaces().await?.pop().ok_or("the device is in no space yet")?;
        Ok(Self { device, space })
    }

    /// Saves everything, and frees the folder.
    pub(crate) async fn close(self) -> Result<()> {
        Ok(self.device.close().await?)
    }
}

/// Begins a space, with an anchor beside the one who begins it.
pub(crate) async fn found(
    folder: &Path,
    name: &str,
    registry: Registry,
) -> Result<(Person, Device)> {
    let device = open(&folder.join("boss"), Network::Online, registry.clone()).await?;
    let space = device.create_space(name).await?;
    let anchor = open(&folder.join("anchor"), Network::Online, registry).await?;
    let invitation = Invitation { role: Role::Anchor, ..Default::default() };
    anchor.join(&space.invite(invitation).await?).await?;
    Ok((Person { device, space }, anchor))
}

/// Lets somebody in, waits until they have everything, and lets them go.
pub(crate) async fn admit(
    path: &Path,
    boss: &Person,
    rank: Option<&str>,
    registry: Registry,
) -> Result<DeviceId> {
    let rank = rank.map(str::parse).transpose()?;
    let ticket = boss.space.invite(Invitation { rank, ..Default::default() }).await?;
    let device = open(path, Network::Online, registry).await?;
    device.join(&ticket).await?.caught_up().await?;
    let id = device.id();
    device.close().await?;
    Ok(id)
}

async fn open(path: &Path, network: Network, registry: Registry) -> Result<Device> {
    let offline = network == Network::Offline;
    let listen = if offline { Vec::new() } else { vec!["/ip4/127.0.0.1/tcp/0".parse()?] };
    let options = DeviceOptions { listen, offline, registry, ..Default::default() };
    Ok(Device::open_with(path, options).await?)
}
