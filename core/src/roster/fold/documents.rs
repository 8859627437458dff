//! Which documents are deleted.

use std::collections::BTreeMap;

use super::{Deed, Former};
use crate::document::Label;
use crate::roster::Act;

/// The deleted documents, with who deleted them and when. A deletion stands until a restoration that knew of it; one that
/// nobody knew of who restored stands as well, as nobody has looked at it yet.
pub(super) fn deleted<'a>(counting: impl Iterator<Item = &'a Deed>) -> BTreeMap<Label, Former> {
    let mut about: BTreeMap<&Label, (Vec<&Deed>, Vec<&Deed>)> = BTreeMap::new();
    for deed in counting {
        match &deed.act {
            Act::Delete { document } => about.entry(document).or_default().0.push(deed),
            Act::Restore { document } => about.entry(document).or_default().1.push(deed),
            _ => {}
        }
    }
    let standing = |(label, (deletions, restorations)): (&Label, (Vec<&Deed>, Vec<&Deed>))| {
        let undone = |deed: &&&Deed| restorations.iter().any(|later| deed.is_known_to(later));
        let standing = deletions.iter().filter(|deed| !undone(deed));
        let first = standing.map(|deed| Former { by: deed.author, at: deed.at });
        Some((label.clone(), first.min_by_key(|former| (former.at, former.by))?))
    };
    about.into_iter().filter_map(standing).collect()
}
