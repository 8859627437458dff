//! The items of a document, which yrs does not show: read from its encoded state.

use std::collections::BTreeMap;
use std::ops::Range;

use yrs::ID;
use yrs::block::{
    BLOCK_GC_REF_NUMBER, BLOCK_SKIP_REF_NUMBER, ClientID, HAS_ORIGIN, HAS_PARENT_SUB,
    HAS_RIGHT_ORIGIN, ItemContent,
};
use yrs::encoding::read::{Error, Read};
use yrs::updates::decoder::{Decoder, DecoderV1};

/// Where an item begins.
pub(super) type Start = (ClientID, u32);

/// An item, as far as it matters here.
pub(super) struct Item {
    pub(super) length: u32,
    /// What it was written next to; for the value of a key, what it overwrote.
    pub(super) origin: Option<ID>,
    /// Whether it is the value of a key: of a map's, or of an XML attribute.
    pub(super) keyed: bool,
    /// The key itself; known of the first value alone.
    key: Option<String>,
    /// Where to learn what it is in.
    place: Place,
}

#[derive(Clone, Copy)]
enum Place {
    Root,
    /// In the type that this item holds.
    Inside(ID),
    /// In the same as this one.
    Beside(ID),
}

/// All items of a document, by where they begin.
pub(super) struct Items(BTreeMap<Start, Item>);

impl Items {
    /// Reads a state that is our own encoding, of a document that yrs has accepted.
    pub(super) fn read(state: &[u8]) -> Result<Self, Error> {
        let mut decoder = DecoderV1::from(state);
        let mut items = BTreeMap::new();
        for _ in 0..decoder.read_var::<u32>()? {
            let blocks = decoder.read_var::<u32>()?;
            let client = decoder.read_client()?;
            let mut clock = decoder.read_var::<u32>()?;
            for _ in 0..blocks {
                clock += match decoder.read_info()? {
                    BLOCK_GC_REF_NUMBER | BLOCK_SKIP_REF_NUMBER => decoder.read_len()?,
                    info => {
                        let item = read_item(&mut decoder, info)?;
                        let length = item.length;
                        items.insert((client, clock), item);
                        length
                    }
                };
            }
        }
        Ok(Self(items))
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (Start, &Item)> {
        self.0.iter().map(|(start, item)| (*start, item))
    }

    /// The item that has this id among its own.
    pub(super) fn at(&self, id: ID) -> Option<(Start, &Item)> {
        let (start, item) = self.0.range(..=(id.client, id.clock)).next_back()?;
        let holds = start.0 == id.client && id.clock < start.1 + item.length;
        holds.then_some((*start, item))
    }

    /// The items that have a part in a range of a client's clocks.
    pub(super) fn within(
        &self,
        client: ClientID,
        range: &Range<u32>,
    ) -> impl Iterator<Item = (Start, &Item)> {
        let first = self.at(ID::new(client, range.start)).map_or(range.start, |(start, _)| start.1);
        self.0.range((client, first)..(client, range.end)).map(|(start, item)| (*start, item))
    }

    /// What an item overwrote, what that one had overwritten, and so on.
    pub(super) fn history<'a>(&'a self, item: &'a Item) -> impl Iterator<Item = (Start, &'a Item)> {
        let before = |item: &Item| item.origin.and_then(|origin| self.at(origin));
        std::iter::successors(before(item), move |(_, item)| before(item))
    }

    /// The key whose value an item is, in the type that another item holds; nothing for a root.
    pub(super) fn nested_key<'a>(&'a self, item: &'a Item) -> Option<(Start, &'a str)> {
        let first = self.history(item).last().map_or(item, |(_, first)| first);
        let (container, _) = self.containers(first).next()?;
        Some((container, first.key.as_deref()?))
    }

    /// The items whose types an item is in, from the inside out.
    pub(super) fn containers<'a>(
        &'a self,
        item: &'a Item,
    ) -> impl Iterator<Item = (Start, &'a Item)> {
        let container = |item: &'a Item| {
            let mut item = item;
            loop {
                match item.place {
                    Place::Root => return None,
                    Place::Inside(id) => return self.at(id),
                    Place::Beside(id) => item = self.at(id)?.1,
                }
            }
        };
        std::iter::successors(container(item), move |(_, item)| container(item))
    }
}

fn read_item(decoder: &mut DecoderV1<'_>, info: u8) -> Result<Item, Error> {
    let keyed = info & HAS_PARENT_SUB != 0;
    let origin = (info & HAS_ORIGIN != 0).then(|| decoder.read_left_id()).transpose()?;
    let right = (info & HAS_RIGHT_ORIGIN != 0).then(|| decoder.read_right_id()).transpose()?;
    let (place, key) = match origin.or(right) {
        Some(neighbour) => (Place::Beside(neighbour), None),
        // Only an item that stands next to nothing says what it is in, and under which key.
        None => read_place(decoder, keyed)?,
    };
    let length = length_of(&ItemContent::decode(decoder, info)?);
    Ok(Item { length, origin, keyed, key, place })
}

fn read_place(decoder: &mut DecoderV1<'_>, keyed: bool) -> Result<(Place, Option<String>), Error> {
    let place = if decoder.read_parent_info()? {
        decoder.read_string()?;
        Place::Root
    } else {
        Place::Inside(decoder.read_left_id()?)
    };
    let key = keyed.then(|| decoder.read_string().map(str::to_owned)).transpose()?;
    Ok((place, key))
}

/// How many clocks a content takes.
fn length_of(content: &ItemContent) -> u32 {
    let length = match content {
        ItemContent::Any(values) => values.len(),
        ItemContent::JSON(values) => values.len(),
        ItemContent::String(text) => text.len_utf16(),
        ItemContent::Deleted(length) => return *length,
        _ => 1,
    };
    // yrs counts in 32 bits, and this is content of its own.
    u32::try_from(length).unwrap_or(u32::MAX)
}
