//! The end is checked: the same content everywhere, from memory and from disk.

use driftline::Document;
use driftline::yrs::updates::decoder::Decode;
use driftline::yrs::{Doc, GetString, Transact, Update};
use thiserror::Error;

use super::Result;
use super::cast::{Cast, Player};
use super::figures::Size;
use driftline::content;

/// What a document says, whoever holds it and in whatever order it came about.
struct Content {
    who: String,
    /// The body, as whoever holds it reads it.
    text: String,
    /// Every root as JSON, of the state that was handed out, loaded into a new document.
    json: String,
    state_bytes: usize,
}

#[derive(Debug, Error)]
enum Unequal {
    #[error("{document:?} is not equal: {difference}")]
    Text { document: String, difference: Difference },
    #[error(
        "{document:?} has the same text with {one} and {other}, and differs as JSON: {difference}"
    )]
    Json { document: String, one: String, other: String, difference: Difference },
}

/// Where two texts part.
#[derive(Debug, Error)]
#[error(
    "{one} and {other} agree on {at} characters, then {one} has {ours:?} and {other} has {theirs:?}"
)]
struct Difference {
    one: String,
    other: String,
    at: usize,
    ours: String,
    theirs: String,
}

/// Compares each document of all three with one another, and with the text that it must have become. Gives the
/// documents' sizes.
pub(super) async fn all_equal(
    cast: &Cast,
    when: &str,
    expected: &[(&str, String)],
) -> Result<Vec<Size>> {
    let mut sizes = Vec::new();
    for (name, text) in expected {
        let alice = Content::held_by(&cast.alice, name, when).await?;
        let bob = Content::held_by(&cast.bob, name, when).await?;
        let (anchors, state) = cast.anchor.document(cast.space, name).await?;
        let anchor = Content::new(format!("the anchor ({when})"), anchors, &state)?;
        alice.must_equal(&bob, name)?;
        alice.must_equal(&anchor, name)?;
        alice.must_read(text, name)?;
        sizes.push(Size {
            document: (*name).to_owned(),
            text_bytes: alice.text.len(),
            state_bytes: alice.state_bytes,
        });
    }
    Ok(sizes)
}

/// Checks that somebody reads in a document what they should.
pub(super) async fn reads(player: &Player, document: &str, expected: &str) -> Result<()> {
    Content::held_by(player, document, "from memory").await?.must_read(expected, document)
}

impl Content {
    /// What one of the two reads in a document.
    async fn held_by(player: &Player, name: &str, when: &str) -> Result<Self> {
        let document = player.document(name).await?;
        let who = format!("{} ({when})", player.name);
        Self::new(who, text(&document), &document.state())
    }

    fn new(who: String, text: String, state: &[u8]) -> Result<Self> {
        let copy = Doc::new();
        copy.transact_mut().apply_update(Update::decode_v1(state)?)?;
        let json = content::whole(&copy.transact()).to_string();
        Ok(Self { who, text, json, state_bytes: state.len() })
    }

    fn must_read(&self, expected: &str, document: &str) -> Result<()> {
        let document = document.to_owned();
        let expected = ("the text that was typed", expected);
        match Difference::between((&self.who, &self.text), expected) {
            None => Ok(()),
            Some(difference) => Err(Unequal::Text { document, difference }.into()),
        }
    }

    fn must_equal(&self, other: &Self, document: &str) -> Result<()> {
        let document = document.to_owned();
        if let Some(difference) =
            Difference::between((&self.who, &self.text), (&other.who, &other.text))
        {
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

impl Difference {
    fn between((one, ours): (&str, &str), (other, theirs): (&str, &str)) -> Option<Self> {
        if ours == theirs {
            return None;
        }
        let same = ours.chars().zip(theirs.chars()).take_while(|(a, b)| a == b);
        let at = same.count();
        let rest = |text: &str| text.chars().skip(at).take(24).collect();
        let (one, other) = (one.to_owned(), other.to_owned());
        Some(Self { one, other, at, ours: rest(ours), theirs: rest(theirs) })
    }
}

/// The body of a document.
fn text(document: &Document) -> String {
    let body = document.text("body");
    document.read(|txn| body.get_string(txn))
}

#[cfg(test)]
mod tests {
    use driftline::yrs::{ReadTxn, StateVector, Text};

    use super::*;

    fn content(who: &str, words: &[&str]) -> Content {
        let doc = Doc::new();
        let body = doc.get_or_insert_text("body");
        words.iter().for_each(|word| body.push(&mut doc.transact_mut(), word));
        let state = doc.transact().encode_state_as_update_v1(&StateVector::default());
        Content::new(who.to_owned(), words.concat(), &state).unwrap()
    }

    #[test]
    fn the_same_text_is_equal_however_it_came_about() {
        let (alice, bob) =
            (content("Alice", &["milk, ", "honey"]), content("Bob", &["milk, honey"]));
        alice.must_equal(&bob, "paper").unwrap();
        alice.must_read("milk, honey", "paper").unwrap();
    }

    #[test]
    fn a_difference_names_the_document_the_devices_and_the_place() {
        let (alice, bob) = (content("Alice", &["milk, honey"]), content("Bob", &["milk, haze"]));
        assert_eq!(
            alice.must_equal(&bob, "paper").unwrap_err().to_string(),
            r#""paper" is not equal: Alice and Bob agree on 7 characters, then Alice has "oney" and Bob has "aze""#
        );
    }

    #[test]
    fn what_is_handed_out_is_compared_besides_what_is_read() {
        let mut bob = content("Bob", &["milk"]);
        bob.json = content("Bob", &["water"]).json;
        assert!(content("Alice", &["milk"]).must_equal(&bob, "paper").is_err());
    }
}
