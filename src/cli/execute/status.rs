//! `status`: who is there, and how far each document got.

use std::collections::BTreeMap;

use driftline::{
    Connection, Device, DeviceId, DiskState, DiskStatus, PeerState, PeerStatus, SpaceStatus,
};

use super::find;
use crate::cli::error::Error;
use crate::cli::output::Speaker;
use crate::cli::report::{self, Report, State, Trouble};

type Connections = BTreeMap<DeviceId, Connection>;

pub(super) async fn status(
    device: &Device,
    space: Option<&str>,
    speaker: &Speaker,
) -> Result<(), Error> {
    let spaces = match space {
        Some(name) => vec![find::space(device, name).await?],
        None => device.spaces().await?.into_iter().map(|(space, _)| space).collect(),
    };
    let connections = device.connections().await?.into_iter();
    let connections = connections.map(|connection| (connection.peer, connection)).collect();
    let mut reports = Vec::new();
    for space in spaces {
        reports.push(space_report(space.status().await?, &connections));
    }
    let DiskStatus { state, damaged } = device.disk().await?;
    let disk = match state {
        DiskState::Sound => None,
        DiskState::Full => Some(Trouble::Full),
        DiskState::Failed { why } => Some(Trouble::Failed(why)),
    };
    let status = report::Status { device: device.id(), disk, damaged, spaces: reports };
    speaker.report(Report::Status(status)).await;
    Ok(())
}

fn space_report(status: SpaceStatus, connections: &Connections) -> report::Space {
    let SpaceStatus { space, name, role, removed, peers, stopped, documents } = status;
    let removed = removed.map(|former| report::Removal { by: former.by, at: former.at.0 });
    let peers = peers.into_iter().map(|peer| peer_report(&peer, connections)).collect();
    report::Space { space, name, role, removed, peers, stopped, documents }
}

fn peer_report(peer: &PeerStatus, connections: &Connections) -> report::Peer {
    let connection = connections.get(&peer.device);
    report::Peer {
        device: peer.device,
        role: peer.role,
        state: match peer.state {
            PeerState::Away => State::Away,
            PeerState::Meeting => State::Meeting,
            PeerState::CatchingUp => State::CatchingUp,
            PeerState::Live => State::Live,
        },
        address: connection.map(|connection| connection.address.to_string()),
        transport: connection.map(|connection| connection.transport.to_string()),
        objection: peer.objection,
    }
}
