//! Presence: what somebody shows of themselves while they are here, such as a cursor.
//!
//! It is signed by its owner and bound to a space, so that anybody may pass it on and nobody can show as another. It is
//! never stored. The latest word counts, and a word counts for [`SILENCE`] at the most.

use std::sync::Arc;
use std::time::Duration;

use bincode::{Decode, Encode};
use thiserror::Error;

use crate::codec;
use crate::document::{BadName, Label};
use crate::id::{DeviceId, SpaceId};
use crate::identity::{BadSignature, DeviceKey, Signature};

/// The largest state that can be shown, in bytes.
pub const MAX_STATE_BYTES: usize = 4 << 10;

/// How long somebody of whom nothing is heard is taken to be here.
pub const SILENCE: Duration = Duration::from_secs(30);

/// After how long an owner says again what still holds.
pub const RENEWAL: Duration = Duration::from_secs(12);

const PURPOSE: &str = "driftline presence 1";

/// Where somebody shows themselves: each spot has one state at a time.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Encode, Decode)]
pub struct Spot {
    /// Whose device it is.
    pub device: DeviceId,
    /// What it is about: the name of a document, or of anything else in the space.
    pub topic: Arc<str>,
    /// For whom the device speaks: 0 for its own user, any other number for somebody who is here through it.
    pub guest: u64,
}

/// Which of two words of one device is the later one. A device counts all that it says.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Encode, Decode)]
pub struct Version {
    /// In which of its runs it was said: later runs have larger numbers.
    pub run: u64,
    /// How much was said in that run before.
    pub count: u64,
}

/// What was said of a spot, by its owner. An empty state says that nobody is there any more.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Statement {
    /// What it is about.
    pub spot: Spot,
    /// Which of two is the later one.
    pub version: Version,
    /// What is shown: bytes that mean something to the app alone.
    pub state: Arc<[u8]>,
    signature: Signature,
}

/// Why something can't be shown.
#[derive(Debug, Error, Clone, Copy, PartialEq, Eq)]
pub enum PresenceError {
    /// No document has such a name, and so no topic either.
    #[error(transparent)]
    Topic {
        /// What is wrong with it.
        #[from]
        source: BadName,
    },
    /// The state is larger than [`MAX_STATE_BYTES`].
    #[error("a presence of {bytes} bytes is over the limit of {MAX_STATE_BYTES}: show less")]
    TooLarge {
        /// How large it is.
        bytes: usize,
    },
    /// The device shows itself in as many spots as others take from it.
    #[error("this device shows presence in {limit} places already: clear some first")]
    TooMany {
        /// In how many.
        limit: usize,
    },
}

impl Statement {
    /// Says something, as the device whose key that is.
    pub fn sign(
        spot: Spot,
        version: Version,
        state: Arc<[u8]>,
        space: &SpaceId,
        key: &DeviceKey,
    ) -> Self {
        let signature = key.sign(PURPOSE, &signed(space, &spot, version, &state));
        Self { spot, version, state, signature }
    }

    /// Checks that the owner said this, in that space.
    ///
    /// # Errors
    /// If it did not.
    pub fn verify(&self, space: &SpaceId) -> Result<(), BadSignature> {
        let Self { spot, version, state, signature } = self;
        spot.device.verify(PURPOSE, &signed(space, spot, *version, state), signature)
    }

    /// Whether it says that nobody is there any more.
    pub fn is_farewell(&self) -> bool {
        self.state.is_empty()
    }

    /// Whether it is one that an honest device could have made, by its size and its topic.
    pub fn is_sound(&self) -> bool {
        check(&self.spot.topic, &self.state).is_ok()
    }

    /// How many bytes of an author's it takes.
    pub(crate) fn bytes(&self) -> usize {
        self.spot.topic.len() + self.state.len()
    }
}

/// Whether a state can be shown in a topic.
///
/// # Errors
/// If the topic can't be one, or the state is too large.
pub fn check(topic: &str, state: &[u8]) -> Result<(), PresenceError> {
    Label::new(topic)?;
    match state.len() {
        0..=MAX_STATE_BYTES => Ok(()),
        bytes => Err(PresenceError::TooLarge { bytes }),
    }
}

fn signed(space: &SpaceId, spot: &Spot, version: Version, state: &[u8]) -> Vec<u8> {
    codec::encode(&(space, spot, version, state))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn statement(key: &DeviceKey, space: &SpaceId) -> Statement {
        let spot = Spot { device: key.id(), topic: "notes".into(), guest: 0 };
        Statement::sign(spot, Version { run: 1, count: 1 }, (*b"here").into(), space, key)
    }

    #[test]
    fn nobody_shows_as_another_nor_in_another_space() {
        let (key, space) = (DeviceKey::from_seed(&[1; 32]), SpaceId([7; 32]));
        let honest = statement(&key, &space);
        assert!(honest.verify(&space).is_ok());
        assert!(honest.verify(&SpaceId([8; 32])).is_err());
        let change = |change: &dyn Fn(&mut Statement)| {
            let mut forged = honest.clone();
            change(&mut forged);
            forged.verify(&space)
        };
        assert!(change(&|it| it.spot.device = DeviceKey::from_seed(&[2; 32]).id()).is_err());
        assert!(change(&|it| it.spot.topic = "plan".into()).is_err());
        assert!(change(&|it| it.spot.guest = 1).is_err());
        assert!(change(&|it| it.version.count = 2).is_err());
        assert!(change(&|it| it.state = [].into()).is_err());
    }

    #[test]
    fn what_is_too_large_or_has_no_name_is_not_sound() {
        let (key, space) = (DeviceKey::from_seed(&[1; 32]), SpaceId([7; 32]));
        let mut it = statement(&key, &space);
        it.state = vec![0; MAX_STATE_BYTES].into();
        assert!(it.is_sound());
        it.state = vec![0; MAX_STATE_BYTES + 1].into();
        assert!(!it.is_sound());
        it.state = [1].into();
        it.spot.topic = "".into();
        assert!(!it.is_sound());
    }
}
