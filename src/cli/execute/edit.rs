//! `doc edit`: one change to a text.

use driftline::{Device, Level};
use yrs::{GetString, ReadTxn, Text, TextRef, TransactionMut};

use super::find;
use crate::cli::error::{Error, SpliceError};
use crate::cli::output::Speaker;
use crate::cli::report::Report;
use crate::cli::request::{Edit, Splice};

pub(super) async fn edit(device: &Device, request: Edit, speaker: &Speaker) -> Result<(), Error> {
    let Edit { document, root, splice } = request;
    let document = find::document_or_new(device, &document).await?;
    let text = document.text(&root);
    let edit = document.edit(|txn| splice.apply(&text, txn))?;
    if let Err(refused) = edit.output {
        return Err(refused.into());
    }
    edit.reached(Level::Saved).await?;
    let length = document.read(|txn| text.len(txn));
    speaker.report(Report::Edited { document: document.id(), root, length }).await;
    Ok(())
}

impl Splice {
    /// Changes the text, if all of the change lies within it: yrs panics where it does not.
    fn apply(&self, text: &TextRef, txn: &mut TransactionMut<'_>) -> Result<(), SpliceError> {
        match self {
            Self::Insert { position, text: words } => {
                check(text, txn, *position, 0)?;
                text.insert(txn, *position, words);
            }
            Self::Delete { position, length } => {
                check(text, txn, *position, *length)?;
                text.remove_range(txn, *position, *length);
            }
        }
        Ok(())
    }
}

fn check(text: &TextRef, txn: &impl ReadTxn, at: u32, deleted: u32) -> Result<(), SpliceError> {
    let length = text.len(txn);
    let end = u64::from(at) + u64::from(deleted);
    if end > u64::from(length) {
        return Err(SpliceError::PastEnd { end, length });
    }
    let whole = text.get_string(txn);
    for at in [at, at + deleted] {
        if is_inside_character(&whole, at) {
            return Err(SpliceError::InsideCharacter { at });
        }
    }
    Ok(())
}

fn is_inside_character(text: &str, at: u32) -> bool {
    let mut units = 0;
    for char in text.chars() {
        if units >= at {
            break;
        }
        units += char.len_utf16() as u32;
    }
    units > at
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_character_of_two_units_has_an_inside() {
        let insides: Vec<_> = (0..6).filter(|at| is_inside_character("a🦀b", *at)).collect();
        assert_eq!(insides, [2]);
    }
}
