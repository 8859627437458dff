//! Honest documents: some people edit text, maps, arrays and trees at random, nest and format them, undo, and take in
//! one another's updates now and then.

use std::sync::{Arc, Mutex};

use yrs::block::ClientID;
use yrs::types::Attrs;
use yrs::undo::UndoManager;
use yrs::updates::decoder::Decode;
use yrs::{
    Any, Array, ArrayPrelim, ArrayRef, Doc, Map, MapPrelim, MapRef, OffsetKind, Options, Text,
    TextPrelim, TextRef, Transact, Update, Xml, XmlElementPrelim, XmlFragment, XmlFragmentRef,
    XmlOut, XmlTextPrelim,
};

/// One thing that somebody does: who, what, where, and with how much.
pub(crate) type Step = (u8, u8, u8, u8);

/// An update, and the client that wrote it.
#[derive(Clone, Debug)]
pub(crate) struct Written {
    pub(crate) client: u64,
    pub(crate) update: Vec<u8>,
}

/// Somebody with a copy of the document.
struct Person {
    client: u64,
    doc: Doc,
    text: TextRef,
    map: MapRef,
    array: ArrayRef,
    tree: XmlFragmentRef,
    undo: UndoManager<()>,
    made: Arc<Mutex<Vec<Vec<u8>>>>,
    /// How much of everything that was written it has.
    seen: usize,
}

/// What `people` write while they take `steps`, each update after all that it leans on.
pub(crate) fn written(people: u64, steps: &[Step]) -> Vec<Written> {
    written_under(1 << 33, people, steps)
}

/// The same under client ids from `first` on.
pub(crate) fn written_under(first: u64, people: u64, steps: &[Step]) -> Vec<Written> {
    let mut people: Vec<_> = (0..people).map(|id| Person::new(first + id * 7)).collect();
    let mut log = Vec::new();
    for &(who, what, at, much) in steps {
        let index = who as usize % people.len();
        let person = &mut people[index];
        match what % 16 {
            15 => person.catch_up(&log),
            what => person.act(what, at, much),
        }
        let made = std::mem::take(&mut *person.made.lock().unwrap());
        log.extend(made.into_iter().map(|update| Written { client: person.client, update }));
    }
    log
}

/// A document that nobody has written in, with the roots that [`written`] uses.
pub(crate) fn empty(client: u64) -> Doc {
    let doc = Doc::with_options(Options {
        client_id: ClientID::new(client),
        offset_kind: OffsetKind::Utf16,
        ..Options::default()
    });
    doc.get_or_insert_text("text");
    doc.get_or_insert_map("map");
    doc.get_or_insert_array("array");
    doc.get_or_insert_xml_fragment("tree");
    doc
}

impl Person {
    fn new(client: u64) -> Self {
        let doc = empty(client);
        let made = Arc::new(Mutex::new(Vec::new()));
        let kept = made.clone();
        let observed = doc.observe_update_v1("written", move |txn, event| {
            if txn.origin().map(AsRef::as_ref) != Some(b"others".as_slice()) {
                kept.lock().unwrap().push(event.update.clone());
            }
        });
        observed.unwrap();
        let (text, map) = (doc.get_or_insert_text("text"), doc.get_or_insert_map("map"));
        let array = doc.get_or_insert_array("array");
        let tree = doc.get_or_insert_xml_fragment("tree");
        let mut undo = UndoManager::new();
        undo.expand_scope(&doc, &text);
        undo.expand_scope(&doc, &map);
        undo.expand_scope(&doc, &array);
        Self { client, doc, text, map, array, tree, undo, made, seen: 0 }
    }

    fn catch_up(&mut self, log: &[Written]) {
        for Written { client, update } in &log[self.seen..] {
            if *client != self.client {
                let update = Update::decode_v1(update).unwrap();
                self.doc.transact_mut_with("others").apply_update(update).unwrap();
            }
        }
        self.seen = log.len();
    }

    fn act(&mut self, what: u8, at: u8, much: u8) {
        match what {
            0..=5 => self.write_text(what, at, much),
            6..=8 => self.write_map(what, at, much),
            9..=11 => self.write_array(what, at, much),
            12 => self.write_tree(at, much),
            13 => {
                self.undo.undo_blocking();
            }
            _ => {
                self.undo.redo_blocking();
                self.undo.reset();
            }
        }
    }

    fn write_text(&self, what: u8, at: u8, much: u8) {
        let (text, mut txn) = (&self.text, self.doc.transact_mut());
        let len = text.len(&txn);
        let at = u32::from(at) % (len + 1);
        let much = u32::from(much) % 5;
        match what {
            // At the end, where most is typed.
            0 | 1 => text.insert(&mut txn, len, &"typing 𝄞 é"[..[1, 2, 6, 11, 14][much as usize]]),
            2 => text.insert(&mut txn, at, "𝄞é"),
            3 => text.remove_range(&mut txn, at, much.min(len - at)),
            4 => text.format(&mut txn, at, much.min(len - at), bold(much)),
            _ => {
                text.insert_embed(&mut txn, at, Any::from(vec![Any::from("picture"), Any::Null]));
                // Inserted and gone in one transaction.
                text.insert(&mut txn, at, "fleeting");
                text.remove_range(&mut txn, at, 8);
            }
        }
    }

    fn write_map(&self, what: u8, at: u8, much: u8) {
        let (map, mut txn) = (&self.map, self.doc.transact_mut());
        let key = ["a", "b", "ключ"][at as usize % 3];
        match (what, much % 4) {
            (6, 0) => drop(map.remove(&mut txn, key)),
            (6, much) => drop(map.insert(&mut txn, key, any(much))),
            (7, _) => drop(map.insert(&mut txn, key, TextPrelim::new("nested"))),
            (_, 0) => {
                map.insert(&mut txn, key, ArrayPrelim::from([1, 2]));
                map.remove(&mut txn, key);
            }
            (_, much) => {
                let inner = map.insert(&mut txn, key, MapPrelim::from([("deep", any(much))]));
                inner.insert(&mut txn, "again", TextPrelim::new("𝄞"));
            }
        }
    }

    fn write_array(&self, what: u8, at: u8, much: u8) {
        let (array, mut txn) = (&self.array, self.doc.transact_mut());
        let len = array.len(&txn);
        let at = u32::from(at) % (len + 1);
        match what {
            9 => array.insert_range(&mut txn, at, [any(much), any(at as u8), Any::Undefined]),
            10 => array.remove_range(&mut txn, at, (u32::from(much) % 4).min(len - at)),
            _ if much.is_multiple_of(2) => {
                array.insert(&mut txn, at, MapPrelim::from([("k", "v")]));
            }
            _ => drop(array.push_back(&mut txn, vec![1_u8, 2, much])),
        }
    }

    fn write_tree(&self, at: u8, much: u8) {
        let (tree, mut txn) = (&self.tree, self.doc.transact_mut());
        let len = tree.len(&txn);
        let at = u32::from(at) % (len + 1);
        match (much % 4, tree.get(&txn, at)) {
            (0, Some(_)) => tree.remove_range(&mut txn, at, 1),
            (1, Some(XmlOut::Element(element))) => {
                element.insert_attribute(&mut txn, "class", "big");
                element.push_back(&mut txn, XmlTextPrelim::new("inner"));
            }
            (2, Some(XmlOut::Text(text))) => text.insert(&mut txn, 0, "tree"),
            (3, _) => drop(tree.insert(&mut txn, at, XmlTextPrelim::new("leaf"))),
            _ => drop(tree.insert(&mut txn, at, XmlElementPrelim::empty("p"))),
        }
    }
}

fn bold(much: u32) -> Attrs {
    Attrs::from([(
        "bold".into(),
        if much == 1 { Any::Null } else { Any::from(much.is_multiple_of(2)) },
    )])
}

fn any(pick: u8) -> Any {
    match pick % 8 {
        0 => Any::Null,
        1 => Any::from(f64::from(pick) / 3.0),
        2 => Any::from(-i64::from(pick) << 40),
        3 => Any::from("𝄞 text"),
        4 => Any::from(vec![pick; 3]),
        5 => Any::from(vec![Any::from(true), Any::from("list")]),
        6 => Any::from_json("{\"k\":{\"l\":[1]}}").unwrap(),
        _ => Any::from(i32::from(pick)),
    }
}
