//! Taking in what a Yjs document from elsewhere holds.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use driftline_core::document::check::{self, BadUpdate};
use driftline_core::document::{ApplyError, OpenDocument};
use thiserror::Error;
use yrs::types::text::YChange;
use yrs::types::xml::XmlIn;
use yrs::types::{AsPrelim, Attrs, Delta};
use yrs::{
    Any, Array, ArrayRef, In, Map, MapRef, Out, ReadTxn, Text, TextRef, Transact, TransactionMut,
    XmlFragment, XmlFragmentRef,
};

use super::{Document, Edit, EditError};

/// About how much goes into one edit, in bytes, so that it stays well under what an entry may hold.
const EDIT_BYTES: usize = 1 << 20;

/// How much of a text goes into one piece, in bytes.
const PIECE_BYTES: usize = 64 << 10;

/// How long to wait when too much waits to be written.
const BREATH: Duration = Duration::from_millis(5);

/// Why a Yjs document was not taken in.
#[derive(Debug, Error)]
pub enum ImportError {
    /// There is something in the document already.
    #[error(
        "something was written in the document before: a file can only be the base of a new one"
    )]
    NotNew,
    /// It is no Yjs update, v1, or one that must not be let in.
    #[error("it is no Yjs document in the v1 encoding, or not a sound one")]
    Unsound {
        /// What is wrong with it.
        #[from]
        source: BadUpdate,
    },
    /// It does not fit together.
    #[error("it does not fit together")]
    Misfit {
        /// What does not fit.
        #[from]
        source: ApplyError,
    },
    /// Some of it leans on what is not in it.
    #[error(
        "it leans on something that is not in it: it is a part of a document, and not the whole"
    )]
    Incomplete,
    /// There is nothing in it.
    #[error("there is nothing in it")]
    Empty,
    /// The document can't be edited.
    #[error(transparent)]
    Edit {
        /// Why.
        #[from]
        source: EditError,
    },
}

/// Something to be put at the end of a root.
struct Part {
    root: Arc<str>,
    content: Content,
}

enum Content {
    Text(In, Option<Box<Attrs>>),
    Item(In),
    Node(XmlIn),
    Entry(Arc<str>, In),
}

/// A root, as what it is written to.
enum Root {
    Text(TextRef),
    Array(ArrayRef),
    Tree(XmlFragmentRef),
    Map(MapRef),
}

impl Document {
    /// Takes in all that a Yjs document shows, given as one update, v1: texts with their formats, maps, arrays, XML. This
    /// document has to be a new one. What is large comes in as several edits; the last of them is given.
    ///
    /// It is written anew, under the client id of this device's own chain: nobody can show that they own the ids in the
    /// file, and whoever has the same file could bring the same ids in with other content. So its history, and what was
    /// deleted in it, stay behind, and a Yjs client that still holds the old document must not be brought together with
    /// this one: both would stand side by side. An embed that is nothing but a string becomes text.
    ///
    /// # Errors
    /// If this document is not new, or the update is not sound or not whole. Nothing is written then.
    pub async fn import(&self, update: &[u8]) -> Result<Edit<()>, ImportError> {
        let mut parts = VecDeque::from(parts(update)?);
        if !self.read(|txn| txn.state_vector().is_empty()) {
            return Err(ImportError::NotNew);
        }
        let mut last = None;
        while !parts.is_empty() {
            let group = group(&mut parts);
            // Roots before transactions.
            let roots: Vec<_> = group.iter().map(|part| part.root(self)).collect();
            let edit = loop {
                let write = |txn: &mut TransactionMut<'_>| {
                    roots.iter().zip(&group).for_each(|(root, part)| part.content.write(root, txn));
                };
                match self.edit(write) {
                    Err(EditError::Busy) => tokio::time::sleep(BREATH).await,
                    edited => break edited?,
                }
            };
            last = Some(edit);
        }
        last.ok_or(ImportError::Empty)
    }
}

/// What a Yjs document shows, in the order in which it is to be written.
fn parts(update: &[u8]) -> Result<Vec<Part>, ImportError> {
    check::update(update, check::Author::Anyone)?;
    let foreign = OpenDocument::new(1, |_| ());
    foreign.apply(&[update])?;
    if !foreign.is_whole() {
        return Err(ImportError::Incomplete);
    }
    let txn = foreign.doc().transact();
    let mut roots: Vec<_> = txn.root_refs().map(|(name, root)| (Arc::from(name), root)).collect();
    roots.sort_by(|(one, _), (other, _)| Arc::<str>::cmp(one, other));
    let mut parts = Vec::new();
    for (name, root) in roots {
        let contents = contents(&root, &txn).into_iter();
        parts.extend(contents.map(|content| Part { root: Arc::clone(&name), content }));
    }
    Ok(parts)
}

/// What stands in a root: its row of text or items, and its entries by key.
fn contents(root: &Out, txn: &impl ReadTxn) -> Vec<Content> {
    let Out::UndefinedRef(branch) = *root else { return Vec::new() };
    let mut contents = match root.as_prelim(txn) {
        In::Text(_) | In::XmlText(_) => {
            let runs = TextRef::from(branch).diff(txn, YChange::identity);
            let runs = runs.into_iter().map(|run| (run.insert.as_prelim(txn), run.attributes));
            runs.flat_map(|(run, format)| pieces(run, format)).collect()
        }
        In::Map(_) => Vec::new(),
        _ => {
            ArrayRef::from(branch).iter(txn).map(|item| Content::of(item.as_prelim(txn))).collect()
        }
    };
    let mut entries: Vec<_> = MapRef::from(branch)
        .iter(txn)
        .map(|(key, value)| (Arc::from(key), value.as_prelim(txn)))
        .collect();
    entries.sort_by(|(one, _): &(Arc<str>, In), (other, _)| one.cmp(other));
    contents.extend(entries.into_iter().map(|(key, value)| Content::Entry(key, value)));
    contents
}

/// Cuts a long run of text.
fn pieces(run: In, format: Option<Box<Attrs>>) -> Vec<Content> {
    let In::Any(Any::String(text)) = run else { return vec![Content::Text(run, format)] };
    let mut pieces = Vec::new();
    let mut rest = &*text;
    while !rest.is_empty() {
        let (piece, more) = rest.split_at(rest.floor_char_boundary(PIECE_BYTES));
        pieces.push(Content::Text(In::Any(Any::String(piece.into())), format.clone()));
        rest = more;
    }
    pieces
}

/// Takes as many parts from the front as go into one edit, at least one.
fn group(parts: &mut VecDeque<Part>) -> Vec<Part> {
    let mut group = Vec::new();
    let mut bytes = 0;
    while let Some(part) = parts.pop_front_if(|_| bytes < EDIT_BYTES) {
        bytes += part.content.bytes();
        group.push(part);
    }
    group
}

impl Part {
    fn root(&self, document: &Document) -> Root {
        match &self.content {
            Content::Text(..) => Root::Text(document.text(&self.root)),
            Content::Item(_) => Root::Array(document.array(&self.root)),
            Content::Node(_) => Root::Tree(document.xml(&self.root)),
            Content::Entry(..) => Root::Map(document.map(&self.root)),
        }
    }
}

impl Content {
    fn of(item: In) -> Self {
        match item {
            In::XmlElement(element) => Self::Node(element.into()),
            In::XmlFragment(fragment) => Self::Node(fragment.into()),
            In::XmlText(text) => Self::Node(text.into()),
            other => Self::Item(other),
        }
    }

    fn write(&self, root: &Root, txn: &mut TransactionMut<'_>) {
        match (self, root) {
            (Self::Text(run, format), Root::Text(text)) => {
                let end = Delta::Retain(text.len(txn), None);
                text.apply_delta(txn, [end, Delta::Inserted(run.clone(), format.clone())]);
            }
            (Self::Item(item), Root::Array(row)) => _ = row.push_back(txn, item.clone()),
            (Self::Node(node), Root::Tree(tree)) => _ = tree.push_back(txn, node.clone()),
            (Self::Entry(key, value), Root::Map(map)) => {
                _ = map.insert(txn, key.clone(), value.clone());
            }
            // `Part::root` gives each the root that it wants.
            _ => {}
        }
    }

    fn bytes(&self) -> usize {
        match self {
            Self::Text(value, _) | Self::Item(value) => weigh(value),
            Self::Node(node) => format!("{node:?}").len(),
            Self::Entry(key, value) => key.len() + weigh(value),
        }
    }
}

/// About how many bytes a value takes in an update.
fn weigh(value: &In) -> usize {
    let block = 32;
    let inside = match value {
        In::Any(any) => weigh_plain(any),
        In::Text(text) => text.iter().map(weigh_run).sum(),
        In::Array(items) => items.iter().map(weigh).sum(),
        In::Map(entries) => entries.iter().map(|(key, value)| key.len() + weigh(value)).sum(),
        // How large a tree is, its words tell.
        other => format!("{other:?}").len(),
    };
    block + inside
}

fn weigh_run(run: &Delta<In>) -> usize {
    match run {
        Delta::Inserted(value, _) => weigh(value),
        Delta::Deleted(_) | Delta::Retain(..) => 0,
    }
}

fn weigh_plain(value: &Any) -> usize {
    match value {
        Any::String(text) => text.len(),
        Any::Buffer(bytes) => bytes.len(),
        Any::Array(values) => values.iter().map(weigh_plain).sum(),
        Any::Map(entries) => {
            entries.iter().map(|(key, value)| key.len() + weigh_plain(value)).sum()
        }
        Any::Null | Any::Undefined | Any::Bool(_) | Any::Number(_) => 10,
    }
}
