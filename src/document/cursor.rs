//! Places in a text that stay where they are while others type.

use serde::{Deserialize, Serialize};
use thiserror::Error;
use yrs::block::ClientID;
use yrs::branch::{Branch, BranchPtr};
use yrs::{Assoc, ID, IndexScope, IndexedSequence, ReadTxn, StickyIndex, Text, TextRef};

use super::Document;

/// A place in a text between two characters. It keeps to one of them, whatever is typed or deleted around it, and means
/// the same on every device. It is written as Yjs writes a relative position, so that editors for Yjs understand it.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "RelativePosition", into = "RelativePosition")]
pub struct Cursor(StickyIndex);

/// Which of the two characters next to it a [`Cursor`] keeps to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// The one before it: what somebody types at the cursor comes behind it.
    Before,
    /// The one behind it: what somebody types at the cursor comes before it.
    After,
}

/// Why something can't be read as a cursor.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum BadCursor {
    /// It names no place.
    #[error("a cursor names a character, or the text that it is in")]
    Nowhere,
    /// It names a Yjs client that there can't be: yrs stumbles over such.
    #[error("a Yjs client's number has 53 bits")]
    Client,
}

/// A Yjs relative position, as JSON.
#[derive(Serialize, Deserialize)]
struct RelativePosition {
    #[serde(rename = "type", default, skip_serializing_if = "Option::is_none")]
    nested: Option<Item>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    tname: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    item: Option<Item>,
    #[serde(default)]
    assoc: i8,
}

#[derive(Clone, Copy, Serialize, Deserialize)]
struct Item {
    client: u64,
    clock: u32,
}

impl Document {
    /// The place in front of the UTF-16 code unit of that number, or at the end of the text if there are fewer.
    pub fn cursor(&self, text: &TextRef, at: u32, side: Side) -> Cursor {
        self.read(|txn| Cursor::at(txn, text, at, side))
    }

    /// Where in a text a cursor is now, in UTF-16 code units; nothing if it is in another text, or keeps to something
    /// that is not here yet.
    pub fn position(&self, text: &TextRef, cursor: &Cursor) -> Option<u32> {
        self.read(|txn| cursor.position(txn, text))
    }
}

impl Cursor {
    /// As [`Document::cursor`], within a transaction.
    pub fn at(txn: &impl ReadTxn, text: &TextRef, at: u32, side: Side) -> Self {
        let (at, assoc) = (at.min(text.len(txn)), side.assoc());
        let end = || StickyIndex::from_type(txn, text, assoc);
        Self(text.sticky_index(txn, at, assoc).unwrap_or_else(end))
    }

    /// As [`Document::position`], within a transaction.
    pub fn position(&self, txn: &impl ReadTxn, text: &TextRef) -> Option<u32> {
        let offset = self.0.get_offset(txn)?;
        let branch: &Branch = text.as_ref();
        let here = offset.branch == BranchPtr::from(branch);
        // What somebody else made up may lie beyond the end.
        here.then(|| offset.index.min(text.len(txn)))
    }
}

impl Side {
    fn assoc(self) -> Assoc {
        match self {
            Self::Before => Assoc::Before,
            Self::After => Assoc::After,
        }
    }
}

impl From<Cursor> for RelativePosition {
    fn from(Cursor(index): Cursor) -> Self {
        let item = |id: &ID| Some(Item { client: id.client.get(), clock: id.clock });
        let assoc = index.assoc as i8;
        let nowhere = Self { nested: None, tname: None, item: None, assoc };
        match index.scope() {
            IndexScope::Relative(id) => Self { item: item(id), ..nowhere },
            IndexScope::Nested(id) => Self { nested: item(id), ..nowhere },
            IndexScope::Root(name) => Self { tname: Some(name.to_string()), ..nowhere },
        }
    }
}

impl TryFrom<RelativePosition> for Cursor {
    type Error = BadCursor;

    fn try_from(position: RelativePosition) -> Result<Self, BadCursor> {
        let id = |Item { client, clock }: Item| match client >> 53 {
            0 => Ok(ID::new(ClientID::new(client), clock)),
            _ => Err(BadCursor::Client),
        };
        let scope = match position {
            RelativePosition { item: Some(item), .. } => IndexScope::Relative(id(item)?),
            RelativePosition { nested: Some(nested), .. } => IndexScope::Nested(id(nested)?),
            RelativePosition { tname: Some(name), .. } => IndexScope::Root(name.into()),
            _ => return Err(BadCursor::Nowhere),
        };
        let assoc = if position.assoc < 0 { Assoc::Before } else { Assoc::After };
        Ok(Self(StickyIndex::new(scope, assoc)))
    }
}

#[cfg(test)]
mod tests {
    use quickcheck::quickcheck;
    use yrs::{Doc, OffsetKind, Options, Transact};

    use super::*;

    fn text(words: &str) -> (Doc, TextRef) {
        let doc =
            Doc::with_options(Options { offset_kind: OffsetKind::Utf16, ..Options::default() });
        let text = doc.get_or_insert_text("body");
        text.push(&mut doc.transact_mut(), words);
        (doc, text)
    }

    #[test]
    fn a_cursor_stays_where_it_is_while_others_type() {
        let (doc, text) = text("a 🦀 walks");
        let behind = "a 🦀".encode_utf16().count() as u32;
        let (before, after) = {
            let txn = doc.transact();
            let at = |side| Cursor::at(&txn, &text, behind, side);
            (at(Side::Before), at(Side::After))
        };
        let position = |cursor: &Cursor| cursor.position(&doc.transact(), &text);
        text.insert(&mut doc.transact_mut(), 0, "here ");
        assert_eq!((position(&before), position(&after)), (Some(behind + 5), Some(behind + 5)));
        text.insert(&mut doc.transact_mut(), behind + 5, "bot");
        assert_eq!((position(&before), position(&after)), (Some(behind + 5), Some(behind + 8)));
        text.remove_range(&mut doc.transact_mut(), 2, behind + 5);
        assert_eq!(position(&before), Some(2));
    }

    #[test]
    fn a_cursor_at_an_end_stays_there() {
        let (doc, text) = text("milk");
        let (first, last) = {
            let txn = doc.transact();
            (Cursor::at(&txn, &text, 0, Side::Before), Cursor::at(&txn, &text, 99, Side::After))
        };
        text.insert(&mut doc.transact_mut(), 0, "two ");
        text.push(&mut doc.transact_mut(), " and honey");
        let txn = doc.transact();
        assert_eq!(first.position(&txn, &text), Some(0));
        assert_eq!(last.position(&txn, &text), Some(18));
    }

    #[test]
    fn it_is_written_as_yjs_writes_it() {
        let json = r#"{"tname":"body","item":{"client":3731284436,"clock":20},"assoc":-1}"#;
        let cursor: Cursor = serde_json::from_str(json).unwrap();
        let again = serde_json::to_value(&cursor).unwrap();
        assert_eq!(
            again,
            serde_json::json!({"item": {"client": 3731284436_u64, "clock": 20}, "assoc": -1})
        );
        // A client of more than 53 bits makes yrs panic.
        let json = r#"{"item":{"client":18446744073709551615,"clock":20}}"#;
        assert!(serde_json::from_str::<Cursor>(json).is_err());
        assert!(serde_json::from_str::<Cursor>("{}").is_err());
    }

    quickcheck! {
        fn a_cursor_is_where_it_was_put_and_follows_its_character(at: u8, before: bool, inserts: Vec<(u8, String)>) -> bool {
            let (doc, text) = text("some words 🦀 to begin with");
            let side = if before { Side::Before } else { Side::After };
            let mut expected = u32::from(at) % (text.len(&doc.transact()) + 1);
            let cursor = Cursor::at(&doc.transact(), &text, expected, side);
            inserts.into_iter().all(|(at, words)| {
                let at = u32::from(at) % (text.len(&doc.transact()) + 1);
                let lone = |at: u32| at == 12; // between the two halves of the crab
                if words.is_empty() || lone(at) || lone(expected) {
                    return true;
                }
                text.insert(&mut doc.transact_mut(), at, &words);
                let length = words.encode_utf16().count() as u32;
                if at < expected || at == expected && side == Side::After {
                    expected += length;
                }
                cursor.position(&doc.transact(), &text) == Some(expected)
            })
        }

        fn a_cursor_that_was_made_up_is_somewhere_or_nowhere(client: u8, clock: u32, assoc: i8) -> bool {
            let (doc, text) = text("some words 🦀 to begin with");
            let own = doc.client_id().get();
            let client = if client.is_multiple_of(2) { own } else { u64::from(client) };
            let item = Some(Item { client, clock: clock % 40 });
            let position = RelativePosition { nested: None, tname: None, item, assoc };
            let cursor = Cursor::try_from(position).unwrap();
            let position = cursor.position(&doc.transact(), &text);
            position.is_none_or(|at| at <= text.len(&doc.transact()))
        }
    }
}
