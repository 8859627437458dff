//! What of a document is text, so that it can be read without opening the document.

use std::collections::BTreeMap;

use yrs::{GetString, Out, ReadTxn, TextRef};

/// The document's roots that hold text, by name, without formats and embeds.
///
/// A Yjs document does not say of what type its roots are. Characters stand in texts alone: the gate keeps them from
/// wherever else the app says that there is no text.
pub(super) fn texts(txn: &impl ReadTxn) -> BTreeMap<String, String> {
    let text = |(name, root): (&str, Out)| {
        let text = match root {
            Out::YText(text) => text.get_string(txn),
            Out::UndefinedRef(branch) => TextRef::from(branch).get_string(txn),
            _ => String::new(),
        };
        (!text.is_empty()).then(|| (name.to_owned(), text))
    };
    txn.root_refs().filter_map(text).collect()
}
