//! What is inside a block.

use super::block::{Kind, Nested};
use super::{BadUpdate, MAX_CLOCK, MAX_DEPTH, Reader};

const DELETED: u8 = 1;
const BINARY: u8 = 3;
const STRING: u8 = 4;
const EMBED: u8 = 5;
const FORMAT: u8 = 6;
const TYPE: u8 = 7;
const ANY: u8 = 8;
const DOC: u8 = 9;

const MAP_VALUE: u8 = 118;
const ARRAY_VALUE: u8 = 117;

impl Reader<'_> {
    /// Reads the content of a block that begins at `clock`; says what it is, and how many clocks it takes.
    #[inline]
    pub(super) fn content(&mut self, tag: u8, clock: u32) -> Result<(Kind, u32), BadUpdate> {
        let at = self.at();
        let (kind, len) = match tag {
            STRING => (Kind::Text, self.characters()?),
            ANY => (Kind::Values, self.values()?),
            DELETED => (Kind::Deleted, self.length_from(clock)? - clock),
            _ => (self.single(tag)?, 1),
        };
        match u64::from(clock) + u64::from(len) {
            end if len > 0 && end <= u64::from(MAX_CLOCK) => Ok((kind, len)),
            _ if len == 0 => Err(BadUpdate::Empty { at }),
            _ => Err(BadUpdate::Clock { at }),
        }
    }

    /// Reads content that takes one clock, whatever it is.
    ///
    /// JSON (2) is missing: Yjs has not written it for years, and yrs reads one text too many of it.
    fn single(&mut self, tag: u8) -> Result<Kind, BadUpdate> {
        match tag {
            BINARY => self.buffer().map(|_| Kind::Values),
            EMBED => self.json().map(|()| Kind::Embed),
            FORMAT => {
                self.text()?;
                self.json().map(|()| Kind::Format)
            }
            TYPE => self.nested_type().map(Kind::Type),
            DOC => self.subdocument().map(|()| Kind::Subdocument),
            _ => Err(BadUpdate::Tag { at: self.at(), tag }),
        }
    }

    /// Characters, counted as Yjs does: in UTF-16 units.
    fn characters(&mut self) -> Result<u32, BadUpdate> {
        let text = self.text()?;
        let units = text.bytes().map(|byte| match byte {
            0x80..=0xbf => 0,
            0xf0.. => 2,
            _ => 1,
        });
        Ok(units.sum())
    }

    fn values(&mut self) -> Result<u32, BadUpdate> {
        let count = self.count(1)?;
        for _ in 0..count {
            self.value()?;
        }
        Ok(count)
    }

    /// Array, map, text, XML fragment and XML text have no more than their tag; an element has a name.
    ///
    /// XML hooks (5) are read differently by yrs and Yjs, weak links (7) not at all, and nobody writes the others.
    fn nested_type(&mut self) -> Result<Nested, BadUpdate> {
        let at = self.at();
        match self.byte()? {
            0 => Ok(Nested::Array),
            1 => Ok(Nested::Map),
            2 | 6 => Ok(Nested::Text),
            3 => self.text().map(|_| Nested::Tree),
            4 => Ok(Nested::Tree),
            tag => Err(BadUpdate::Tag { at, tag }),
        }
    }

    fn subdocument(&mut self) -> Result<(), BadUpdate> {
        self.text()?;
        let at = self.at();
        match self.byte()? {
            MAP_VALUE => self.rest_of_value(MAP_VALUE, at),
            tag => Err(BadUpdate::Tag { at, tag }),
        }
    }

    #[inline]
    fn value(&mut self) -> Result<(), BadUpdate> {
        let at = self.at();
        match self.byte()? {
            tag @ (MAP_VALUE | ARRAY_VALUE) => self.rest_of_value(tag, at),
            tag => self.scalar(tag, at),
        }
    }

    fn scalar(&mut self, tag: u8, at: usize) -> Result<(), BadUpdate> {
        match tag {
            120 | 121 | 126 | 127 => Ok(()),
            125 => self.signed(),
            124 => self.take(4).map(|_| ()),
            122 | 123 => self.take(8).map(|_| ()),
            119 => self.text().map(|_| ()),
            116 => self.buffer().map(|_| ()),
            _ => Err(BadUpdate::Tag { at, tag }),
        }
    }

    /// Reads a map or an array behind its tag, with all that is in it. Instead of recursing it keeps a list of those
    /// that are open: how many items each has left, and whether they have keys.
    fn rest_of_value(&mut self, tag: u8, at: usize) -> Result<(), BadUpdate> {
        let mut open = [(0_u32, false); MAX_DEPTH];
        open[0] = self.opened(tag)?;
        let mut depth = 1;
        while depth > 0 {
            let (left, keyed) = &mut open[depth - 1];
            if *left == 0 {
                depth -= 1;
                continue;
            }
            *left -= 1;
            if *keyed {
                self.text()?;
            }
            let inner = self.at();
            match self.byte()? {
                tag @ (MAP_VALUE | ARRAY_VALUE) => {
                    *open.get_mut(depth).ok_or(BadUpdate::Deep { at })? = self.opened(tag)?;
                    depth += 1;
                }
                tag => self.scalar(tag, inner)?,
            }
        }
        Ok(())
    }

    fn opened(&mut self, tag: u8) -> Result<(u32, bool), BadUpdate> {
        let keyed = tag == MAP_VALUE;
        Ok((self.count(1 + usize::from(keyed))?, keyed))
    }
}
