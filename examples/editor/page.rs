//! The document as it is being written: its text, one's own cursor, undo.
//!
//! What is shown is what the document says that changed, one's own edits too, so that it is never anything else than what
//! is in the document.

use std::time::{Duration, Instant};

use driftline::yrs::{Text, TextRef};
use driftline::{Cursor, Delta, Document, Edit, EditError, Side, TextChanges, Undo};

use crate::keys::{Move, Stroke};
use crate::layout::{next_character, previous_character};

/// How long after a stroke somebody is still typing.
const TYPING: Duration = Duration::from_secs(2);

pub(crate) struct Page {
    document: Document,
    body: TextRef,
    changes: TextChanges,
    undo: Undo,
    /// The text in UTF-16, as positions in it are counted.
    text: Vec<u16>,
    caret: Cursor,
    /// The other end of the selection.
    anchor: Option<Cursor>,
    typed: Option<Instant>,
}

impl Page {
    pub(crate) fn open(document: &Document) -> Self {
        let body = document.text("body");
        let caret = document.cursor(&body, 0, Side::Before);
        Self {
            changes: document.text_changes(&body),
            undo: document.undo(&body),
            document: document.clone(),
            text: Vec::new(),
            caret,
            anchor: None,
            typed: None,
            body,
        }
    }

    /// Resolves when the text has changed, and is shown so.
    pub(crate) async fn changes(&mut self) {
        let delta = self.changes.next().await;
        delta.apply(&mut self.text);
    }

    pub(crate) fn text(&self) -> &[u16] {
        &self.text
    }

    /// Where a cursor is, anybody's.
    pub(crate) fn position(&self, cursor: &Cursor) -> Option<u32> {
        let position = self.document.position(&self.body, cursor)?;
        // The document may be a moment ahead of what is shown of it.
        Some(position.min(self.text.len() as u32))
    }

    pub(crate) fn caret(&self) -> u32 {
        self.position(&self.caret).unwrap_or_default()
    }

    /// The cursor, and the other end of the selection, as others can follow them.
    pub(crate) fn cursors(&self) -> (&Cursor, Option<&Cursor>) {
        (&self.caret, self.anchor.as_ref())
    }

    pub(crate) fn is_typing(&self) -> bool {
        self.typed.is_some_and(|at| at.elapsed() < TYPING)
    }

    /// Does what somebody wants; says so if it can't be done.
    pub(crate) fn takes(&mut self, stroke: Stroke) -> Result<(), EditError> {
        let (caret, selection) = (self.caret(), self.selection());
        let edited = match (stroke, selection) {
            (Stroke::Type(words), selection) => {
                let (from, to) = selection.unwrap_or((caret, caret));
                self.replaces(from, to, &words)
            }
            (Stroke::Backspace | Stroke::Delete, Some((from, to))) => self.replaces(from, to, ""),
            (Stroke::Backspace, None) => {
                self.replaces(previous_character(&self.text, caret), caret, "")
            }
            (Stroke::Delete, None) => self.replaces(caret, next_character(&self.text, caret), ""),
            (Stroke::Undo, _) => self.undo.undo().map(drop),
            (Stroke::Redo, _) => self.undo.redo().map(drop),
            (Stroke::Go { to, selecting }, _) => {
                self.goes(to, selecting);
                return Ok(());
            }
            (Stroke::Quit | Stroke::Redraw, _) => return Ok(()),
        };
        self.follow();
        edited
    }

    /// Puts something in place of what was there.
    fn replaces(&mut self, from: u32, to: u32, words: &str) -> Result<(), EditError> {
        let body = &self.body;
        let Edit { output: caret, .. } = self.document.edit(|txn| {
            // Others may have shortened it a moment ago.
            let (from, to) = (from.min(body.len(txn)), to.min(body.len(txn)));
            body.remove_range(txn, from, to - from);
            body.insert(txn, from, words);
            Cursor::at(txn, body, from + words.encode_utf16().count() as u32, Side::Before)
        })?;
        (self.caret, self.anchor, self.typed) = (caret, None, Some(Instant::now()));
        Ok(())
    }

    fn goes(&mut self, to: Move, selecting: bool) {
        let anchor = self.anchor.take().unwrap_or_else(|| self.caret.clone());
        let at = crate::layout::moved(&self.text, self.caret(), to);
        self.caret = self.document.cursor(&self.body, at, Side::Before);
        self.anchor = selecting.then_some(anchor);
        // What is typed somewhere else is another step to undo.
        self.undo.stop();
    }

    /// What is selected: from where to where.
    pub(crate) fn selection(&self) -> Option<(u32, u32)> {
        let (caret, anchor) = (self.caret(), self.position(self.anchor.as_ref()?)?);
        (caret != anchor).then(|| (caret.min(anchor), caret.max(anchor)))
    }

    /// Shows what is in the document by now.
    fn follow(&mut self) {
        while let Some(delta) = self.changes.try_next() {
            Delta::apply(&delta, &mut self.text);
        }
    }
}
