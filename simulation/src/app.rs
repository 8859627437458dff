//! An app on a device: it opens documents, edits them and closes them.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use driftline_core::document::{Label, OpenDocument};
use driftline_core::id::{ChainId, DocumentId};
use driftline_core::log::Segment;
use driftline_core::roster::{Reach, Role};
use driftline_core::space::{Arrival, Authorship, Event};
use yrs::{Array, Map, Text, Transact, WriteTxn};

use crate::clock::MILLISECOND;
use crate::device::{Job, Machine};
use crate::network::Who;
use crate::trace::Kind;
use crate::world::{Due, World};

/// The Yjs client id of documents that are only read.
const READER: u64 = 1 << 32;

/// A document that an app holds.
#[derive(Debug)]
pub enum Document {
    /// It is being read; what arrives meanwhile waits.
    Opening {
        /// Its name.
        label: Label,
        /// What has arrived.
        arrivals: Vec<Arc<Segment>>,
    },
    /// It can be read, and edited if there is a chain to write on.
    Open(Editor),
}

/// An open document.
pub struct Editor {
    /// Its name.
    pub label: Label,
    /// The chain that it writes on, and how many updates were written to it.
    pub authorship: Option<Authorship>,
    /// The document itself.
    pub open: OpenDocument,
    local: Arc<Mutex<Vec<Vec<u8>>>>,
}

/// Something that an app does to a document. Places wrap around at the end.
#[derive(Clone, Debug)]
pub enum Edit {
    /// Writes into the text.
    Write {
        /// Where.
        at: u32,
        /// What.
        words: String,
    },
    /// Deletes a little of the text.
    Erase {
        /// From where.
        at: u32,
    },
    /// Sets a field of the map.
    Set {
        /// Which.
        field: String,
        /// To what.
        value: i32,
    },
    /// Puts something into the list.
    Insert {
        /// Where.
        at: u32,
        /// What.
        item: i32,
    },
    /// Takes something out of the list.
    Remove {
        /// From where.
        at: u32,
    },
}

impl Document {
    /// The chain that it writes on, once it is open.
    pub(crate) fn chain(&self) -> Option<ChainId> {
        match self {
            Self::Open(editor) => editor.authorship.map(|authorship| authorship.chain),
            Self::Opening { .. } => None,
        }
    }
}

impl Editor {
    pub(crate) fn new(label: Label, authorship: Option<Authorship>) -> Self {
        let local = Arc::new(Mutex::new(Vec::new()));
        let client = authorship.map_or(READER, |authorship| authorship.chain.client_id());
        let kept = local.clone();
        let keep = move |update| kept.lock().unwrap_or_else(PoisonError::into_inner).push(update);
        Self { label, authorship, open: OpenDocument::new(client, keep), local }
    }

    /// Brings in the updates of segments.
    pub fn apply<'a>(&self, segments: impl IntoIterator<Item = &'a Segment>) -> Result<(), String> {
        let entries = segments.into_iter().flat_map(|segment| segment.entries());
        let entries: Result<Vec<_>, _> = entries.collect();
        let entries = entries.map_err(|error| error.to_string())?;
        let updates: Vec<_> = entries.iter().filter_map(|(entry, _)| entry.update()).collect();
        self.open.apply(&updates).map_err(|error| format!("{error:?}"))
    }

    /// Whether entries were written through it.
    fn wrote(&self, arrival: &Arrival) -> bool {
        let chain = self.authorship.map(|authorship| authorship.chain);
        arrival.origin.is_none() && chain == Some(arrival.segment.chain)
    }

    /// Edits, and gives the updates that this made.
    fn edit(&self, edit: &Edit) -> Vec<Vec<u8>> {
        let mut txn = self.open.doc().transact_mut();
        let (body, fields, items) = (
            txn.get_or_insert_text("body"),
            txn.get_or_insert_map("fields"),
            txn.get_or_insert_array("items"),
        );
        let (text, list) = (body.len(&txn), items.len(&txn));
        match edit {
            Edit::Write { at, words } => body.insert(&mut txn, at % (text + 1), words),
            Edit::Erase { at } if text > 0 => {
                let at = at % text;
                body.remove_range(&mut txn, at, 3.min(text - at));
            }
            Edit::Set { field, value } => _ = fields.insert(&mut txn, field.as_str(), *value),
            Edit::Insert { at, item } => _ = items.insert(&mut txn, at % (list + 1), *item),
            Edit::Remove { at } if list > 0 => items.remove_range(&mut txn, at % list, 1),
            Edit::Erase { .. } | Edit::Remove { .. } => {}
        }
        drop(txn);
        std::mem::take(&mut *self.local.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl fmt::Debug for Editor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Editor").field("label", &self.label).finish_non_exhaustive()
    }
}

impl World {
    /// An app asks for a document.
    pub fn open(&mut self, who: Who, label: &Label) {
        let now = self.devices[who].clock.read(self.now);
        let Some(process) = &mut self.devices[who].process else { return };
        let document = label.document(&process.machine.space_id());
        if process.documents.contains_key(&document) {
            return;
        }
        let opening = Document::Opening { label: label.clone(), arrivals: Vec::new() };
        process.documents.insert(document, opening);
        let Some(space) = process.space_mut() else { return };
        // As the engine does: what was taken in a moment ago must be in what is read.
        let mut effects = Vec::new();
        space.seal(now, self.dice.rng(), &mut effects);
        self.perform(who, effects);
        self.trace.note(self.now, who, Kind::App, format_args!("opens {}", label.name()));
        self.job_later(who, Job::Open(label.clone()));
    }

    /// An app lets go of a document.
    pub fn close(&mut self, who: Who, label: &Label) {
        let Some(process) = &mut self.devices[who].process else { return };
        let document = label.document(&process.machine.space_id());
        if process.documents.remove(&document).is_some() {
            self.trace.note(self.now, who, Kind::App, format_args!("closes {}", label.name()));
        }
    }

    /// The chain of an open document is closed: the document is opened again, on another.
    pub(crate) fn reopen(&mut self, who: Who, document: &DocumentId) {
        let Some(process) = &mut self.devices[who].process else { return };
        if let Some(Document::Open(editor)) = process.documents.get(document) {
            let label = editor.label.clone();
            self.close(who, &label);
            self.open(who, &label);
        }
    }

    /// The roster says something new: what can't be written any more, or now can, is opened again.
    pub(crate) fn reopen_changed(&mut self, who: Who) {
        let me = self.devices[who].id();
        let Some(process) = &mut self.devices[who].process else { return };
        let Machine::Member(space) = &process.machine else { return };
        let writes = space.role().is_some_and(Role::writes);
        let changed = |chain: Option<ChainId>| match chain {
            Some(chain) => !writes || space.roster().reach(&me, &chain) != Reach::Whole,
            None => writes,
        };
        let open = process.documents.iter();
        let open = open.filter(|(_, document)| matches!(document, Document::Open(_)));
        let stale = open.filter(|(_, document)| changed(document.chain())).map(|(id, _)| *id);
        for document in stale.collect::<Vec<_>>() {
            self.reopen(who, &document);
        }
    }

    /// The store's part of opening is due.
    pub(crate) fn opened(&mut self, who: Who, label: &Label) {
        // What this app wrote before it closed the document has to be in the log before it writes on.
        let unsealed = self.ledger.is_waiting(who, label);
        let device = &mut self.devices[who];
        let (run, now) = (device.run, device.clock.read(self.now));
        let Some(process) = &mut device.process else { return };
        let asked = process.writer.asked;
        if unsealed {
            let job = Job::Open(label.clone());
            return self.later(MILLISECOND, Due::Job { who, run, asked, job });
        }
        let document = label.document(&process.machine.space_id());
        let stored = process.store.document(&document);
        let Some(space) = process.space_mut() else { return };
        let author = space.author(label, &BTreeSet::new(), now, self.dice.rng());
        let Some(slot @ Document::Opening { .. }) = process.documents.get_mut(&document) else {
            return;
        };
        let editor = Editor::new(label.clone(), author.ok());
        let read = stored.map_err(|error| format!("{error:?}"));
        let loaded = read.and_then(|stored| editor.apply(&stored.segments));
        let Document::Opening { arrivals, .. } = std::mem::replace(slot, Document::Open(editor))
        else {
            return;
        };
        let Document::Open(editor) = slot else { return };
        let applied = loaded.and_then(|()| editor.apply(arrivals.iter().map(|segment| &**segment)));
        if let Err(error) = applied {
            self.wrong(format_args!("device {who} can't open {}: {error}", label.name()));
        }
        self.trace.note(self.now, who, Kind::App, format_args!("has {} open", label.name()));
    }

    /// An app edits a document that it has open; says whether it could.
    pub fn edit(&mut self, who: Who, label: &Label, edit: &Edit) -> bool {
        let device = &mut self.devices[who];
        let run = device.run;
        let Some(process) = &mut device.process else { return false };
        let document = label.document(&process.machine.space_id());
        // The device's app is told of a broken disk, and edits no more.
        if process.writer.failed {
            return false;
        }
        let Some(Document::Open(editor)) = process.documents.get_mut(&document) else {
            return false;
        };
        let Some(chain) = editor.authorship.map(|authorship| authorship.chain) else {
            return false;
        };
        let updates = editor.edit(edit);
        let Some(authorship) = &mut editor.authorship else { return false };
        let first = authorship.updates + 1;
        authorship.updates += updates.len() as u64;
        self.trace.note(self.now, who, Kind::App, format_args!("{}: {edit:.12?}", label.name()));
        for (number, update) in (first..).zip(updates) {
            self.ledger.wrote((who, run), label, document, chain, number, &update);
            self.feed(who, Event::LocalUpdate { document, chain, update });
        }
        true
    }

    /// Entries were taken in: they flow into the document where it is open.
    pub(crate) fn arrived(&mut self, who: Who, arrival: &Arrival) {
        if arrival.origin.is_none() {
            self.ledger.sealed(who, &arrival.segment);
        }
        let Some(process) = &mut self.devices[who].process else { return };
        let applied = match process.documents.get_mut(&arrival.document) {
            Some(Document::Opening { arrivals, .. }) => {
                arrivals.push(arrival.segment.clone());
                Ok(())
            }
            Some(Document::Open(editor)) if editor.wrote(arrival) => Ok(()),
            Some(Document::Open(editor)) => editor.apply([&*arrival.segment]),
            None => Ok(()),
        };
        if let Err(error) = applied {
            self.wrong(format_args!("device {who} can't apply an update: {error}"));
        }
    }

    /// The chain on which that device writes in an open document.
    pub fn chain_of(&self, who: Who, label: &Label) -> Option<ChainId> {
        let process = self.devices[who].process.as_ref()?;
        match process.documents.get(&label.document(&process.machine.space_id()))? {
            Document::Open(editor) => editor.authorship.map(|authorship| authorship.chain),
            Document::Opening { .. } => None,
        }
    }
}
