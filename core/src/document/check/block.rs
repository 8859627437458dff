//! One block: a stretch of one client's clock, and what was inserted there.

use super::{BadUpdate, Reader};

const ORIGIN: u8 = 0b1000_0000;
const RIGHT_ORIGIN: u8 = 0b0100_0000;
const KEYED: u8 = 0b0010_0000;
const UNUSED: u8 = 0b0001_0000;
const SKIP: u8 = 10;

/// One unit that was inserted: who, and at which clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::document) struct Id {
    pub(in crate::document) client: u64,
    pub(in crate::document) clock: u32,
}

/// What a block holds, as far as anybody here wants to know.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::document) enum Kind {
    /// Something was here, and it is not even known where any more.
    Gc,
    /// Nothing is known about these clocks.
    Skip,
    /// Something that was deleted.
    Deleted,
    /// Characters.
    Text,
    /// A mark in text: from here on bold.
    Format,
    /// A picture or the like in text.
    Embed,
    /// Values of an array or a map, or bytes.
    Values,
    Subdocument,
    /// A container of its own.
    Type(Nested),
}

/// What a nested container is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::document) enum Nested {
    Array,
    Map,
    /// Of a tree or not.
    Text,
    /// An element of a tree, or a whole one.
    Tree,
}

/// Where a block says that it belongs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::document) enum Parent<'a> {
    /// Wherever its neighbour is.
    Neighbour,
    Root(&'a str),
    Nested(Id),
}

/// A block, where it stands in the bytes.
#[derive(Clone, Copy, Debug)]
pub(in crate::document) struct Block<'a> {
    pub(in crate::document) at: usize,
    pub(in crate::document) id: Id,
    pub(in crate::document) len: u32,
    pub(in crate::document) kind: Kind,
    pub(in crate::document) keyed: bool,
    pub(in crate::document) origin: Option<Id>,
    pub(in crate::document) right_origin: Option<Id>,
    pub(in crate::document) parent: Parent<'a>,
    /// Everything before the content.
    pub(in crate::document) head: &'a [u8],
    pub(in crate::document) content: &'a [u8],
}

impl<'a> Block<'a> {
    /// Reads the block that begins at `id`.
    #[inline]
    pub(in crate::document) fn read(reader: &mut Reader<'a>, id: Id) -> Result<Self, BadUpdate> {
        let at = reader.at();
        let info = reader.byte()?;
        if info == SKIP || info == 0 {
            return Self::read_blank(reader, id, at, info);
        }
        if info & UNUSED != 0 {
            return Err(BadUpdate::Tag { at, tag: info });
        }
        let origin = earlier(reader, info & ORIGIN != 0, id)?;
        let right_origin = earlier(reader, info & RIGHT_ORIGIN != 0, id)?;
        let keyed = info & KEYED != 0;
        let parent = match info & (ORIGIN | RIGHT_ORIGIN) {
            0 => Self::read_parent(reader, id, keyed)?,
            _ => Parent::Neighbour,
        };
        let head = reader.since(at);
        let from = reader.at();
        let (kind, len) = reader.content(info & 0b1111, id.clock)?;
        // A key has one value. Several that are gone may have been joined.
        if keyed && (matches!(kind, Kind::Text | Kind::Format) || kind == Kind::Values && len > 1) {
            return Err(BadUpdate::Keyed { at });
        }
        let content = reader.since(from);
        Ok(Self { at, id, len, kind, keyed, origin, right_origin, parent, head, content })
    }

    /// Reads a block that holds nothing.
    fn read_blank(reader: &mut Reader<'a>, id: Id, at: usize, info: u8) -> Result<Self, BadUpdate> {
        let kind = if info == SKIP { Kind::Skip } else { Kind::Gc };
        let head = reader.since(at);
        let from = reader.at();
        let len = reader.length_from(id.clock)? - id.clock;
        let content = reader.since(from);
        let (origin, right_origin, parent) = (None, None, Parent::Neighbour);
        Ok(Self { at, id, len, kind, keyed: false, origin, right_origin, parent, head, content })
    }

    fn read_parent(reader: &mut Reader<'a>, id: Id, keyed: bool) -> Result<Parent<'a>, BadUpdate> {
        let at = reader.at();
        let parent = match reader.byte()? {
            1 => Parent::Root(reader.text()?),
            0 => Parent::Nested(earlier_than(reader, id)?),
            tag => return Err(BadUpdate::Tag { at, tag }),
        };
        if keyed {
            reader.text()?;
        }
        Ok(parent)
    }

    /// The characters of a block of text.
    pub(in crate::document) fn text(&self) -> &'a str {
        let length = self.content.iter().take_while(|byte| **byte >= 0x80).count() + 1;
        // It was read as text, so that is what it is.
        std::str::from_utf8(&self.content[length..]).unwrap_or_default()
    }

    /// The clock behind the block.
    pub(in crate::document) fn end(&self) -> u32 {
        self.id.clock + self.len
    }
}

/// What a block leans on, if it says so.
#[inline]
fn earlier(reader: &mut Reader<'_>, there: bool, id: Id) -> Result<Option<Id>, BadUpdate> {
    match there {
        true => Ok(Some(earlier_than(reader, id)?)),
        false => Ok(None),
    }
}

/// What a block leans on. Of what its own author wrote, only what came before can have been seen.
#[inline]
fn earlier_than(reader: &mut Reader<'_>, id: Id) -> Result<Id, BadUpdate> {
    let at = reader.at();
    let leaned_on = Id { client: reader.client()?, clock: reader.clock()? };
    match leaned_on.client == id.client && leaned_on.clock >= id.clock {
        true => Err(BadUpdate::Ahead { at }),
        false => Ok(leaned_on),
    }
}
