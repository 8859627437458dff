//! What becomes of a write whose author had not seen the one before.

mod resolve;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::fmt;

use super::{Claim, Field, Place, Value};
use crate::roster::Rank;

pub use resolve::{Change, Ruled, Write, resolve, resolve_removal};

/// What becomes of two writes whose authors had not seen one another's.
#[derive(Clone, Default)]
pub enum Policy {
    /// The value that stands goes on to stand. The handler runs again with the field as it is, so that its output is
    /// true, and the author hears which fields yielded.
    #[default]
    ServerWins,
    /// The value that stands goes on to stand, and the whole command is refused.
    FirstWrite,
    /// The later in the order of decisions stands.
    LastWrite,
    /// The author of higher rank stands, even if later; of equal rank, the first. Ranks from the highest to the lowest;
    /// whoever has none of them is below all.
    Rank(Vec<Rank>),
    /// Neither stands: the field goes back to what it held before, and both authors hear of it. A third who has not
    /// seen both joins them; whoever has seen all and writes, settles it.
    RejectBoth,
    /// All stand: the first is shown, the others are listed beside it. Whoever has seen all and writes, settles it.
    KeepBoth,
    /// The value is a counter or a set: additions add up, and never conflict.
    Merge,
    /// The app's own rule. It must be a pure function, as every device runs it.
    Custom(fn(&Contest<'_>) -> Resolution),
}

/// Two writes whose authors had not seen one another's, for the app to bring together.
#[derive(Debug)]
pub struct Contest<'a> {
    /// The field.
    pub place: &'a Place,
    /// What it held before the write that stands.
    pub base: &'a Value,
    /// What is to be written.
    pub mine: &'a Claim,
    /// What stands.
    pub theirs: &'a Claim,
}

/// What an app's own rule says of a [`Contest`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Resolution {
    /// The new write stands.
    Mine,
    /// The value that stands goes on to stand.
    Theirs,
    /// Something of both.
    Both(Value),
    /// The whole command is refused.
    Refuse,
}

/// The policies of a type of record.
#[derive(Clone, Debug, Default)]
pub struct Policies {
    default: Policy,
    fields: BTreeMap<&'static str, Policy>,
}

impl Policies {
    /// One policy for all fields.
    pub fn all(policy: Policy) -> Self {
        Self { default: policy, fields: BTreeMap::new() }
    }

    /// Another policy for one field.
    #[must_use]
    pub fn and<R, T>(mut self, field: Field<R, T>, policy: Policy) -> Self {
        self.fields.insert(field.name(), policy);
        self
    }

    /// The policy of a field. That of the record itself, whether it is there, is the default.
    pub fn of(&self, field: &str) -> &Policy {
        self.fields.get(field).unwrap_or(&self.default)
    }
}

impl Policy {
    /// A rank policy, from the highest rank to the lowest.
    ///
    /// # Panics
    /// If one of the words can't be a rank: that is a mistake in the program.
    pub fn ranks<const N: usize>(words: [&str; N]) -> Self {
        let rank = |word: &str| word.parse().expect("ranks are short plain words");
        Self::Rank(words.iter().map(|word| rank(word)).collect())
    }

    /// Whether it may have to go back to what was before.
    fn looks_back(&self) -> bool {
        matches!(self, Self::RejectBoth | Self::Custom(_))
    }
}

impl fmt::Debug for Policy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl fmt::Display for Policy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::ServerWins => "server_wins",
            Self::FirstWrite => "first_write",
            Self::LastWrite => "last_write",
            Self::Rank(ranks) => {
                let names: Vec<_> = ranks.iter().map(Rank::name).collect();
                return write!(f, "rank({})", names.join(" > "));
            }
            Self::RejectBoth => "reject_both",
            Self::KeepBoth => "keep_both",
            Self::Merge => "merge",
            Self::Custom(_) => "custom",
        })
    }
}
