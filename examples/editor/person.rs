//! What people show of themselves to one another.

use driftline::{Cursor, DeviceId, Document, Presence, ShowError};
use serde::{Deserialize, Serialize};

use crate::page::Page;

/// Somebody who has the document open.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Person {
    pub(crate) name: String,
    /// One of six.
    pub(crate) colour: u8,
    pub(crate) caret: Cursor,
    pub(crate) anchor: Option<Cursor>,
    pub(crate) typing: bool,
}

/// The one at this keyboard.
pub(crate) struct Me {
    presence: Presence,
    pub(crate) name: String,
    pub(crate) colour: u8,
    shown: Option<Person>,
}

impl Me {
    pub(crate) fn new(document: &Document, name: &str, device: DeviceId) -> Self {
        let colour = device.as_bytes()[0] % 6;
        Self { presence: document.presence(), name: name.to_owned(), colour, shown: None }
    }

    /// Shows where one is, if that is news.
    pub(crate) fn shows(&mut self, page: &Page) -> Result<(), ShowError> {
        let (caret, anchor) = page.cursors();
        let person = Person {
            name: self.name.clone(),
            colour: self.colour,
            caret: caret.clone(),
            anchor: anchor.cloned(),
            typing: page.is_typing(),
        };
        if self.shown.as_ref() != Some(&person) {
            self.presence.set(&person)?;
            self.shown = Some(person);
        }
        Ok(())
    }
}
