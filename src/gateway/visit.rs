//! A guest in a document: what they say is taken in as far as they may, and what is new is gathered for them.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use driftline_core::document::check;
use tokio::sync::Notify;

use super::budget::{Budget, Part};
use super::caller::Caller;
use super::closing::Closing;
use super::outbox::Outbox;
use super::presence::{self, SocketId};
use super::room::{self, Room, Written};
use super::rooms::Inside;
use super::wire::{self, Message};
use crate::{EditError, Role};

/// How long a write waits until the device takes more.
const BUSY: Duration = Duration::from_millis(20);

pub(super) struct Visit {
    pub(super) caller: Caller,
    inside: Inside,
    outbox: Arc<Outbox>,
    socket: SocketId,
    /// Whether the client wants to hear of each edit whether it is safe.
    acknowledges: bool,
    /// What the client is known to have, as a state vector.
    version: Vec<u8>,
    /// Whether it has something that could not be taken in yet.
    lacking: bool,
}

/// What a client is to be told.
pub(super) struct Told {
    pub(super) messages: Vec<Bytes>,
    /// The memory that it takes until it is sent, if that is much.
    pub(super) part: Option<Part>,
    /// Whether it was too slow for all that happened, and gets the difference.
    pub(super) was_behind: bool,
}

/// What came of a message.
pub(super) enum Heard {
    /// Nothing that anybody waits for.
    Nothing,
    /// An edit was taken in.
    Wrote(Written),
    /// An edit was passed over, because the guest may only read.
    PassedOver {
        /// Whether all that it says was there already.
        held: bool,
    },
}

impl Visit {
    /// Comes in. `news` is told when there is something to be [told](Self::tell).
    pub(super) fn new(
        caller: Caller,
        inside: Inside,
        acknowledges: bool,
        max_bytes: usize,
        news: Arc<Notify>,
    ) -> Self {
        let outbox = Arc::new(Outbox::new(max_bytes, news));
        let socket = inside.room.enter(outbox.clone());
        let version = vec![0];
        Self { caller, inside, outbox, socket, acknowledges, version, lacking: false }
    }

    /// What the guest may do here now.
    pub(super) fn role(&self) -> Result<Role, Closing> {
        let role = self.caller.role()?;
        self.room().document.hosts().map_err(|error| Closing::of(&error))?;
        Ok(role)
    }

    /// Takes in what the client says.
    pub(super) async fn hear(&mut self, message: Message<'_>) -> Result<Heard, Closing> {
        let role = self.role()?;
        match message {
            Message::Step1(version) => {
                check::state_vector(version).map_err(|_| Closing::Nonsense)?;
                self.version = version.to_vec();
                self.outbox.asked();
                // A reader has nothing to say, but may want to hear that.
                if role.writes() || self.acknowledges {
                    self.ask();
                }
            }
            Message::Step2(update) if role.writes() => {
                return self.write(update).await;
            }
            Message::Update(update) if role.writes() => {
                let heard = self.write(update).await?;
                if self.lacking {
                    self.ask();
                }
                return Ok(heard);
            }
            Message::Step2(update) | Message::Update(update) if self.acknowledges => {
                let held = self.room().document.holds(update).map_err(|_| Closing::Nonsense)?;
                return Ok(Heard::PassedOver { held });
            }
            Message::Presence(states) => {
                let noted = self.room().note_presence(self.socket, &self.caller.guest, states);
                noted.map_err(|_| Closing::Nonsense)?;
            }
            Message::AskPresence => self.outbox.presence(&self.room().presence()),
            Message::Step2(_) | Message::Update(_) | Message::Other => {}
        }
        Ok(Heard::Nothing)
    }

    /// All that the client is to be told.
    pub(super) async fn tell(&mut self, budget: &Budget) -> Result<Told, Closing> {
        let waiting = self.outbox.take();
        if let Some(closing) = waiting.closing {
            return Err(closing);
        }
        let (mut messages, mut part) = (Vec::new(), None);
        if waiting.asked || waiting.behind {
            let version = self.room().document.version();
            let mut taken = budget.take(self.room().size()).await;
            let difference = self.difference().await?;
            taken.shrink(difference.len());
            part = Some(taken).filter(Part::is_some);
            let says = if waiting.asked { wire::step_2 } else { wire::update };
            messages.push(says(&difference));
            self.version = version;
        }
        messages.extend(waiting.asks.iter().map(|version| wire::step_1(version)));
        messages.extend(room::merge(&waiting.updates).iter().map(|update| wire::update(update)));
        if !waiting.presence.is_empty() {
            messages.push(wire::presence(&presence::encoded(waiting.presence.values())));
        }
        Ok(Told { messages, part, was_behind: waiting.behind })
    }

    /// Some time has passed: whoever is silent is gone, and what was lacking may be there now.
    pub(super) fn beat(&mut self) -> Result<(), Closing> {
        self.room().expire_presence();
        if self.role()?.writes() && self.lacking {
            self.ask();
        }
        Ok(())
    }

    fn room(&self) -> &Arc<Room> {
        &self.inside.room
    }

    /// Asks the client for what is lacking here.
    fn ask(&mut self) {
        self.lacking = false;
        self.outbox.ask(self.room().document.version().into());
    }

    /// What the client lacks. Computing it may take a while in a large document, and holds up nobody else.
    async fn difference(&self) -> Result<Bytes, Closing> {
        let (document, version) = (self.room().document.clone(), self.version.clone());
        let difference = tokio::task::spawn_blocking(move || document.state_since(&version));
        let difference = difference.await.map_err(|_| Closing::TryAgain)?;
        let difference = difference.map_err(|_| Closing::Nonsense)?;
        self.room().document.written().await.map_err(|_| Closing::Leaving)?;
        Ok(difference.into())
    }

    async fn write(&mut self, update: &[u8]) -> Result<Heard, Closing> {
        loop {
            let written = self.room().write(Some(self.socket), &self.caller.guest, update).await;
            match written {
                Ok(written) => {
                    self.lacking = written.edit.output.lacks;
                    if written.edit.output.struck {
                        // What the client shows is not what is there: the difference says what was struck out.
                        self.outbox.resync();
                    }
                    return Ok(Heard::Wrote(written));
                }
                Err(error) if error.edit() == Some(EditError::Busy) => {
                    tokio::time::sleep(BUSY).await;
                }
                Err(error) if error.edit() == Some(EditError::DiskFull) => {
                    self.lacking = true;
                    return Ok(Heard::PassedOver { held: false });
                }
                Err(error) => return Err(error.closing()),
            }
        }
    }
}

impl Drop for Visit {
    fn drop(&mut self) {
        self.inside.room.leave(self.socket);
    }
}
