//! What changes in a text, as an editor takes it.

use std::collections::VecDeque;

/// A change to a text: steps from its beginning to its end. What is behind the last step stays as it is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Delta {
    /// In order. Lengths count UTF-16 code units.
    pub steps: Vec<Step>,
}

/// One step of a [`Delta`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// So much stays.
    Retain(u32),
    /// This comes in. What is no text, as a picture, shows as U+FFFC, which has the same length.
    Insert(String),
    /// So much goes.
    Delete(u32),
}

impl Delta {
    /// Whether nothing changes.
    pub fn is_empty(&self) -> bool {
        self.steps.is_empty()
    }

    /// Applies the change to a text in UTF-16.
    pub fn apply(&self, text: &mut Vec<u16>) {
        let mut at = 0;
        for step in &self.steps {
            match step {
                Step::Retain(length) => at = text.len().min(at + *length as usize),
                Step::Insert(words) => {
                    let before = text.len();
                    text.splice(at..at, words.encode_utf16());
                    at += text.len() - before;
                }
                Step::Delete(length) => {
                    let end = text.len().min(at + *length as usize);
                    text.drain(at..end);
                }
            }
        }
    }

    /// Where a position goes, when the text around it changes; what comes in right there comes before it.
    pub fn moves(&self, position: u32) -> u32 {
        let (mut old, mut new) = (0, 0);
        for step in &self.steps {
            if old > position {
                break;
            }
            match step {
                Step::Retain(length) if old + length > position => break,
                Step::Retain(length) => (old, new) = (old + length, new + length),
                Step::Insert(words) => new += words.encode_utf16().count() as u32,
                Step::Delete(length) => old += length,
            }
        }
        new + position.saturating_sub(old)
    }
}

/// Steps while more may come before somebody takes them: all that happened, as one change.
#[derive(Debug, Default)]
pub(super) struct Draft {
    steps: Vec<Part>,
}

/// A step whose text is in UTF-16, so that it can be cut anywhere.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Part {
    Retain(u32),
    Insert(Vec<u16>),
    Delete(u32),
}

impl Draft {
    /// How many steps it has.
    pub(super) fn len(&self) -> usize {
        self.steps.len()
    }

    /// Adds a change to the text as it is after this one.
    pub(super) fn then(&mut self, later: Vec<Part>) {
        let mut earlier = VecDeque::from(std::mem::take(&mut self.steps));
        for part in later {
            match part {
                Part::Insert(_) => self.push(part),
                Part::Retain(length) => self.pass(&mut earlier, length, true),
                Part::Delete(length) => self.pass(&mut earlier, length, false),
            }
        }
        earlier.into_iter().for_each(|part| self.push(part));
        while matches!(self.steps.last(), Some(Part::Retain(_))) {
            self.steps.pop();
        }
    }

    /// Goes over so much of the text as it is after the earlier change, which stays or goes.
    fn pass(&mut self, earlier: &mut VecDeque<Part>, mut length: u32, stays: bool) {
        while length > 0 {
            let Some(part) = earlier.pop_front() else {
                self.push(if stays { Part::Retain(length) } else { Part::Delete(length) });
                return;
            };
            if matches!(part, Part::Delete(_)) {
                self.push(part);
                continue;
            }
            let (taken, rest) = part.split(length);
            length -= taken.len();
            if let Some(rest) = rest {
                earlier.push_front(rest);
            }
            match taken {
                taken if stays => self.push(taken),
                Part::Retain(length) => self.push(Part::Delete(length)),
                // What came in is gone again before anybody saw it.
                Part::Insert(_) | Part::Delete(_) => {}
            }
        }
    }

    /// Puts a step behind the last, in one with it if it is of its kind. An insertion comes before a deletion at the
    /// same place, so that there is one way to say the same.
    fn push(&mut self, part: Part) {
        let deletion = match self.steps.last() {
            Some(Part::Delete(_)) if matches!(part, Part::Insert(_)) => self.steps.pop(),
            _ => None,
        };
        match (self.steps.last_mut(), part) {
            (Some(Part::Retain(before)), Part::Retain(more)) => *before += more,
            (Some(Part::Delete(before)), Part::Delete(more)) => *before += more,
            (Some(Part::Insert(before)), Part::Insert(more)) => before.extend(more),
            (_, part) if part.len() > 0 => self.steps.push(part),
            _ => {}
        }
        self.steps.extend(deletion);
    }

    /// The change, for those who wait for it; nothing is left.
    pub(super) fn take(&mut self) -> Delta {
        let steps = std::mem::take(&mut self.steps).into_iter();
        let steps = steps.map(|part| match part {
            Part::Retain(length) => Step::Retain(length),
            Part::Insert(units) => Step::Insert(String::from_utf16_lossy(&units)),
            Part::Delete(length) => Step::Delete(length),
        });
        Delta { steps: steps.collect() }
    }
}

impl Part {
    fn len(&self) -> u32 {
        match self {
            Self::Retain(length) | Self::Delete(length) => *length,
            Self::Insert(units) => units.len() as u32,
        }
    }

    /// The first so many units, and what is behind them.
    fn split(self, length: u32) -> (Self, Option<Self>) {
        if self.len() <= length {
            return (self, None);
        }
        match self {
            Self::Retain(all) => (Self::Retain(length), Some(Self::Retain(all - length))),
            Self::Delete(all) => (Self::Delete(length), Some(Self::Delete(all - length))),
            Self::Insert(mut units) => {
                let rest = units.split_off(length as usize);
                (Self::Insert(units), Some(Self::Insert(rest)))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use quickcheck::{Arbitrary, Gen, quickcheck};

    use super::*;

    /// A change somewhere in a text, wherever that ends.
    #[derive(Clone, Debug)]
    struct Splice(u8, u8, String);

    impl Arbitrary for Splice {
        fn arbitrary(g: &mut Gen) -> Self {
            Self(u8::arbitrary(g), u8::arbitrary(g) % 6, String::arbitrary(g))
        }
    }

    impl Splice {
        fn parts(&self, text: &[u16]) -> Vec<Part> {
            let at = u32::from(self.0) % (text.len() as u32 + 1);
            let gone = u32::from(self.1).min(text.len() as u32 - at);
            let units = self.2.encode_utf16().collect();
            vec![Part::Retain(at), Part::Insert(units), Part::Delete(gone)]
        }
    }

    fn one(parts: Vec<Part>) -> Delta {
        let mut draft = Draft::default();
        draft.then(parts);
        draft.take()
    }

    quickcheck! {
        fn many_changes_are_one(begin: String, splices: Vec<Splice>) -> bool {
            let begin: Vec<u16> = begin.encode_utf16().collect();
            let (mut text, mut draft) = (begin.clone(), Draft::default());
            for splice in &splices {
                let parts = splice.parts(&text);
                // Half of a pair is lost when it becomes a string, so this stays in UTF-16.
                let Part::Insert(units) = parts[1].clone() else { return false };
                let (at, gone) = (parts[0].len() as usize, parts[2].len() as usize);
                text.splice(at..at + gone, units);
                draft.then(parts);
            }
            let mut applied: Vec<u16> = Vec::new();
            let mut rest = &begin[..];
            for part in &draft.steps {
                let (taken, left) = rest.split_at(if matches!(part, Part::Insert(_)) { 0 } else { part.len() as usize });
                rest = left;
                match part {
                    Part::Retain(_) => applied.extend(taken),
                    Part::Insert(units) => applied.extend(units),
                    Part::Delete(_) => {}
                }
            }
            applied.extend(rest);
            let tidy = draft.steps.windows(2).all(|two| {
                std::mem::discriminant(&two[0]) != std::mem::discriminant(&two[1])
            });
            applied == text && tidy
        }

        fn a_change_that_is_taken_back_is_none(begin: String, at: u8, words: String) -> bool {
            let units: Vec<u16> = words.encode_utf16().collect();
            let at = u32::from(at) % (begin.encode_utf16().count() as u32 + 1);
            let mut draft = Draft::default();
            draft.then(vec![Part::Retain(at), Part::Insert(units.clone())]);
            draft.then(vec![Part::Retain(at), Part::Delete(units.len() as u32)]);
            draft.take().is_empty()
        }
    }

    #[test]
    fn a_delta_is_applied_and_moves_positions() {
        let delta = one(vec![
            Part::Retain(2),
            Part::Insert("xy".encode_utf16().collect()),
            Part::Delete(3),
        ]);
        let mut text: Vec<u16> = "abcdefg".encode_utf16().collect();
        delta.apply(&mut text);
        assert_eq!(String::from_utf16_lossy(&text), "abxyfg");
        let moved: Vec<_> = (0..8).map(|at| delta.moves(at)).collect();
        assert_eq!(moved, [0, 1, 4, 4, 4, 4, 5, 6]);
    }
}
