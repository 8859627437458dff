//! `presence`: who is here, and showing oneself.

use std::collections::BTreeMap;
use std::time::Duration;

use driftline::{Device, DeviceId, Other, PeerState, Presence, Space};
use serde_json::Value;
use tokio::time::{sleep, timeout};

use super::find;
use crate::cli::error::{Error, PresenceError};
use crate::cli::output::Speaker;
use crate::cli::report::{Present, Report};
use crate::cli::request::{DocumentPath, PresenceRequest};

/// How long somebody who has just come online waits to hear who is here.
const PATIENCE: Duration = Duration::from_secs(3);

pub(super) async fn presence(
    device: &Device,
    request: PresenceRequest,
    speaker: &Speaker,
) -> Result<(), Error> {
    match request {
        PresenceRequest::Set { document, state, lasts } => {
            let (_, presence) = find_presence(device, &document).await?;
            set(presence, &state, lasts, speaker).await
        }
        PresenceRequest::Ls { document } => {
            let (space, presence) = find_presence(device, &document).await?;
            list(&space, &presence, speaker).await
        }
        PresenceRequest::Watch { document } => {
            let (_, presence) = find_presence(device, &document).await?;
            watch(&presence, speaker).await
        }
    }
}

async fn find_presence(device: &Device, path: &DocumentPath) -> Result<(Space, Presence), Error> {
    let space = find::space(device, &path.space).await?;
    let presence = space.presence(&path.name);
    let presence = presence.map_err(|source| PresenceError::Name { source })?;
    Ok((space, presence))
}

/// What is shown only while a command runs, however that ends.
struct While(Presence);

impl Drop for While {
    fn drop(&mut self) {
        self.0.clear();
    }
}

async fn set(
    presence: Presence,
    state: &Value,
    lasts: Option<Duration>,
    speaker: &Speaker,
) -> Result<(), Error> {
    let shown = While(presence);
    shown.0.set(state).map_err(|source| PresenceError::Show { source })?;
    speaker.report(Report::Showing { state: state.clone() }).await;
    match lasts {
        Some(lasts) => sleep(lasts).await,
        None => std::future::pending().await,
    }
    Ok(())
}

async fn list(space: &Space, presence: &Presence, speaker: &Speaker) -> Result<(), Error> {
    let peers = space.status().await?.peers;
    let mut others = presence.others::<Value>();
    if peers.iter().all(|peer| peer.state == PeerState::Away) {
        // Others have no time to say anything to a device that comes and goes with this command.
        others = timeout(PATIENCE, company(presence)).await.unwrap_or(Ok(others))?;
    }
    for Other { device, guest, state } in others {
        let state = Some(state);
        speaker.report(Report::Present(Present { device, guest, state })).await;
    }
    Ok(())
}

/// Everybody who is here, once that is somebody.
async fn company(presence: &Presence) -> Result<Vec<Other<Value>>, Error> {
    let mut watch = presence.watch();
    loop {
        let others = watch.next().await?;
        if !others.is_empty() {
            return Ok(others);
        }
    }
}

async fn watch(presence: &Presence, speaker: &Speaker) -> Result<(), Error> {
    let mut watch = presence.watch::<Value>();
    let mut last: BTreeMap<(DeviceId, u64), Value> = BTreeMap::new();
    speaker.progress("watching", None).await;
    loop {
        let others = watch.next().await?.into_iter();
        let now: BTreeMap<_, _> = others.map(|it| ((it.device, it.guest), it.state)).collect();
        let gone = last.keys().filter(|who| !now.contains_key(who)).map(|who| (*who, None));
        let news = now.iter().filter(|(who, state)| last.get(who) != Some(state));
        let news = news.map(|(who, state)| (*who, Some(state.clone())));
        for ((device, guest), state) in gone.chain(news) {
            speaker.report(Report::Present(Present { device, guest, state })).await;
        }
        last = now;
    }
}
