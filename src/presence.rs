//! Who is here, and what they show: cursors, selections, "is typing".

use std::marker::PhantomData;
use std::sync::Arc;

use driftline_core::id::{DeviceId, SpaceId};
use driftline_core::presence::PresenceError;
use serde::Serialize;
use serde::de::DeserializeOwned;
use thiserror::Error;
use tokio::sync::watch;

use crate::device::Device;
use crate::engine::{Company, EngineGone, Present};

/// The presence in a document, or in anything else of a space that has a name: see
/// [`Document::presence`](crate::Document::presence) and [`Space::presence`](crate::Space::presence).
///
/// What is shown is signed by the device, never stored, and the latest alone counts. It stays until it is
/// [cleared](Self::clear) or the device is closed; if the device is gone without a word, others see it for 30 seconds
/// more. States travel as JSON of at most 4 KiB.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let folder = tempfile::tempdir()?;
/// # let device = driftline::Device::open(folder.path().join("device")).await?;
/// # let space = device.create_space("kitchen").await?;
/// # let notes = space.document("notes/today").await?;
/// #[derive(serde::Serialize, serde::Deserialize)]
/// struct Cursor {
///     name: String,
///     at: u32,
/// }
///
/// let presence = notes.presence();
/// presence.set(&Cursor { name: "Ann".to_owned(), at: 4 })?;
/// for other in presence.others::<Cursor>() {
///     println!("{} is at {}", other.state.name, other.state.at);
/// }
/// # device.close().await?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct Presence {
    space: SpaceId,
    topic: Arc<str>,
    guest: u64,
    device: Device,
}

/// Somebody else who is here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Other<T> {
    /// Whose device it is.
    pub device: DeviceId,
    /// 0 for the device's own user, another number for a [guest](Presence::as_guest) of it.
    pub guest: u64,
    /// What they show.
    pub state: T,
}

/// Hears who is here: see [`Presence::watch`].
pub struct Others<T> {
    presence: Presence,
    company: watch::Receiver<Company>,
    last: Option<Vec<Present>>,
    state: PhantomData<fn() -> T>,
}

/// Why something can't be shown.
#[derive(Debug, Error)]
pub enum ShowError {
    /// It does not become JSON.
    #[error("the presence can't be written as JSON")]
    Encode {
        /// Why not.
        #[from]
        source: serde_json::Error,
    },
    /// It is too large, or too much is shown already.
    #[error(transparent)]
    Refused {
        /// By what.
        #[from]
        source: PresenceError,
    },
    /// The device is closed.
    #[error(transparent)]
    Gone {
        /// The engine's end.
        #[from]
        source: EngineGone,
    },
}

impl Presence {
    pub(crate) fn new(space: SpaceId, topic: Arc<str>, device: Device) -> Self {
        Self { space, topic, guest: 0, device }
    }

    /// The presence of somebody who is here through this device, as behind a gateway. Guests have numbers other than
    /// 0, which the device gives them as it likes, and see one another and the device's own user as others.
    #[must_use]
    pub fn as_guest(&self, guest: u64) -> Self {
        Self { guest, ..self.clone() }
    }

    /// Shows a state in place of the last one. It never waits: of states that follow one another quickly, others see
    /// the newest.
    ///
    /// # Errors
    /// If the state is too large, or this device shows itself in too many places.
    pub fn set(&self, state: &impl Serialize) -> Result<(), ShowError> {
        let state = serde_json::to_vec(state)?;
        self.device.stage().show(self.spot(), state)
    }

    /// Shows nothing any more. Others who are connected hear so at once.
    pub fn clear(&self) {
        self.device.stage().hide(self.spot());
    }

    /// Everybody else who is here, now. Whoever shows what does not read as a `T` is left out.
    pub fn others<T: DeserializeOwned>(&self) -> Vec<Other<T>> {
        read(&self.besides(&self.device.stage().company(self.space, &self.topic)))
    }

    /// Everybody else who is here, now and then whenever that changes; changes that nobody waited for come as one.
    pub fn watch<T: DeserializeOwned>(&self) -> Others<T> {
        let mut company = self.device.stage().watch(self.space, &self.topic);
        company.mark_changed();
        Others { presence: self.clone(), company, last: None, state: PhantomData }
    }

    fn spot(&self) -> (SpaceId, Arc<str>, u64) {
        (self.space, self.topic.clone(), self.guest)
    }

    fn besides(&self, company: &[Present]) -> Vec<Present> {
        let me = (self.device.id(), self.guest);
        company.iter().filter(|present| (present.device, present.guest) != me).cloned().collect()
    }
}

impl<T: DeserializeOwned> Others<T> {
    /// Resolves with everybody else who is here, at once the first time. Dropping the future loses nothing.
    ///
    /// # Errors
    /// If the device is closed.
    pub async fn next(&mut self) -> Result<Vec<Other<T>>, EngineGone> {
        loop {
            self.company.changed().await.map_err(|_| EngineGone)?;
            let now = self.presence.besides(&self.company.borrow_and_update());
            if self.last.as_ref() != Some(&now) {
                return Ok(read(self.last.insert(now)));
            }
        }
    }
}

fn read<T: DeserializeOwned>(company: &[Present]) -> Vec<Other<T>> {
    let others = company.iter().filter_map(|Present { device, guest, state }| {
        let state = serde_json::from_slice(state).ok()?;
        Some(Other { device: *device, guest: *guest, state })
    });
    others.collect()
}
