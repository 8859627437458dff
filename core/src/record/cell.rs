//! A field's value, with whose it is.

use bincode::{Decode, Encode};
use serde::Serialize;

use super::Value;
use crate::clock::WallTime;
use crate::command::CommandId;
use crate::id::DeviceId;
use crate::roster::Rank;

/// A field as it stands.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, Serialize)]
pub struct Cell {
    /// What it holds, and by whose word.
    pub claim: Claim,
    /// Nobody overrules it any more: it is paid, or shipped.
    pub sealed: bool,
    /// What it held before, where the policy may have to go back to that.
    pub before: Option<Box<Claim>>,
    /// What else was written by those who had not seen one another.
    pub rivals: Rivals,
}

/// A value, and who wrote it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Encode, Decode, Serialize)]
pub struct Claim {
    /// The value.
    pub value: Value,
    /// By whom; nobody if the field was never written.
    pub by: Option<Stamp>,
}

/// Who wrote a value, by which command.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, Serialize)]
pub struct Stamp {
    /// The command.
    pub command: CommandId,
    /// Whose it was.
    pub author: DeviceId,
    /// The author's rank when it was decided.
    pub rank: Option<Rank>,
    /// The place of the decision among all; nothing while there is none.
    pub order: Option<u64>,
    /// When it was decided, by the anchor's clock; or written, by the author's, while it is not.
    pub at: WallTime,
}

/// What else was written to a field.
#[derive(Clone, Debug, Default, PartialEq, Eq, Encode, Decode, Serialize)]
pub enum Rivals {
    /// Nothing.
    #[default]
    None,
    /// Neither of these stands, until somebody settles it who has seen them all.
    Contested(Vec<Claim>),
    /// These stand beside what is shown, until somebody settles it who has seen them all.
    Kept(Vec<Claim>),
}

impl Cell {
    /// A value that nobody contests.
    pub fn of(claim: Claim) -> Self {
        Self { claim, sealed: false, before: None, rivals: Rivals::None }
    }

    /// The value.
    pub fn value(&self) -> &Value {
        &self.claim.value
    }

    /// Whether the two are the same to a command that runs on top of them: by the same commands, decided or not.
    pub(crate) fn shows_as(&self, other: &Self) -> bool {
        let (mine, theirs) = (self.rivals.claims(), other.rivals.claims());
        let rivals =
            mine.len() == theirs.len() && mine.iter().zip(theirs).all(|(a, b)| a.shows_as(b));
        let same = std::mem::discriminant(&self.rivals) == std::mem::discriminant(&other.rivals);
        let before = match (&self.before, &other.before) {
            (Some(a), Some(b)) => a.shows_as(b),
            (a, b) => a.is_none() && b.is_none(),
        };
        same && rivals && before && self.sealed == other.sealed && self.claim.shows_as(&other.claim)
    }

    /// All that was written to it and has not been settled, with what it shows.
    pub fn claims(&self) -> impl Iterator<Item = &Claim> {
        let shown = match &self.rivals {
            Rivals::Contested(_) => None,
            Rivals::None | Rivals::Kept(_) => Some(&self.claim),
        };
        shown.into_iter().chain(self.rivals.claims())
    }
}

impl Claim {
    fn shows_as(&self, other: &Self) -> bool {
        let command = |claim: &Self| claim.by.as_ref().map(|by| by.command);
        self.value == other.value && command(self) == command(other)
    }
}

impl Rivals {
    /// The values, and who wrote them.
    pub fn claims(&self) -> &[Claim] {
        match self {
            Self::None => &[],
            Self::Contested(claims) | Self::Kept(claims) => claims,
        }
    }
}
