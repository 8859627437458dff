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

    /// Whether the two differ in nothing but when they were decided.
    pub(crate) fn shows_as(&self, other: &Self) -> bool {
        let undated = |cell: &Self| {
            let mut cell = cell.clone();
            cell.claims_mut().for_each(Claim::undate);
            cell
        };
        undated(self) == undated(other)
    }

    /// All that it names, also what was before.
    pub(crate) fn all_claims(&self) -> impl Iterator<Item = &Claim> {
        let before = self.before.as_deref();
        [&self.claim].into_iter().chain(before).chain(self.rivals.claims())
    }

    /// All that was written to it and has not been settled, with what it shows.
    pub fn claims(&self) -> impl Iterator<Item = &Claim> {
        let shown = match &self.rivals {
            Rivals::Contested(_) => None,
            Rivals::None | Rivals::Kept(_) => Some(&self.claim),
        };
        shown.into_iter().chain(self.rivals.claims())
    }

    /// As it shows in a bucket into which its record came with that decision: nobody saw there what was before.
    pub(crate) fn arrived(mut self, order: u64) -> Self {
        let stamps = self.claims_mut().filter_map(|claim| claim.by.as_mut());
        stamps.for_each(|by| by.order = Some(order));
        self
    }

    fn claims_mut(&mut self) -> impl Iterator<Item = &mut Claim> {
        let rivals = match &mut self.rivals {
            Rivals::None => &mut [][..],
            Rivals::Contested(claims) | Rivals::Kept(claims) => claims,
        };
        [&mut self.claim].into_iter().chain(self.before.as_deref_mut()).chain(rivals)
    }
}

impl Claim {
    /// Forgets when it was decided.
    pub(crate) fn undate(&mut self) {
        if let Some(by) = &mut self.by {
            (by.order, by.at) = (None, WallTime::default());
        }
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
