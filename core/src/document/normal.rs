//! What a state says, however yrs has cut it into blocks.
//!
//! Two documents that hold the same updates may still be encoded differently: typing that came in one piece is one
//! block, in two pieces two; and of what is deleted within something deleted, one remembers more than the other. Here
//! what follows on is joined, and what is gone is only gone.

use std::collections::BTreeMap;
use std::ops::Range;

use super::check::{self, BadUpdate, Block, Id, Kind, Parent};

/// The tag of a block that holds values of a list.
const ANY: u8 = 8;

/// The normal form of a state. Two are equal if the documents hold the same.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Normal<'a> {
    runs: BTreeMap<Id, Run<'a>>,
    deleted: BTreeMap<u64, Vec<Range<u32>>>,
}

/// Characters, values or something else that were inserted one behind the other; or a stretch of what is gone.
#[derive(Debug, PartialEq, Eq)]
struct Run<'a> {
    len: u32,
    living: Option<Living<'a>>,
}

#[derive(Debug, PartialEq, Eq)]
struct Living<'a> {
    kind: Kind,
    tag: u8,
    origin: Option<Id>,
    right_origin: Option<Id>,
    parent: Parent<'a>,
    /// Everything before the content, unless more is joined to it: a key, say.
    head: Option<&'a [u8]>,
    content: Vec<u8>,
}

impl<'a> Normal<'a> {
    /// Reads a state, v1.
    ///
    /// # Errors
    /// If the bytes are no update, or one that yrs must not see.
    pub fn of(state: &'a [u8]) -> Result<Self, BadUpdate> {
        let mut normal = Self::default();
        let mut reader = check::each_block(state, |block| {
            if block.kind != Kind::Skip {
                normal.add(&block);
            }
            Ok(())
        })?;
        check::deletions(&mut reader, |client, range, _| {
            let ranges = normal.deleted.entry(client).or_default();
            match ranges.last_mut() {
                Some(last) if last.end == range.start => last.end = range.end,
                _ => ranges.push(range),
            }
            Ok(())
        })?;
        reader.finish()?;
        normal.deleted.retain(|_, ranges| !ranges.is_empty());
        Ok(normal)
    }

    /// How many UTF-16 units of text that still stands each client has typed.
    pub fn typed(&self) -> BTreeMap<u64, u64> {
        let mut typed = BTreeMap::new();
        for (id, run) in &self.runs {
            if run.living.as_ref().is_some_and(|living| living.kind == Kind::Text) {
                *typed.entry(id.client).or_default() += u64::from(run.len);
            }
        }
        typed
    }

    fn add(&mut self, block: &Block<'a>) {
        let last = self.runs.range_mut(..block.id).next_back();
        if let Some((id, run)) = last
            && id.client == block.id.client
            && run.goes_on(id, block)
        {
            return run.join(block);
        }
        self.runs.insert(block.id, Run::of(block));
    }
}

impl<'a> Run<'a> {
    fn of(block: &Block<'a>) -> Self {
        if is_gone(block) {
            return Self { len: block.len, living: None };
        }
        let Block { kind, origin, right_origin, parent, head, .. } = *block;
        let tag = tag(block);
        let head = (!is_joined(block)).then_some(head);
        let content = content(block).to_vec();
        let living = Living { kind, tag, origin, right_origin, parent, head, content };
        Self { len: block.len, living: Some(living) }
    }

    /// Whether a block would be part of this run, had it come with it.
    fn goes_on(&self, id: &Id, block: &Block<'_>) -> bool {
        let end = id.clock + self.len;
        let Some(living) = &self.living else { return is_gone(block) && block.id.clock == end };
        block.id.clock == end
            && is_joined(block)
            && living.tag == tag(block)
            && living.head.is_none()
            && block.origin == Some(Id { client: id.client, clock: end - 1 })
            && block.right_origin == living.right_origin
    }

    fn join(&mut self, block: &Block<'_>) {
        self.len += block.len;
        if let Some(living) = &mut self.living {
            living.content.extend_from_slice(content(block));
        }
    }
}

fn is_gone(block: &Block<'_>) -> bool {
    matches!(block.kind, Kind::Gc | Kind::Deleted)
}

/// Whether it is of a kind that yrs joins: characters, or values of a list.
fn is_joined(block: &Block<'_>) -> bool {
    !block.keyed && (block.kind == Kind::Text || tag(block) == ANY)
}

fn tag(block: &Block<'_>) -> u8 {
    block.head.first().map_or(0, |info| info & 0b1111)
}

/// The content, without the number in front that says how much it is.
fn content<'a>(block: &Block<'a>) -> &'a [u8] {
    if !is_joined(block) {
        return block.content;
    }
    let number = block.content.iter().take_while(|byte| **byte >= 0x80).count() + 1;
    &block.content[number..]
}

#[cfg(test)]
mod tests {
    use quickcheck::quickcheck;
    use yrs::{Array, Map, MapPrelim, Out, Text, Transact, TransactionMut};

    use super::*;
    use crate::document::OpenDocument;

    /// Something that somebody does to a document.
    fn act(txn: &mut TransactionMut<'_>, (what, at): (u8, u16)) {
        use yrs::WriteTxn;
        let (text, list) = (txn.get_or_insert_text("body"), txn.get_or_insert_array("list"));
        let map = txn.get_or_insert_map("map");
        let key = ["a", "b"][usize::from(at) % 2];
        let place = |len: u32| u32::from(at) % (len + 1);
        match what % 8 {
            0..3 => {
                text.insert(txn, place(text.len(txn)), ["x", "milk", "🦀"][usize::from(at) % 3])
            }
            3 if text.len(txn) > 3 => text.remove_range(txn, place(text.len(txn) - 2), 2),
            4 => _ = list.insert(txn, place(list.len(txn)), i64::from(at)),
            5 if list.len(txn) > 0 => list.remove(txn, place(list.len(txn) - 1)),
            6 => _ = map.insert(txn, key, MapPrelim::from([("n", i64::from(at))])),
            7 => {
                if let Some(Out::YMap(inner)) = map.get(txn, key) {
                    inner.insert(txn, "n", i64::from(at) + 1);
                }
            }
            _ => {}
        }
    }

    /// What a few people do, each on their own, with what they hear of the others from time to time; as updates, in
    /// the order in which they were made.
    fn session(acts: &[(u8, u8, u16)]) -> Vec<Vec<u8>> {
        let written = std::sync::Arc::new(std::sync::Mutex::new(Vec::new()));
        let people: Vec<_> = (0..3)
            .map(|n| {
                let written = written.clone();
                OpenDocument::new((1 << 40) + n, move |update| written.lock().unwrap().push(update))
            })
            .collect();
        for (who, what, at) in acts {
            let person = &people[usize::from(who % 3)];
            if who % 5 == 0 {
                let all = written.lock().unwrap().clone();
                person.apply(&all.iter().map(Vec::as_slice).collect::<Vec<_>>()).unwrap();
            }
            act(&mut person.doc().transact_mut(), (*what, *at));
        }
        written.lock().unwrap().clone()
    }

    fn folded(updates: &[&[u8]], at_once: usize) -> Vec<u8> {
        let document = OpenDocument::new(7, |_| {});
        for group in updates.chunks(at_once) {
            document.apply(group).unwrap();
        }
        document.state_if(|| true).unwrap()
    }

    quickcheck! {
        fn it_is_the_same_in_whatever_order_and_pieces_updates_came(acts: Vec<(u8, u8, u16)>) -> bool {
            let written = session(&acts);
            let forward: Vec<_> = written.iter().map(Vec::as_slice).collect();
            let backward: Vec<_> = forward.iter().rev().copied().collect();
            let states = [
                folded(&forward, 1),
                folded(&forward, usize::MAX),
                folded(&forward, 3),
                folded(&backward, 1),
                folded(&backward, 4),
            ];
            let normal: Vec<_> = states.iter().map(|state| Normal::of(state).unwrap()).collect();
            normal.windows(2).all(|pair| pair[0] == pair[1])
        }

        fn it_is_another_when_an_update_is_missing(acts: Vec<(u8, u8, u16)>, missing: usize) -> bool {
            let written = session(&acts);
            let whole: Vec<_> = written.iter().map(Vec::as_slice).collect();
            let inserts = |update: &[u8]| {
                let outline = check::update(update, check::Author::Anyone).unwrap();
                outline.clocks.is_some()
            };
            let mut less = whole.clone();
            // What two delete is also gone if one of them has not.
            match missing.checked_rem(whole.len()).filter(|missing| inserts(whole[*missing])) {
                Some(missing) => _ = less.remove(missing),
                None => return true,
            }
            let (whole, less) = (folded(&whole, 8), folded(&less, 8));
            Normal::of(&whole).unwrap() != Normal::of(&less).unwrap()
        }
    }

    #[test]
    fn who_typed_what_still_stands_is_counted_in_utf_16_units() {
        let written = session(&[(1, 1, 1), (2, 2, 2), (1, 3, 0)]);
        let updates: Vec<_> = written.iter().map(Vec::as_slice).collect();
        let state = folded(&updates, 9);
        let typed = Normal::of(&state).unwrap().typed();
        assert_eq!(typed, BTreeMap::from([((1 << 40) + 1, 2), ((1 << 40) + 2, 2)]));
    }
}
