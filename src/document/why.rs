//! Who wrote a document, on what they had seen, and by whose leave.

use std::collections::BTreeMap;

use driftline_core::document::provenance::{Contribution, Origin, Provenance, Unit};
use driftline_core::document::{ApplyError, Normal, check};
use driftline_core::id::{ChainId, DeviceId};
use driftline_core::log::{Frontier, Segment};
use driftline_core::roster::{Member, Roster, Turn};
use driftline_storage::StoreError;
use thiserror::Error;
use yrs::{Assoc, IndexedSequence, Text, TextRef};

use super::Document;
use crate::engine::{EngineGone, Request};

/// Somebody who wrote in a document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Author {
    /// Who.
    pub device: DeviceId,
    /// What they wrote, by their own clock.
    pub wrote: Contribution,
    /// How many UTF-16 units of text that they typed stand in the document now.
    pub stands: u64,
    /// What they are in the space now; nothing if they are no member any more.
    pub member: Option<Member>,
    /// By whose leave.
    pub history: Vec<Turn>,
}

/// Where something in a document comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trace {
    /// The character; nothing if something else than a character stands there.
    pub character: Option<char>,
    /// The entry that inserted it.
    pub origin: Origin,
    /// The entry that inserted what its author saw to the left of it.
    pub left: Option<Origin>,
    /// The same to the right.
    pub right: Option<Origin>,
    /// What its author had seen by then at least: of each chain of others, and earlier ones of their own, whose it is
    /// and the last entry. The log does not record what somebody saw; this is what their edits lean on.
    pub seen: Vec<(DeviceId, ChainId, u64)>,
    /// By whose leave its author was there.
    pub history: Vec<Turn>,
}

/// Why it can't be told.
#[derive(Debug, Error)]
pub enum WhyError {
    /// Nothing stands there.
    #[error("nothing stands at {at}: the text has {length} UTF-16 units")]
    PastEnd {
        /// Where it was looked for.
        at: u32,
        /// How long the text is.
        length: u32,
    },
    /// The log does not say who inserted what stands there.
    #[error("the document's log does not say where that comes from: `driftline verify` checks it")]
    Untold,
    /// What the document holds can't be read.
    #[error("what the document holds can't be read")]
    Unsound {
        /// What is wrong with it.
        #[from]
        source: check::BadUpdate,
    },
    /// What the log holds can't be brought together.
    #[error("what the document's log holds can't be brought together")]
    Misfit {
        /// What does not fit.
        #[from]
        source: ApplyError,
    },
    /// The log can't be read.
    #[error("the document's log can't be read")]
    Store {
        /// Why.
        #[from]
        source: StoreError,
    },
    /// The device is closed.
    #[error(transparent)]
    Gone {
        /// The engine's end.
        #[from]
        source: EngineGone,
    },
}

impl Trace {
    /// By what leave its author wrote it, as far as clocks tell: the last that was done about their standing before,
    /// or, where their clock was behind, the first.
    pub fn leave(&self) -> Option<&Turn> {
        let counting = || self.history.iter().filter(|turn| turn.counts);
        let before = counting().rfind(|turn| turn.at <= self.origin.time);
        before.or_else(|| counting().next())
    }
}

impl Document {
    /// Everybody who wrote in the document, whoever wrote first before the others.
    ///
    /// # Errors
    /// If the log can't be read, or the device is closed.
    pub async fn authors(&self) -> Result<Vec<Author>, WhyError> {
        let state = self.state();
        let (log, roster) = self.log().await?;
        let read = Provenance::read(&log);
        let mut stands: BTreeMap<DeviceId, u64> = BTreeMap::new();
        for (client, units) in Normal::of(&state)?.typed() {
            if let Some(device) = read.author(client) {
                *stands.entry(device).or_default() += units;
            }
        }
        let authors = read.contributions().into_iter().map(|(device, wrote)| Author {
            device,
            wrote,
            stands: stands.get(&device).copied().unwrap_or_default(),
            member: roster.member(&device).cloned(),
            history: roster.history(&device),
        });
        let mut authors: Vec<_> = authors.collect();
        authors.sort_by_key(|author| (author.wrote.first, author.device));
        Ok(authors)
    }

    /// Where what stands at a position of a text comes from. Positions count UTF-16 code units.
    ///
    /// # Errors
    /// If nothing stands there, the log can't be read, or the device is closed.
    pub async fn trace(&self, text: &TextRef, at: u32) -> Result<Trace, WhyError> {
        let unit = self.unit(text, at)?;
        let (log, roster) = self.log().await?;
        let read = Provenance::read(&log);
        let origin = read.origin(unit).ok_or(WhyError::Untold)?;
        let inserted = read.inserted(unit).ok_or(WhyError::Untold)?;
        let seen = read.seen_by(&origin).into_iter();
        let seen = seen
            .filter_map(|(chain, number)| Some((read.author(chain.client_id())?, chain, number)));
        let history = roster.history(&origin.author);
        Ok(Trace {
            character: inserted.character,
            origin,
            left: inserted.left.and_then(|unit| read.origin(unit)),
            right: inserted.right.and_then(|unit| read.origin(unit)),
            seen: seen.collect(),
            history,
        })
    }

    /// What stands at a position.
    fn unit(&self, text: &TextRef, at: u32) -> Result<Unit, WhyError> {
        self.read(|txn| {
            let length = text.len(txn);
            let within = at < length;
            let index = within.then(|| text.sticky_index(txn, at, Assoc::After)).flatten();
            let id = index.and_then(|index| index.id().copied());
            let unit = id.map(|id| Unit { client: id.client.get(), clock: id.clock });
            unit.ok_or(WhyError::PastEnd { at, length })
        })
    }

    /// The document's log with all that was taken in so far, and the roster.
    pub(super) async fn log(&self) -> Result<(Vec<Segment>, Roster), WhyError> {
        let (document, space) = (self.id(), self.space());
        let log = self
            .device
            .look(move |store| store.segments(&document, &Frontier::default(), usize::MAX))
            .await??;
        let roster = self.device.ask(|reply| Request::Roster { space, reply }).await?;
        Ok((log.segments, roster.ok_or(EngineGone)?))
    }
}
