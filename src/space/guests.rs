//! Guests of a space: let in by passes, and held to what they may do.

use std::time::Duration;

use driftline_core::roster::{BadPass, Pass, PassTerms, Role};
use thiserror::Error;

use super::Space;
use crate::device::Device;
use crate::engine::{EngineGone, GuestAsking, Request, Standings};

/// Why a guest can't be let in, or held to something.
#[derive(Debug, Error)]
pub enum GuestError {
    /// Nobody can be given that, or not by this device.
    #[error(transparent)]
    Bad {
        /// What is wrong with it.
        #[from]
        source: BadPass,
    },
    /// The device is closed.
    #[error(transparent)]
    Gone {
        /// The engine's end.
        #[from]
        source: EngineGone,
    },
}

impl Space {
    /// Issues a pass for a guest, who comes to this device's gateway with a stock Yjs client. Whoever holds it is that
    /// guest: treat it as a secret.
    ///
    /// # Errors
    /// If this device is no anchor or admin of the space, or nobody can be let in so.
    pub async fn pass(&self, guest: &str, role: Role, lasts: Duration) -> Result<Pass, GuestError> {
        let guest = guest.to_owned();
        self.ask_about_guests(|reply| GuestAsking::Pass { guest, role, lasts, reply }).await
    }

    /// From now on the passes that a guest has give this role at the most, or none. Passes that are issued later count
    /// again as they say. It holds on this device, which is where they come in.
    ///
    /// # Errors
    /// If this device is no anchor or admin of the space.
    pub async fn limit_guest(&self, guest: &str, role: Option<Role>) -> Result<(), GuestError> {
        let guest = guest.to_owned();
        self.ask_about_guests(|reply| GuestAsking::Limit { guest, role, reply }).await
    }

    /// What a pass gives now, but for its end; nothing if it was taken back.
    pub fn guest_role(&self, terms: &PassTerms) -> Option<Role> {
        self.device.guests().role(terms)
    }

    async fn ask_about_guests<T>(
        &self,
        asking: impl FnOnce(tokio::sync::oneshot::Sender<Result<T, BadPass>>) -> GuestAsking,
    ) -> Result<T, GuestError> {
        let space = self.id;
        let asked = self.device.ask(|reply| Request::Guests { space, asking: asking(reply) });
        Ok(asked.await??)
    }
}

impl Device {
    /// Hears when what guests of any space may do has changed.
    pub fn guest_news(&self) -> GuestNews {
        GuestNews(self.guests().watch())
    }
}

/// Hears when what guests may do has changed.
pub struct GuestNews(Standings);

impl GuestNews {
    /// Resolves at the next change since the last call.
    ///
    /// # Errors
    /// If the device is closed.
    pub async fn next(&mut self) -> Result<(), EngineGone> {
        self.0.changed().await.map_err(|_| EngineGone)
    }
}
