//! What bytes of others must look like before yrs sees them.
//!
//! yrs trusts its input: four bytes make it touch half a gigabyte, others overflow its stack, and an update under
//! somebody else's client id parts two documents for ever. So every update, state vector and presence message is
//! first read here once from end to end. The reader allocates nothing by a number that the sender chose, does not
//! recurse, and refuses whatever an honest yrs or Yjs would not have written.
//!
//! What it can't see, because a single update does not hold it: whether what an item leans on is there, and what kind
//! of type that is. That is for the [gate](super::Gate), where the document is open.

mod bad;
mod block;
mod content;
mod reader;
#[cfg(test)]
pub(super) mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use crate::id::STOCK_CLIENTS;
use crate::log::{Entry, EntryKind};

pub use bad::BadUpdate;
pub(super) use block::{Block, Id, Kind, Nested, Parent};
pub(super) use reader::Reader;

/// No clock reaches this: yrs subtracts clocks as signed numbers.
pub const MAX_CLOCK: u32 = i32::MAX as u32;

/// Client ids are below this: Yjs keeps them in a float.
pub const MAX_CLIENT: u64 = 1 << 53;

/// How deep a value may nest.
pub const MAX_DEPTH: usize = 64;

/// How many clients one update may insert under. yrs takes them in a recursion, and compares each that waits with all
/// others that do.
pub const MAX_CLIENTS: u32 = 4096;

/// Who may have written an update.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Author {
    /// The owner of a chain: it inserts under this client id alone, from `clock`, where its last entry ended, and
    /// without a gap. If `clock` isn't known, the update may begin anywhere.
    Chain {
        /// The client id of the chain.
        client: u64,
        /// Where the chain stands.
        clock: Option<u32>,
    },
    /// A stock client, for whom a member signs: it inserts under ids of stock clients, from any clock. Where it says
    /// again what is there, the [gate](super::Gate) lets nothing through.
    Guest,
    /// Anybody: an import, or a document of stock Yjs clients. Inserts under any ids, from any clock. Only for documents
    /// that hold nothing of these clients yet: where clocks overlap, yrs may read freed memory.
    Anyone,
}

/// What a sound update does.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Outline {
    /// The clocks that it inserts; for several clients, those of the last. None if it only deletes.
    pub clocks: Option<Range<u32>>,
    /// How many blocks it inserts.
    pub blocks: usize,
    /// How many ranges it deletes.
    pub deletions: usize,
}

/// Reads an update, v1, and says what it does.
///
/// # Errors
/// If yrs must not see it, or `author` can't have written it.
pub fn update(bytes: &[u8], author: Author) -> Result<Outline, BadUpdate> {
    let mut reader = Reader::new(bytes);
    let mut outline = Outline::default();
    let sections = sections(&mut reader)?;
    let mut seen = Distinct::among(sections);
    for _ in 0..sections {
        inserts(&mut reader, author, &mut seen, &mut outline)?;
    }
    outline.deletions = deletions(&mut reader, |client, range, at| {
        let known = outline.clocks.as_ref().map(|clocks| clocks.end);
        author.may_delete(client, &range, known, at)
    })?;
    reader.finish()?;
    Ok(outline)
}

/// Reads the update that an entry of a chain brings, if it brings one, and says where the chain's Yjs client stands
/// behind it; nothing if that is not known.
///
/// # Errors
/// If yrs must not see it, or the chain's author can't have written it.
pub fn entry(entry: &Entry<'_>, client: u64, clock: Option<u32>) -> Result<Option<u32>, BadUpdate> {
    let Some(bytes) = entry.update() else { return Ok(clock) };
    if entry.kind == EntryKind::GUEST {
        update(bytes, Author::Guest)?;
        return Ok(clock);
    }
    let outline = update(bytes, Author::Chain { client, clock })?;
    Ok(outline.clocks.map(|clocks| clocks.end).or(clock))
}

/// The clients under whose ids an update inserts, each with the clock where that ends.
///
/// # Errors
/// If yrs must not see it.
pub fn clients(bytes: &[u8]) -> Result<BTreeMap<u64, u32>, BadUpdate> {
    let mut clients = BTreeMap::new();
    let mut reader = each_block(bytes, |block| {
        let end: &mut u32 = clients.entry(block.id.client).or_default();
        *end = block.end().max(*end);
        Ok(())
    })?;
    deletions(&mut reader, |_, _, _| Ok(()))?;
    reader.finish()?;
    Ok(clients)
}

/// Reads a state vector, and says of how many clients.
///
/// # Errors
/// If yrs must not see it.
pub fn state_vector(bytes: &[u8]) -> Result<usize, BadUpdate> {
    let mut reader = Reader::new(bytes);
    let clients = reader.count(2)?;
    let mut seen = Distinct::among(clients);
    for _ in 0..clients {
        let at = reader.at();
        seen.add(reader.client()?, at)?;
        reader.clock()?;
    }
    reader.finish()?;
    Ok(clients as usize)
}

/// Reads a presence message (Yjs calls it awareness), and says of how many clients.
///
/// # Errors
/// If yrs must not see it, or it speaks for a client that isn't `author`'s.
pub fn presence(bytes: &[u8], author: Author) -> Result<usize, BadUpdate> {
    let mut reader = Reader::new(bytes);
    let clients = reader.count(3)?;
    let mut seen = Distinct::among(clients);
    for _ in 0..clients {
        let at = reader.at();
        let client = reader.client()?;
        author.may_insert(client, at)?;
        seen.add(client, at)?;
        reader.clock()?;
        reader.json()?;
    }
    reader.finish()?;
    Ok(clients as usize)
}

/// How many clients the update inserts under.
pub(super) fn sections(reader: &mut Reader<'_>) -> Result<u32, BadUpdate> {
    let at = reader.at();
    let sections = reader.count(5)?;
    match sections <= MAX_CLIENTS {
        true => Ok(sections),
        false => Err(BadUpdate::Count { at, count: sections.into() }),
    }
}

/// Reads one client's blocks.
fn inserts(
    reader: &mut Reader<'_>,
    author: Author,
    seen: &mut Distinct,
    outline: &mut Outline,
) -> Result<(), BadUpdate> {
    let section = Section::read(reader)?;
    author.may_insert(section.client, section.at)?;
    author.may_begin(section.clock, section.at)?;
    seen.add(section.client, section.at)?;
    let mut clock = section.clock;
    for _ in 0..section.blocks {
        let block = Block::read(reader, Id { client: section.client, clock })?;
        if block.kind == Kind::Skip {
            return Err(BadUpdate::Skip { at: block.at });
        }
        clock += block.len;
    }
    outline.blocks += section.blocks as usize;
    outline.clocks = Some(section.clock..clock);
    Ok(())
}

/// Hands out each block, then stops before the deletions.
pub(super) fn each_block<'a>(
    bytes: &'a [u8],
    mut take: impl FnMut(Block<'a>) -> Result<(), BadUpdate>,
) -> Result<Reader<'a>, BadUpdate> {
    let mut reader = Reader::new(bytes);
    for _ in 0..sections(&mut reader)? {
        let Section { client, mut clock, blocks, .. } = Section::read(&mut reader)?;
        for _ in 0..blocks {
            let block = Block::read(&mut reader, Id { client, clock })?;
            clock += block.len;
            take(block)?;
        }
    }
    Ok(reader)
}

/// Hands out each range of deletions with its place, and says how many there are.
pub(super) fn deletions(
    reader: &mut Reader<'_>,
    mut take: impl FnMut(u64, Range<u32>, usize) -> Result<(), BadUpdate>,
) -> Result<usize, BadUpdate> {
    let clients = reader.count(4)?;
    let mut seen = Distinct::among(clients);
    let mut total = 0;
    for _ in 0..clients {
        let at = reader.at();
        let client = reader.client()?;
        seen.add(client, at)?;
        let ranges = reader.full_count(2)?;
        let mut end = 0;
        for _ in 0..ranges {
            let at = reader.at();
            let start = reader.clock()?;
            if start < end {
                return Err(BadUpdate::Order { at });
            }
            end = reader.length_from(start)?;
            take(client, start..end, at)?;
        }
        total += ranges as usize;
    }
    Ok(total)
}

/// The head of one client's blocks.
struct Section {
    at: usize,
    client: u64,
    clock: u32,
    blocks: u32,
}

impl Section {
    fn read(reader: &mut Reader<'_>) -> Result<Self, BadUpdate> {
        let blocks = reader.full_count(2)?;
        let at = reader.at();
        Ok(Self { at, client: reader.client()?, clock: reader.clock()?, blocks })
    }
}

impl Author {
    fn may_insert(self, client: u64, at: usize) -> Result<(), BadUpdate> {
        match self {
            Self::Chain { client: own, .. } if own != client => {
                Err(BadUpdate::Foreign { at, client })
            }
            Self::Guest if client >= STOCK_CLIENTS => Err(BadUpdate::Foreign { at, client }),
            _ => Ok(()),
        }
    }

    fn may_begin(self, clock: u32, at: usize) -> Result<(), BadUpdate> {
        match self {
            Self::Chain { clock: Some(expected), .. } if expected != clock => {
                Err(BadUpdate::Gap { at, clock, expected })
            }
            _ => Ok(()),
        }
    }

    /// Nobody deletes what they have yet to write. `end` is where the update's own blocks end.
    fn may_delete(
        self,
        client: u64,
        range: &Range<u32>,
        end: Option<u32>,
        at: usize,
    ) -> Result<(), BadUpdate> {
        match self {
            Self::Chain { client: own, clock } if own == client => match end.or(clock) {
                Some(end) if range.end > end => Err(BadUpdate::Ahead { at }),
                _ => Ok(()),
            },
            _ => Ok(()),
        }
    }
}

/// Clients that may come once each. Remembers nothing where there is only one.
struct Distinct {
    several: bool,
    seen: BTreeSet<u64>,
}

impl Distinct {
    fn among(clients: u32) -> Self {
        Self { several: clients > 1, seen: BTreeSet::new() }
    }

    fn add(&mut self, client: u64, at: usize) -> Result<(), BadUpdate> {
        match self.several && !self.seen.insert(client) {
            true => Err(BadUpdate::Repeated { at, client }),
            false => Ok(()),
        }
    }
}
