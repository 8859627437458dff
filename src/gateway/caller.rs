//! Who is calling, and what they may do: asked again for each message.

use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use super::closing::Closing;
use crate::{Device, Pass, PassTerms, Role, Space};

/// A guest, as their pass says.
pub(super) struct Caller {
    pub(super) space: Space,
    pub(super) guest: Arc<str>,
    terms: PassTerms,
}

impl Caller {
    /// Reads a pass, which has to be for the space that is asked for, by its id or its name.
    pub(super) async fn of(device: &Device, pass: &str, space: &str) -> Result<Self, Closing> {
        let terms = Pass::read(pass, &device.id()).map_err(|_| Closing::NoPass)?;
        let spaces = device.spaces().await.map_err(|_| Closing::Leaving)?;
        let known = spaces.into_iter().find(|(known, _)| known.id() == terms.space);
        let (known, name) = known.ok_or(Closing::NotHere)?;
        if space != name && !known.id().to_string().eq_ignore_ascii_case(space) {
            return Err(Closing::NoPass);
        }
        let caller = Self { space: known, guest: terms.guest.as_str().into(), terms };
        caller.role()?;
        Ok(caller)
    }

    /// What the guest may do now.
    pub(super) fn role(&self) -> Result<Role, Closing> {
        match self.lasts() {
            Duration::ZERO => Err(Closing::Expired),
            _ => self.space.guest_role(&self.terms).ok_or(Closing::Revoked),
        }
    }

    /// How long the pass still counts.
    pub(super) fn lasts(&self) -> Duration {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Duration::from_millis(self.terms.expires.0).saturating_sub(now)
    }
}
