//! A space, as an app holds it.

use std::sync::Arc;
use std::time::Duration;

use driftline_core::document::{BadName, Label};
use driftline_core::id::SpaceId;
use driftline_core::roster::{Role, Ticket};
use driftline_core::space::SpaceStatus;
use thiserror::Error;

use crate::device::Device;
use crate::document::{Branch, Document};
use crate::engine::{EngineGone, Handle, LoadError, Request};

/// One space on one device. Handles are cheap to clone.
#[derive(Clone)]
pub struct Space {
    id: SpaceId,
    device: Device,
}

/// What a ticket gives.
#[derive(Clone, Copy, Debug)]
pub struct Invitation {
    /// What whoever joins with it may do.
    pub role: Role,
    /// How long it can be used.
    pub lasts: Duration,
}

impl Default for Invitation {
    /// A writer's, for a week.
    fn default() -> Self {
        Self { role: Role::Writer, lasts: Duration::from_secs(7 * 24 * 3600) }
    }
}

/// Why nobody can be invited.
#[derive(Debug, Error)]
pub enum InviteError {
    /// Only admins invite.
    #[error("only an admin of the space can invite somebody")]
    NotAnAdmin,
    /// The device is closed.
    #[error(transparent)]
    Gone {
        /// The engine's end.
        #[from]
        source: EngineGone,
    },
}

/// Why a document can't be opened.
#[derive(Debug, Error)]
pub enum DocumentError {
    /// No document can have that name.
    #[error(transparent)]
    Name {
        /// What is wrong with it.
        #[from]
        source: BadName,
    },
    /// What is stored of it can't be read.
    #[error("the document can't be loaded")]
    Load {
        /// Why.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The device is closed, or not in the space any more.
    #[error(transparent)]
    Gone {
        /// The engine's end.
        #[from]
        source: EngineGone,
    },
}

impl Space {
    pub(crate) fn new(id: SpaceId, device: Device) -> Self {
        Self { id, device }
    }

    /// The space's id.
    pub fn id(&self) -> SpaceId {
        self.id
    }

    /// Opens a document, and begins it if it is not there. It stays in memory while a handle is held.
    ///
    /// # Errors
    /// If the name can't be one, or what is stored can't be read.
    pub async fn document(&self, name: &str) -> Result<Document, DocumentError> {
        Ok(Document::new(self.open(name, false).await?, self.device.clone()))
    }

    /// Opens a copy of a document that writes on a chain of its own, and takes in others' entries only when told
    /// to: see [`Branch`].
    ///
    /// # Errors
    /// If the name can't be one, or what is stored can't be read.
    pub async fn branch(&self, name: &str) -> Result<Branch, DocumentError> {
        Ok(Branch::new(Document::new(self.open(name, true).await?, self.device.clone())))
    }

    /// Issues a ticket that lets somebody in. Whoever holds it can use it: treat it as a secret.
    ///
    /// # Errors
    /// If this device is no admin of the space.
    pub async fn invite(&self, invitation: Invitation) -> Result<Ticket, InviteError> {
        let Invitation { role, lasts } = invitation;
        let space = self.id;
        let ticket = self.device.ask(|reply| Request::Invite { space, role, lasts, reply }).await?;
        ticket.ok_or(InviteError::NotAnAdmin)
    }

    /// How the space stands: its members, and how far each document got.
    ///
    /// # Errors
    /// If the device is closed.
    pub async fn status(&self) -> Result<SpaceStatus, EngineGone> {
        let space = self.id;
        self.device.ask(|reply| Request::Status { space, reply }).await?.ok_or(EngineGone)
    }

    /// Resolves when something that [`status`](Self::status) shows may have changed. Changes between two calls on
    /// the same [`News`] are not lost.
    ///
    /// # Errors
    /// If the device is closed.
    pub async fn news(&self) -> Result<News, EngineGone> {
        let space = self.id;
        let news = self.device.ask(|reply| Request::News { space, reply }).await?;
        Ok(News(news.ok_or(EngineGone)?))
    }

    /// Resolves when everything that connected members have is here, and there is such a member.
    ///
    /// # Errors
    /// If the device is closed.
    pub async fn caught_up(&self) -> Result<(), EngineGone> {
        let space = self.id;
        self.device.ask(|reply| Request::CaughtUp { space, reply }).await
    }

    async fn open(&self, name: &str, branch: bool) -> Result<Arc<Handle>, DocumentError> {
        let (space, label) = (self.id, Label::new(name)?);
        let opening =
            self.device.ask(|reply| Request::Open { space, label, branch, reply }).await?;
        let opening = opening.ok_or(EngineGone)?;
        if let Some(loaded) = opening.loaded {
            let loaded: Result<(), LoadError> = loaded.await.map_err(|_| EngineGone)?;
            loaded.map_err(|error| DocumentError::Load { source: Box::new(error) })?;
        }
        Ok(opening.handle)
    }
}

/// Hears that a space's status may have changed.
pub struct News(tokio::sync::watch::Receiver<u64>);

impl News {
    /// Resolves at the next change since the last call.
    ///
    /// # Errors
    /// If the device is closed.
    pub async fn next(&mut self) -> Result<(), EngineGone> {
        self.0.changed().await.map_err(|_| EngineGone)
    }
}
