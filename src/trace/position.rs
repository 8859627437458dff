//! From Unicode characters, which traces count, to UTF-16 code units, which documents count.

use std::ops::Range;

use super::{Patch, Trace};

/// Translates the positions of one trace into UTF-16 code units.
///
/// The two counts differ only behind an astral character (an emoji, say: one character, two code units). A
/// trace that never types one needs no translation at all, which spares long replays a walk through the text
/// at every keystroke.
#[derive(Debug, Clone, Copy)]
pub struct Utf16Positions {
    same: bool,
}

impl Utf16Positions {
    /// Looks through everything that the trace ever puts into its text.
    pub fn of(trace: &Trace) -> Self {
        let patches = trace.transactions.iter().flat_map(|transaction| &transaction.patches);
        let mut typed = patches.map(|patch| patch.inserted.as_str());
        Self { same: !has_astral(&trace.start) && !typed.any(has_astral) }
    }

    /// The code units that `patch` replaces, in the text as it stands before it.
    ///
    /// `text` is asked for only where it makes a difference. It has to be made of the trace's own characters.
    /// A range past the end of the text stays past its end.
    pub fn range(self, patch: &Patch, text: impl FnOnce() -> String) -> Range<u32> {
        let end = patch.position.saturating_add(patch.deleted);
        if self.same {
            return patch.position..end;
        }
        let text = text();
        let units = |position: u32| {
            let before = text.chars().take(position as usize);
            before.fold(position, |units, char| units.saturating_add(u32::from(is_astral(char))))
        };
        units(patch.position)..units(end)
    }
}

fn has_astral(text: &str) -> bool {
    text.chars().any(is_astral)
}

fn is_astral(char: char) -> bool {
    char.len_utf16() == 2
}

#[cfg(test)]
mod tests {
    use super::*;

    fn trace_that_types(inserted: &str) -> Trace {
        let json = format!(r#"{{"endContent":"","txns":[{{"patches":[[0,0,"{inserted}"]]}}]}}"#);
        Trace::parse(json.as_bytes()).unwrap()
    }

    fn patch(position: u32, deleted: u32) -> Patch {
        Patch { position, deleted, inserted: String::new() }
    }

    #[test]
    fn without_astral_characters_the_text_is_not_even_asked_for() {
        let positions = Utf16Positions::of(&trace_that_types("Grüße, 世界"));
        let range = positions.range(&patch(3, 4), || unreachable!("nothing to look up"));
        assert_eq!(range, 3..7);
    }

    #[test]
    fn behind_an_emoji_positions_move_by_one_unit_each() {
        let positions = Utf16Positions::of(&trace_that_types("🦀"));
        let text = || "a🦀b🦀c".to_owned();
        assert_eq!(positions.range(&patch(0, 1), text), 0..1);
        assert_eq!(positions.range(&patch(1, 1), text), 1..3);
        assert_eq!(positions.range(&patch(2, 2), text), 3..6);
        assert_eq!(positions.range(&patch(5, 0), text), 7..7);
        assert_eq!(positions.range(&patch(6, 0), text), 8..8, "one past the end, before and after");
    }
}
