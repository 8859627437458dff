//! Who is calling, and what they may do: asked again for each message.

use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use super::allowance::Allowance;
use super::backend::Question;
use super::closing::Closing;
use super::places::Place;
use crate::{PassTerms, Role, Space, SpaceId};

/// A guest, by space and name.
pub(super) type GuestKey = (SpaceId, Arc<str>);

/// A guest, as their pass says, or the app's backend.
pub(super) struct Caller {
    pub(super) space: Space,
    pub(super) guest: Arc<str>,
    /// How much they may still say.
    pub(super) allowance: Arc<Allowance>,
    /// How it is known who they are.
    pub(super) means: Means,
    pub(super) terms: PassTerms,
    /// The socket or request counts as theirs for as long as they are in.
    place: Option<Arc<Place<GuestKey>>>,
}

/// How it is known who somebody is.
pub(super) enum Means {
    /// They showed a pass.
    Pass,
    /// Their browser sent a cookie along, and so it does for pages that are none of theirs.
    Session {
        /// What tells their own pages from those.
        csrf: String,
    },
    /// The app's backend said so.
    Backend {
        /// What it was asked.
        question: Question,
        /// When it is to be asked again.
        again: Instant,
    },
}

impl Caller {
    pub(super) fn new(
        space: Space,
        terms: PassTerms,
        means: Means,
        allowance: Arc<Allowance>,
    ) -> Result<Self, Closing> {
        let guest = terms.guest.as_str().into();
        let caller = Self { space, guest, allowance, means, terms, place: None };
        caller.role()?;
        Ok(caller)
    }

    pub(super) fn key(&self) -> GuestKey {
        (self.space.id(), self.guest.clone())
    }

    /// What the guest may do now.
    pub(super) fn role(&self) -> Result<Role, Closing> {
        match self.left() {
            Duration::ZERO => Err(Closing::Expired),
            _ => self.space.guest_role(&self.terms).ok_or(Closing::Revoked),
        }
    }

    /// How long it is known what they may do.
    pub(super) fn lasts(&self) -> Duration {
        match self.means {
            Means::Backend { again, .. } => again.saturating_duration_since(Instant::now()),
            Means::Pass | Means::Session { .. } => self.left(),
        }
    }

    /// Whether the backend is to be asked again.
    pub(super) fn is_due(&self) -> bool {
        matches!(self.means, Means::Backend { .. }) && self.lasts().is_zero()
    }

    /// The same guest has shown something newer.
    pub(super) fn renew(&mut self, newer: Self) {
        (self.terms, self.means) = (newer.terms, newer.means);
    }

    /// The place that the guest has, if any.
    pub(super) fn place(&self) -> Option<Arc<Place<GuestKey>>> {
        self.place.clone()
    }

    /// Takes a place.
    pub(super) fn sit(mut self, place: Arc<Place<GuestKey>>) -> Self {
        self.place = Some(place);
        self
    }

    fn left(&self) -> Duration {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Duration::from_millis(self.terms.expires.0).saturating_sub(now)
    }
}
