//! Where everything lies that was ever inserted in a document.
//!
//! A block in Yjs says where it lies only if it has no neighbour; otherwise it lies where they do. So this remembers
//! for every clock of every client in which container it is, in stretches: a stretch ends where a client turns to
//! another container, and what is typed into one text takes a few bytes, however long it grows.

use std::collections::BTreeMap;
use std::ops::Range;

use super::super::check::{Block, Id, Kind, Nested, Parent};

/// What a container is, as far as it can be known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Holder {
    /// A root: of what type it is, the app knows, and may not have said.
    Root,
    Nested(Nested),
}

/// A container, by its place in the list of all.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Container(u32);

/// Where something lies: in the row of a container, or under one of its keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) container: Container,
    pub(super) keyed: bool,
}

/// All places of a document.
#[derive(Debug, Default)]
pub(super) struct Containers {
    clients: BTreeMap<u64, Clocks>,
    roots: BTreeMap<String, Container>,
    nested: BTreeMap<Id, Container>,
    holders: Vec<Holder>,
}

/// What one client has written, from its first clock without a gap.
#[derive(Debug, Default)]
struct Clocks {
    runs: Vec<Run>,
    end: u32,
}

/// A stretch of clocks, up to where the next begins.
#[derive(Debug)]
struct Run {
    start: u32,
    /// Nothing, if it lies nowhere: it was collected with what it lay in, or never had a place.
    place: Option<Place>,
    /// Whether it is text, or what only text holds.
    prose: bool,
}

impl Containers {
    /// The clock that comes next of a client.
    pub(super) fn end(&self, client: u64) -> u32 {
        self.clients.get(&client).map_or(0, |clocks| clocks.end)
    }

    /// Whether this is here.
    pub(super) fn has(&self, id: Id) -> bool {
        id.clock < self.end(id.client)
    }

    pub(super) fn holder(&self, container: Container) -> Holder {
        self.holders[container.0 as usize]
    }

    /// Where a block belongs, if anywhere: what lies nowhere takes what leans on it along, and who claims to stand
    /// between two containers, or next to something under a key, stands in neither.
    ///
    /// # Errors
    /// If it leans on something that is not here, which is told.
    pub(super) fn place_of(&mut self, block: &Block<'_>) -> Result<Option<Place>, Id> {
        let Id { client, clock } = block.id;
        let known = self.end(client);
        if clock > known {
            return Err(Id { client, clock: clock - 1 });
        }
        // Of a block whose beginning is here, the rest follows that.
        let left = if clock < known { Some(Id { client, clock: known - 1 }) } else { block.origin };
        let left = left.map(|id| self.at(id)).transpose()?;
        let right = block.right_origin.map(|id| self.at(id)).transpose()?;
        Ok(match (left, right, block.parent) {
            (None, None, Parent::Neighbour) => None,
            (None, None, Parent::Root(name)) => {
                Some(Place { container: self.root(name), keyed: block.keyed })
            }
            (None, None, Parent::Nested(id)) => {
                self.at(id)?;
                let container = self.nested.get(&id).copied();
                container.map(|container| Place { container, keyed: block.keyed })
            }
            (Some(left), None, _) => left,
            (left, Some(right), _) => {
                right.filter(|right| !right.keyed && left.is_none_or(|left| left == Some(*right)))
            }
        })
    }

    /// Where something lies that is here.
    fn at(&self, id: Id) -> Result<Option<Place>, Id> {
        let clocks = self.clients.get(&id.client).filter(|clocks| id.clock < clocks.end);
        let runs = &clocks.ok_or(id)?.runs;
        // Most lean on what was written last.
        let run = match runs.last() {
            Some(last) if last.start <= id.clock => Some(last),
            _ => runs[..runs.partition_point(|run| run.start <= id.clock)].last(),
        };
        Ok(run.and_then(|run| run.place))
    }

    fn root(&mut self, name: &str) -> Container {
        if let Some(root) = self.roots.get(name) {
            return *root;
        }
        let root = new_container(&mut self.holders, Holder::Root);
        self.roots.insert(name.to_owned(), root);
        root
    }

    /// Remembers where a block lies, whose client's clock comes next with it.
    pub(super) fn add(&mut self, block: &Block<'_>, place: Option<Place>) {
        let clocks = self.clients.entry(block.id.client).or_default();
        let prose = matches!(block.kind, Kind::Text | Kind::Format | Kind::Embed);
        // What is deleted may have been either.
        let same = |run: &Run| run.prose == prose || block.kind == Kind::Deleted;
        let goes_on = clocks.runs.last().is_some_and(|run| run.place == place && same(run));
        if !goes_on {
            clocks.runs.push(Run { start: clocks.end, place, prose });
        }
        clocks.end = block.end();
        if let (Kind::Type(nested), Some(_)) = (block.kind, place) {
            let container = new_container(&mut self.holders, Holder::Nested(nested));
            self.nested.insert(block.id, container);
        }
    }

    /// How many stretches are remembered.
    #[cfg(test)]
    pub(super) fn runs(&self) -> usize {
        self.clients.values().map(|clocks| clocks.runs.len()).sum()
    }

    /// From now on a root is read as a list or a tree. Gives the clocks of the text that it holds.
    pub(super) fn read_as(&mut self, name: &str, nested: Nested) -> Vec<(u64, Range<u32>)> {
        let root = self.root(name);
        let holder = Holder::Nested(nested);
        if std::mem::replace(&mut self.holders[root.0 as usize], holder) == holder {
            return Vec::new();
        }
        let row = Some(Place { container: root, keyed: false });
        let clients = self.clients.iter();
        let runs = clients.flat_map(|(client, clocks)| clocks.each().map(|run| (*client, run)));
        let misfits = runs.filter(|(_, (_, run))| run.prose && run.place == row);
        misfits.map(|(client, (range, _))| (client, range)).collect()
    }
}

fn new_container(holders: &mut Vec<Holder>, holder: Holder) -> Container {
    holders.push(holder);
    // There are fewer than clocks, of which a document this large can't be held.
    Container(u32::try_from(holders.len() - 1).unwrap_or(u32::MAX))
}

impl Clocks {
    /// The stretches, with the clocks that they take.
    fn each(&self) -> impl Iterator<Item = (Range<u32>, &Run)> {
        let ends = self.runs.iter().skip(1).map(|run| run.start).chain([self.end]);
        self.runs.iter().zip(ends).map(|(run, end)| (run.start..end, run))
    }
}
