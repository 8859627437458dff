//! How an update is refused: it is taken in, and undone.
//!
//! A Yjs update that anybody holds can't be left out: its author's later updates, and whatever honest people typed
//! next to it, would wait for it for ever. So everybody takes it in, together with a *mend*: an ordinary update that
//! undoes it, written by one who may.
//!
//! # The order of things
//!
//! A mend is made in a document of its own, from the log: first everything honest that can do without the refused
//! updates, in any order; then the refused ones; then the honest rest, which leans on them. So what honest people
//! did at the same time comes before what is refused, and is no part of what is undone: a key that both wrote goes
//! back to the honest value, a word that both deleted stays deleted. What they did in answer to it comes after: a
//! key that they have overwritten since, or deleted, is left alone. It does not matter in which order the entries
//! arrived, nor whether the refused ones were learnt of before the others or long after: the mend is the same, byte
//! for byte.
//!
//! # What a mend can't do
//!
//! - An honest edit inside something that the refused update had made (an array in a map, an element) goes with it.
//! - An honest edit inside something that the refused update had deleted, and that the mender did not hold yet, went
//!   into what is dead: the copy that comes back does not have it.
//! - An honest value for a key that the refused update had written, if the mender did not hold it yet, competes with
//!   the value that comes back, like any two at once.
//! - What was deleted comes back as new content in the old place, written by the mender. Two menders who do not know
//!   of one another bring it back twice, and so does one who is told twice: a refused update is mended once.
//! - What the refused update put in place of text or of list elements, and an honest edit then deleted, leaves what
//!   was there before: that comes back. (Of a key it does not.)
//! - Where a refused hand first overwrote a key inside a map and then deleted that map, the mend holds the refused
//!   value once more, as something deleted: the value before it can't be put into the new map otherwise.
//! - Text and list elements that come back in one piece stand before what an honest hand had typed among them, if the
//!   mender did not hold that; and what an honest hand had deleted of them as well, unknown to the mender, comes back.
//! - A format is a pair of marks around a text. Honest text typed between the marks of a refused format loses the
//!   format with it; an honest format that says what the refused one said already never made marks of its own, and
//!   goes too; and one that takes the refused format away from a part leaves its closing mark, which says the refused
//!   format again, up to the next mark.

mod items;
mod pieces;
mod replay;
mod undo;

use std::panic::{AssertUnwindSafe, catch_unwind};

use thiserror::Error;

use self::replay::Replayed;
use super::ApplyError;
use crate::log::{Frontier, Segment};

/// Why no mend could be made.
#[derive(Debug, Error)]
pub enum MendError {
    /// An update could not be brought in.
    #[error("a document can't be mended from what its log holds")]
    Apply {
        /// What is wrong with it.
        #[from]
        source: ApplyError,
    },
    /// A refused update leans on others that were not given.
    #[error("a refused update can't be undone before what it leans on has come")]
    Waiting,
}

/// The update that undoes all `refused` updates, in a document that holds them and all `honest` ones. What it inserts
/// is written under the Yjs client id `client`, and follows the last of that client's among the honest.
///
/// The honest updates may come in any order, and may be one that holds the state of a document. They must hold all
/// that `client` has written, and it must write nothing else before the mend: both would claim one clock. Mends made
/// before are honest, and so are the updates that they undid: an update is mended once.
///
/// # Errors
/// If an update does not decode or does not fit, if yrs panics, or if a refused update leans on one that is missing.
/// Honest ones that lean on missing ones are passed over.
pub fn mend(client: u64, honest: &[&[u8]], refused: &[&[u8]]) -> Result<Vec<u8>, MendError> {
    let made = AssertUnwindSafe(|| {
        let Replayed { doc, undone } = replay::replay(client, honest, refused)?;
        let pieces = pieces::to_bring_back(&doc, &undone)?;
        Ok(undo::undo(&doc, undone.inserted, &pieces).map_err(ApplyError::from)?)
    });
    catch_unwind(made).unwrap_or(Err(ApplyError::Panicked.into()))
}

/// A document's log, sorted for [`mend`]: what counts of its chains, and what does not.
///
/// `counts` and `refused` name where both end, as in [`Effect::Mend`](crate::space::Effect::Mend). What came behind
/// `refused` meanwhile is in neither.
pub fn sorted<'a>(
    log: impl IntoIterator<Item = &'a Segment>,
    counts: &Frontier,
    refused: &Frontier,
) -> (Vec<&'a [u8]>, Vec<&'a [u8]>) {
    let (mut honest, mut bad) = (Vec::new(), Vec::new());
    for segment in log {
        let entries = segment.entries().map_while(Result::ok);
        for (number, (entry, _)) in (segment.first()..).zip(entries) {
            let Some(update) = entry.update() else { continue };
            if number <= counts.number(&segment.chain) {
                honest.push(update);
            } else if number <= refused.number(&segment.chain) {
                bad.push(update);
            }
        }
    }
    (honest, bad)
}

#[cfg(test)]
mod tests;
