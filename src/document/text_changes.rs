//! Following a text, as an editor does.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;
use yrs::types::Delta as YrsDelta;
use yrs::types::text::YChange;
use yrs::{Any, Observable, Origin, Out, ReadTxn, Text, TextRef, Transact};

use super::Document;
use super::delta::{Delta, Draft, Part};

/// A change of more steps than this is told as the whole text instead.
const MOST_STEPS: usize = 4_096;

/// Stands for what is in a text and is no text. It has the length that such a thing has.
const OBJECT: u16 = 0xfffc;

/// Tells observers of one text apart.
static OBSERVERS: AtomicU64 = AtomicU64::new(0);

/// A text as it changes, here and by others: see [`Document::text_changes`].
pub struct TextChanges {
    document: Document,
    text: TextRef,
    key: Origin,
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    pending: Mutex<Pending>,
    news: Notify,
}

#[derive(Default)]
struct Pending {
    draft: Draft,
    /// How long the text is, as far as it was told.
    told: u32,
    /// Too much happened: what is told next is the whole text.
    missed: bool,
}

impl Document {
    /// Follows a text: first all that is in it, then whatever changes, by this device or by others, in the order in
    /// which it becomes visible. What nobody waited for comes as one change. An editor that shows what it is told here,
    /// its own user's edits too, shows what is in the document. Formatting is not told.
    pub fn text_changes(&self, text: &TextRef) -> TextChanges {
        let shared = Arc::<Shared>::default();
        let key =
            Origin::from(format!("text changes {}", OBSERVERS.fetch_add(1, Ordering::Relaxed)));
        // Observers are told under the document's lock, and yrs changes the list of them under none: so it is held here.
        let txn = self.doc().transact_mut();
        let observer = shared.clone();
        text.observe(key.clone(), move |txn, event| observer.hear(event.delta(txn)));
        let begin = all(text, &txn);
        shared.lock().draft.then(vec![begin]);
        shared.news.notify_one();
        drop(txn);
        TextChanges { document: self.clone(), text: text.clone(), key, shared }
    }
}

impl TextChanges {
    /// What has changed since the last time, if anything has.
    pub fn try_next(&mut self) -> Option<Delta> {
        // Nothing changes meanwhile.
        let txn = self.document.doc().transact();
        let mut pending = self.shared.lock();
        if std::mem::take(&mut pending.missed) {
            let told = Part::Delete(pending.told);
            pending.draft.then(vec![all(&self.text, &txn), told]);
        }
        pending.told = self.text.len(&txn);
        let delta = pending.draft.take();
        (!delta.is_empty()).then_some(delta)
    }

    /// The next change. Dropping the future loses nothing.
    pub async fn next(&mut self) -> Delta {
        loop {
            match self.try_next() {
                Some(delta) => return delta,
                None => self.shared.news.notified().await,
            }
        }
    }
}

impl Drop for TextChanges {
    fn drop(&mut self) {
        let txn = self.document.doc().transact_mut();
        self.text.unobserve(self.key.clone());
        drop(txn);
    }
}

impl Shared {
    /// Takes in what a transaction changed.
    fn hear(&self, delta: &[YrsDelta]) {
        let mut pending = self.lock();
        if !pending.missed {
            pending.draft.then(delta.iter().map(part).collect());
            if pending.draft.len() > MOST_STEPS {
                pending.missed = true;
                pending.draft = Draft::default();
            }
        }
        drop(pending);
        self.news.notify_one();
    }

    fn lock(&self) -> MutexGuard<'_, Pending> {
        // It is whole between any two statements, so a panic elsewhere spoils nothing.
        self.pending.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn part(delta: &YrsDelta) -> Part {
    match delta {
        YrsDelta::Inserted(Out::Any(Any::String(words)), _) => {
            Part::Insert(words.encode_utf16().collect())
        }
        YrsDelta::Inserted(..) => Part::Insert(vec![OBJECT]),
        YrsDelta::Deleted(length) => Part::Delete(*length),
        YrsDelta::Retain(length, _) => Part::Retain(*length),
    }
}

/// All of a text.
fn all(text: &TextRef, txn: &impl ReadTxn) -> Part {
    let mut units = Vec::new();
    for piece in text.diff(txn, YChange::identity) {
        match piece.insert {
            Out::Any(Any::String(words)) => units.extend(words.encode_utf16()),
            _ => units.push(OBJECT),
        }
    }
    Part::Insert(units)
}
