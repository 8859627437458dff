//! The end is checked: the same content everywhere, from memory and from disk.

use driftline::yrs::types::ToJson;
use driftline::yrs::updates::decoder::Decode;
use driftline::yrs::{Doc, GetString, ReadTxn, Transact, Update};
use driftline::Document;
use thiserror::Error;

use super::Result;
use super::cast::{Cast, Player};
use super::figures::Size;

/// What a document says, whoever holds it and in whatever order it came about.
pub(super) struct Content {
    who: String,
    /// The body, as whoever holds it reads it.
    text: String,
    /// Every root as JSON, of the Yjs state in a document of stock yrs.
    json: String,
    state_bytes: usize,
}

#[derive(Debug, Error)]
enum Unequal {
    #[error("{document:?} is not equal: {difference}")]
    Text { document: String, difference: Difference },
    #[error("{document:?} has the same text with {one} and {other}, and differs as JSON: {difference}")]
    Json { document: String, one: String, other: String, difference: Difference },
}

/// Where two texts part.
#[derive(Debug, Error)]
#[error("{one} and {other} agree on {at} characters, then {one} has {ours:?} and {other} has {theirs:?}")]
struct Difference {
    one: String,
    other: String,
    at: usize,
    ours: String,
    theirs: String,
}

/// Compares each document of all three with one another, and with the text that it must have become. Gives the
/// documents' sizes.
pub(super) async fn all_equal(cast: &Cast, when: &str, expected: &[(&str, String)]) -> Result<Vec<Size>> {
    let mut sizes = Vec::new();
    for (name, text) in expected {
        let alice = Content::held_by(&cast.alice, name, when).await?;
        let bob = Content::held_by(&cast.bob, name, when).await?;
        let (anchors, state) = cast.anchor.document(cast.space, name).await?;
        let anchor = Content::new(format!("the anchor ({when})"), anchors, &state)?;
        alice.must_equal(&bob, name)?;
        alice.must_equal(&anchor, name)?;
        must_read(&alice, text, name)?;
        sizes.push(Size {
            document: (*name).to_owned(),
            text_bytes: alice.text.len(),
            state_bytes: alice.state_bytes,
        });
    }
    Ok(sizes)
}

/// That a document reads as it must.
pub(super) fn must_read(content: &Content, expected: &str, document: &str) -> Result<()> {
    match Difference::between((&content.who, &content.text), ("the text to be expected", expected)) {
        None => Ok(()),
        Some(difference) => {
            Err(Unequal::Text { document: document.to_owned(), difference }.into())
        }
    }
}

impl Content {
    /// What one of the two reads in a document.
    pub(super) async fn held_by(player: &Player, name: &str, when: &str) -> Result<Self> {
        let document = player.document(name).await?;
        let who = format!("{} ({when})", player.name);
        Self::new(who, text(&document), &document.state())
    }

    fn new(who: String, text: String, state: &[u8]) -> Result<Self> {
        let copy = Doc::new();
        let body = copy.get_or_insert_text("body");
        copy.transact_mut().apply_update(Update::decode_v1(state)?)?;
        let txn = copy.transact();
        let roots: Vec<_> = txn.root_refs().map(|(name, _)| name.to_owned()).collect();
        let json = format!("{roots:?} {}", body.to_json(&txn));
        Ok(Self { who, text, json, state_bytes: state.len() })
    }

    fn must_equal(&self, other: &Self, document: &str) -> Result<()> {
        let document = document.to_owned();
        if let Some(difference) = Difference::between((&self.who, &self.text), (&other.who, &other.text)) {
            return Err(Unequal::Text { document, difference }.into());
        }
        match Difference::between((&self.who, &self.json), (&other.who, &other.json)) {
            None => Ok(()),
            Some(difference) => Err(Unequal::Json {
                document,
                one: self.who.clone(),
                other: other.who.clone(),
                difference,
            }
            .into()),
        }
    }
}
