//! A space, as an app holds it.

mod answers;
mod buckets;
mod commands;
mod foreseen;
mod guests;
mod sources;
mod story;
mod tasks;
mod views;

use std::sync::Arc;
use std::time::Duration;

use driftline_core::clock::WallTime;
use driftline_core::document::{BadName, Label};
use driftline_core::id::{DeviceId, SpaceId};
use driftline_core::record::{BadBucket, Bucket};
use driftline_core::roster::{Former, Member, Rank, Role, Roster, Ticket};
use driftline_core::space::{Extent, NotPermitted, SpaceStatus};
use thiserror::Error;
use yrs::GetString;

use crate::device::Device;
use crate::document::{Branch, Document};
use crate::engine::{Deed, EngineGone, Handle, LoadError, Request};
use crate::presence::Presence;

pub use answers::{AllAnswers, Answer, AnswerError, Answers, Outcome};
pub use buckets::Grants;
pub use commands::{SubmitError, Submitted};
pub use foreseen::{AllForeseen, Foreseen, ForeseenError, Foresight};
pub use guests::{GuestError, GuestNews};
pub use sources::PublishError;
pub use story::StoryError;
pub use tasks::{Task, Tasks};
pub use views::{Difference, View, Views, Watch};

/// One space on one device. Handles are cheap to clone.
#[derive(Clone)]
pub struct Space {
    id: SpaceId,
    device: Device,
}

/// What a ticket gives.
#[derive(Clone, Debug)]
pub struct Invitation {
    /// What whoever joins with it may do.
    pub role: Role,
    /// Where they stand in `rank` policies.
    pub rank: Option<Rank>,
    /// How long it can be used.
    pub lasts: Duration,
}

impl Default for Invitation {
    /// A writer's, for a week.
    fn default() -> Self {
        Self { role: Role::Writer, rank: None, lasts: Duration::from_secs(7 * 24 * 3600) }
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

/// Why the roster can't be changed.
#[derive(Debug, Error)]
pub enum GovernError {
    /// There is no such document to be deleted, or restored.
    #[error("there is no document “{name}” here that could be deleted or restored")]
    NoDocument {
        /// What it should be called.
        name: String,
    },
    /// A document was begun in place of the one that was deleted.
    #[error("another document “{name}” was begun meanwhile: delete that one first")]
    NameTaken {
        /// What both are called.
        name: String,
    },
    /// No bucket can be called that.
    #[error(transparent)]
    Bucket {
        /// What is wrong with it.
        #[from]
        source: BadBucket,
    },
    /// The member was not granted the bucket.
    #[error("{} was not granted “{bucket}”: anchors and admins read all buckets by their role", member.short())]
    NotGranted {
        /// The bucket.
        bucket: Bucket,
        /// The member.
        member: DeviceId,
    },
    /// Only admins may, and only members can be given a role or removed.
    #[error(transparent)]
    NotPermitted {
        /// What does not permit it.
        #[from]
        source: NotPermitted,
    },
    /// The device is closed.
    #[error(transparent)]
    Gone {
        /// The engine's end.
        #[from]
        source: EngineGone,
    },
}

/// A document that was deleted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeletedDocument {
    /// What it was called.
    pub name: String,
    /// Who deleted it.
    pub by: DeviceId,
    /// When, by that one's clock.
    pub at: WallTime,
}

/// Who is in a space, and who was.
#[derive(Clone, Debug)]
pub struct Members {
    /// Those who are in, this device too.
    pub present: Vec<(DeviceId, Member)>,
    /// Those who were removed or have left, with who did it, and when.
    pub former: Vec<(DeviceId, Former)>,
}

impl Members {
    pub(crate) fn of(roster: &Roster) -> Self {
        Self {
            present: roster.members().map(|(id, member)| (*id, member.clone())).collect(),
            former: roster.formers().map(|(id, former)| (*id, *former)).collect(),
        }
    }
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
        Ok(Document::new(self.open(name, false).await?, name, self.device.clone()))
    }

    /// How much is held of a document, and of how many others, without opening it.
    ///
    /// # Errors
    /// If the name can't be one, or the device is closed.
    pub async fn extent(&self, name: &str) -> Result<Extent, DocumentError> {
        let (space, label) = (self.id, Label::new(name)?);
        let extent = self.device.ask(|reply| Request::Extent { space, label, reply }).await?;
        Ok(extent.ok_or(EngineGone)?)
    }

    /// The text of a document's root, [kept](Self::kept_text) or not.
    ///
    /// # Errors
    /// If the name can't be one, or what is stored can't be read.
    pub async fn document_text(&self, name: &str, root: &str) -> Result<String, DocumentError> {
        if let Some(text) = self.kept_text(name, root).await? {
            return Ok(text);
        }
        let document = self.document(name).await?;
        let text = document.text(root);
        Ok(document.read(|txn| text.get_string(txn)))
    }

    /// The text of a document's root as it was kept when the document was open last, which takes a fraction of opening
    /// it. Nothing if something was written since, it is open now, or the root holds no text.
    ///
    /// # Errors
    /// If the name can't be one, or the device is closed.
    pub async fn kept_text(&self, name: &str, root: &str) -> Result<Option<String>, DocumentError> {
        let (space, label) = (self.id, Label::new(name)?);
        let closed = self.device.ask(|reply| Request::ClosedAt { space, label, reply }).await?;
        let Some((document, held)) = closed else { return Ok(None) };
        let kept = self.device.look(move |store| store.texts(&document)).await?;
        // What can't be read is found out when the document is opened.
        let current = kept.ok().flatten().filter(|texts| texts.frontier == held);
        Ok(current.and_then(|mut texts| texts.roots.remove(root)))
    }

    /// Opens a copy of a document that writes on a chain of its own, and takes in others' entries only when told
    /// to: see [`Branch`].
    ///
    /// # Errors
    /// If the name can't be one, or what is stored can't be read.
    pub async fn branch(&self, name: &str) -> Result<Branch, DocumentError> {
        Ok(Branch::new(Document::new(self.open(name, true).await?, name, self.device.clone())))
    }

    /// Who is here in a document of that name, which need not be open, or in anything else that is called so.
    ///
    /// # Errors
    /// If the name can't be one.
    pub fn presence(&self, name: &str) -> Result<Presence, BadName> {
        Label::new(name)?;
        Ok(Presence::new(self.id, name.into(), self.device.clone()))
    }

    /// Issues a ticket that lets somebody in. Whoever holds it can use it: treat it as a secret.
    ///
    /// # Errors
    /// If this device is no admin of the space.
    pub async fn invite(&self, invitation: Invitation) -> Result<Ticket, InviteError> {
        let space = self.id;
        let ticket = self.device.ask(|reply| Request::Invite { space, invitation, reply }).await?;
        ticket.ok_or(InviteError::NotAnAdmin)
    }

    /// Closes a ticket: nobody is let in with it any more, wherever this is heard of. Whoever is in stays in.
    ///
    /// # Errors
    /// If this device is no admin of the space.
    pub async fn close_ticket(&self, ticket: &Ticket) -> Result<(), GovernError> {
        self.govern(Deed::CloseTicket { bearer: ticket.certificate().bearer() }).await
    }

    /// Who is in the space, and who was.
    ///
    /// # Errors
    /// If the device is closed.
    pub async fn members(&self) -> Result<Members, EngineGone> {
        let space = self.id;
        self.device.ask(|reply| Request::Members { space, reply }).await?.ok_or(EngineGone)
    }

    /// Gives a member another role and rank. If the new role does not write, what they have written counts as far as
    /// this device has it.
    ///
    /// # Errors
    /// If this device is no admin of the space, or the other no member.
    pub async fn appoint(
        &self,
        device: DeviceId,
        role: Role,
        rank: Option<Rank>,
    ) -> Result<(), GovernError> {
        self.govern(Deed::Appoint { device, role, rank }).await
    }

    /// Removes a member, or leaves the space, if it is this device. What they have written counts as far as this
    /// device has it, and the tickets that they issued or used are closed. They keep what they have; they are told as
    /// soon as they meet somebody who knows.
    ///
    /// # Errors
    /// If this device is no admin of the space, or the other no member.
    pub async fn remove(&self, device: DeviceId) -> Result<(), GovernError> {
        self.govern(Deed::Remove { device }).await
    }

    /// Deletes a document for everybody. What others write in it before they hear of that is not taken any more, and
    /// comes back only if it is [restored](Self::restore_document).
    ///
    /// # Errors
    /// If this device is no admin of the space, or there is no such document.
    pub async fn delete_document(&self, name: &str) -> Result<(), GovernError> {
        let named = Label::new(name).ok();
        let known = self.status().await?.documents.iter().any(|document| document.name == name);
        match named.filter(|_| known) {
            Some(document) => self.govern(Deed::Delete { document }).await,
            None => Err(GovernError::NoDocument { name: name.to_owned() }),
        }
    }

    /// Brings back the document of that name that was deleted last, with all that was written in it.
    ///
    /// # Errors
    /// If this device is no admin of the space, no such document was deleted, or another was begun in its place.
    pub async fn restore_document(&self, name: &str) -> Result<(), GovernError> {
        let deleted = self.deleted().await?.into_iter().map(|(label, _)| label);
        let last = deleted.filter(|label| label.name() == name).max();
        let document = last.ok_or_else(|| GovernError::NoDocument { name: name.to_owned() })?;
        if self.status().await?.documents.iter().any(|document| document.name == name) {
            return Err(GovernError::NameTaken { name: name.to_owned() });
        }
        self.govern(Deed::Restore { document }).await
    }

    /// The documents that were deleted, with who did it and when.
    ///
    /// # Errors
    /// If the device is closed.
    pub async fn deleted_documents(&self) -> Result<Vec<DeletedDocument>, EngineGone> {
        let deleted = self.deleted().await?.into_iter();
        let deleted = deleted.map(|(label, Former { by, at })| DeletedDocument {
            name: label.name().to_owned(),
            by,
            at,
        });
        Ok(deleted.collect())
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

    async fn deleted(&self) -> Result<Vec<(Label, Former)>, EngineGone> {
        let space = self.id;
        self.device.ask(|reply| Request::Deleted { space, reply }).await
    }

    async fn govern(&self, deed: Deed) -> Result<(), GovernError> {
        let space = self.id;
        Ok(self.device.ask(|reply| Request::Govern { space, deed, reply }).await??)
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

impl std::fmt::Debug for Space {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Space").field(&self.id).finish()
    }
}
