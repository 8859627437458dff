//! The table: what can be refused, and what honest people may have done meanwhile. A cell is a value.

use serde_json::{Value, json};

/// What the refused update is about.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Kind {
    Text,
    Embed,
    Array,
    /// Text of which the honest edit deletes a part.
    SubRange,
    Format,
    Map,
    /// A key that both write, where the honest client id is the higher one: elsewhere it is the lower.
    ContendedMap,
    XmlAttribute,
    /// A map in a map.
    Nested,
}

/// What the refused update does.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Action {
    Insert,
    Overwrite,
    Delete,
}

/// Where and when the honest edit was made.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Honest {
    /// Before the refused one, whose author saw it, and where there is anything to spoil, spoilt it.
    Before,
    /// At the same time, next to it.
    Beside,
    /// In the very place; at the same time, unless the place is the refused update's own.
    Inside,
    /// In answer to it.
    After,
}

/// What the document must read in the end: as if these edits had followed the base.
#[derive(Clone, Debug)]
pub(super) enum Outcome {
    /// The honest edits, as they were meant.
    Stands(Vec<Value>),
    /// What a known limit leaves of them.
    Limit(&'static str, Vec<Value>),
}

#[derive(Debug)]
pub(super) struct Cell {
    pub(super) kind: Kind,
    pub(super) action: Action,
    pub(super) honest: Honest,
    pub(super) base: Vec<Value>,
    pub(super) refused: Vec<Value>,
    /// The honest edits as they are made, in the document as their author sees it.
    pub(super) made: Vec<Value>,
    /// Whether the honest author had seen the refused update.
    pub(super) seen: bool,
    /// The outcome where the mender holds the honest edits.
    pub(super) knowing: Outcome,
    /// The outcome where they arrive after the mend.
    pub(super) blind: Outcome,
}

use Action::{Delete, Insert, Overwrite};
use Honest::{After, Before, Beside, Inside};
use Kind::{Array, ContendedMap, Embed, Format, Map, Nested, SubRange, Text, XmlAttribute};
use Outcome::{Limit, Stands};

pub(super) const KINDS: [Kind; 9] =
    [Text, Embed, Array, SubRange, Format, Map, ContendedMap, XmlAttribute, Nested];

const COMPETES: &str = "an honest value the mender did not hold competes with what comes back";
const GOES_ALONG: &str = "an honest edit inside what was refused goes with it";
const IN_THE_DEAD: &str = "an honest edit inside what was deleted went into the dead original";
const BEHIND: &str =
    "what was written inside deleted content stands behind the copy that comes back";
const BACK_AGAIN: &str = "what an honest hand deleted too comes back if the mender did not know";

/// All cells.
pub(super) fn cells() -> Vec<Cell> {
    let mut cells = Vec::new();
    for kind in KINDS {
        for action in [Insert, Overwrite, Delete] {
            for honest in [Before, Beside, Inside, After] {
                cells.push(cell(kind, action, honest));
            }
        }
    }
    cells
}

fn cell(kind: Kind, action: Action, honest: Honest) -> Cell {
    let (base, refused) = spoilt(kind, action, honest);
    let (made, knowing, blind) = match kind {
        Text | Embed | Array => in_sequence(kind, action, honest),
        SubRange => in_sub_range(action, honest),
        Format => in_format(action, honest),
        Map | ContendedMap | XmlAttribute => at_key(kind, action, honest),
        Nested => in_nested(action, honest),
    };
    let seen = honest == After || honest == Inside && action == Insert && !is_keyed(kind);
    Cell { kind, action, honest, base, refused, made, seen, knowing, blind }
}

/// Whether the honest author can be in the same place without having seen the refused update.
fn is_keyed(kind: Kind) -> bool {
    matches!(kind, Map | ContendedMap | XmlAttribute | Format)
}

/// The base, and the refused edits, made when `Before` an honest edit had been made.
fn spoilt(kind: Kind, action: Action, honest: Honest) -> (Vec<Value>, Vec<Value>) {
    match kind {
        Text | Embed | Array | SubRange => {
            let base = (0..).zip(["a", "b", "c", "d", "e", "f"]);
            let base = base.map(|(at, what)| put(kind, at, what)).collect();
            // The honest hand was in the way before: one element more, or one less, at the start.
            let (from, length) = match (kind, honest) {
                (SubRange, Before) => (0, 4),
                (SubRange, _) => (1, 4),
                (_, Before) => (2, 3),
                _ => (2, 2),
            };
            let refused = match action {
                Insert => vec![put(kind, 3, "X"), put(kind, 4, "Y")],
                Overwrite => {
                    vec![cut(kind, from, length), put(kind, from, "X"), put(kind, from + 1, "Y")]
                }
                Delete => vec![cut(kind, from, length)],
            };
            (base, refused)
        }
        Format => {
            let mut base = vec![put(Text, 0, "abcdef")];
            if action != Insert {
                base.push(format(1, 4, json!("red")));
            }
            (base, vec![format(1, 4, if action == Delete { json!(null) } else { json!("blue") })])
        }
        Map | ContendedMap | XmlAttribute | Nested => {
            let value = |what: &str| if kind == Nested { nested(what) } else { json!(what) };
            let mut base = vec![json!({ "do": "xml-element", "at": 0, "name": "p" })];
            if action != Insert {
                base.push(set(kind, "k", value("good")));
            }
            let refused =
                if action == Delete { unset(kind, "k") } else { set(kind, "k", value("evil")) };
            (base, vec![refused])
        }
    }
}

type Row = (Vec<Value>, Outcome, Outcome);

/// An outcome that does not depend on what the mender knew.
fn stands(made: Value, meant: Value) -> Row {
    (vec![made], Stands(vec![meant.clone()]), Stands(vec![meant]))
}

fn same(made: Value) -> Row {
    stands(made.clone(), made)
}

fn in_sequence(kind: Kind, action: Action, honest: Honest) -> Row {
    let made = |at| put(kind, at, "H");
    // What is inserted where something was deleted stands behind it; but an embed, before it.
    let at_grave = if kind == Embed { 2 } else { 4 };
    match (action, honest) {
        (_, Before) => same(made(2)),
        (_, Beside) => same(made(6)),
        (Insert, Inside) => stands(made(4), made(3)),
        (Insert, After) => stands(made(5), made(3)),
        // Embeds are pieces of their own, and each comes back in its place.
        (_, Inside) if kind == Embed => same(made(3)),
        (_, Inside) => (vec![made(3)], Stands(vec![made(3)]), Limit(BEHIND, vec![made(4)])),
        (Overwrite, After) => stands(made(4), made(at_grave)),
        (Delete, After) => stands(made(2), made(at_grave)),
    }
}

fn in_sub_range(action: Action, honest: Honest) -> Row {
    let made = |at, length| cut(SubRange, at, length);
    match (action, honest) {
        (_, Before) => same(made(0, 1)),
        (_, Beside) => same(made(5, 1)),
        (Insert, Inside) => stands(made(2, 2), made(2, 1)),
        (Insert, After) => stands(made(4, 2), made(3, 1)),
        (_, Inside) => (vec![made(2, 1)], Stands(vec![made(2, 1)]), Limit(BACK_AGAIN, vec![])),
        (Overwrite, After) => stands(made(2, 2), made(5, 1)),
        (Delete, After) => stands(made(1, 1), made(5, 1)),
    }
}

fn in_format(action: Action, honest: Honest) -> Row {
    let red = json!({ "color": "red" });
    let at_three = match action {
        Insert => put(Text, 3, "H"),
        _ => json!({ "do": "text-insert", "at": 3, "text": "H", "attributes": red }),
    };
    match honest {
        Before => same(json!({
            "do": "text-format", "at": 0, "length": 3, "attributes": { "bold": true },
        })),
        Beside => same(put(Text, 6, "H")),
        Inside => same(put(Text, 3, "H")),
        After => stands(put(Text, 3, "H"), at_three),
    }
}

fn at_key(kind: Kind, action: Action, honest: Honest) -> Row {
    let (mine, other) = (set(kind, "k", json!("mine")), set(kind, "other", json!("mine")));
    let blind = |left| (vec![mine.clone()], Stands(vec![mine.clone()]), Limit(COMPETES, left));
    match (action, honest) {
        (Insert, Before) | (_, Beside) => same(other),
        (_, Before) => same(mine),
        // The higher client id wins: the mender has the highest, and the honest one is below the refused one unless
        // the kind says otherwise.
        (_, Inside) if kind == ContendedMap && action != Delete => same(mine),
        (Insert, Inside) => blind(vec![]),
        (Insert, After) => same(mine),
        (_, Inside | After) => blind(vec![]),
    }
}

fn in_nested(action: Action, honest: Honest) -> Row {
    let inside = json!({ "do": "map-set", "path": ["map", "k"], "key": "b", "value": "mine" });
    let mine = set(Map, "k", json!("mine"));
    match (action, honest) {
        (_, Beside) | (Insert, Before) => same(set(Map, "other", nested("mine"))),
        (_, Before) => same(inside),
        (Insert, Inside) => (vec![inside], Limit(GOES_ALONG, vec![]), Limit(GOES_ALONG, vec![])),
        (_, Inside) => (vec![inside.clone()], Stands(vec![inside]), Limit(IN_THE_DEAD, vec![])),
        (Insert, After) => same(mine),
        (Overwrite, After) => (vec![inside], Limit(GOES_ALONG, vec![]), Limit(GOES_ALONG, vec![])),
        (Delete, After) => (vec![mine.clone()], Stands(vec![mine]), Limit(COMPETES, vec![])),
    }
}

fn put(kind: Kind, at: u32, what: &str) -> Value {
    match kind {
        Array => json!({ "do": "array-insert", "at": at, "values": [what] }),
        Embed => json!({ "do": "text-embed", "at": at, "value": { "image": what } }),
        _ => json!({ "do": "text-insert", "at": at, "text": what }),
    }
}

fn cut(kind: Kind, at: u32, length: u32) -> Value {
    let edit = if kind == Array { "array-delete" } else { "text-delete" };
    json!({ "do": edit, "at": at, "length": length })
}

fn format(at: u32, length: u32, color: Value) -> Value {
    json!({ "do": "text-format", "at": at, "length": length, "attributes": { "color": color } })
}

fn set(kind: Kind, key: &str, value: Value) -> Value {
    match kind {
        XmlAttribute => json!({ "do": "xml-set", "path": ["xml", 0], "key": key, "value": value }),
        _ => json!({ "do": "map-set", "key": key, "value": value }),
    }
}

fn unset(kind: Kind, key: &str) -> Value {
    match kind {
        XmlAttribute => json!({ "do": "xml-unset", "path": ["xml", 0], "key": key }),
        _ => json!({ "do": "map-delete", "key": key }),
    }
}

fn nested(what: &str) -> Value {
    json!({ "$map": { "a": what } })
}
