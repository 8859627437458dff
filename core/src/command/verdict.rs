//! What became of a command.

mod words;

use bincode::{Decode, Encode};
use serde::Serialize;
use thiserror::Error;

use crate::record::{Claim, Place, Value};

/// What became of a command: each gets exactly one. `O` is its output, and `R` why its own rules refused it.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, Serialize)]
#[serde(rename_all = "snake_case", tag = "verdict")]
pub enum Verdict<O = Value, R = Value> {
    /// It stands.
    Accepted {
        /// What came of it.
        output: O,
    },
    /// It stands, but for fields that hold what somebody else wrote before, whom the author had not seen.
    Yielded {
        /// What came of it, with these fields as they are.
        output: O,
        /// The fields.
        fields: Vec<Loss>,
    },
    /// The same, because the others' rank is higher.
    Overruled {
        /// What came of it, with these fields as they are.
        output: O,
        /// The fields.
        fields: Vec<Loss>,
    },
    /// It stands, but for fields where neither it nor what others wrote does: they hold what was before, until somebody
    /// who has seen all writes them.
    Contested {
        /// What came of it.
        output: O,
        /// The fields, with each of the others.
        fields: Vec<Loss>,
    },
    /// Nothing of it stands: somebody else was first.
    Preceded {
        /// The fields that others had written.
        fields: Vec<Loss>,
    },
    /// Nothing of it stands: the app's own rules are against it.
    Refused {
        /// Why.
        refusal: R,
    },
    /// Nothing of it stands: the program that decides does not know such commands, or no more. The author's device has
    /// the original.
    Obsolete {
        /// The version in which it was given.
        version: u32,
    },
    /// Nothing of it stands: its author took it back.
    Cancelled,
    /// Nothing of it stands: its handler failed. Those behind it go on.
    Failed {
        /// How.
        failure: Failure,
    },
}

/// A field in which a command did not get its way, and who did.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, Serialize)]
pub struct Loss {
    /// The field.
    pub place: Place,
    /// What the other wrote.
    pub to: Claim,
}

/// A later change to what became of a command.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, Serialize)]
#[serde(rename_all = "snake_case", tag = "revision")]
pub enum Revision {
    /// Somebody who had not seen it wrote over it, and the policy is for them.
    Overruled {
        /// The field.
        place: Place,
        /// What stands now.
        by: Claim,
    },
    /// Somebody who had not seen it wrote the same field, and neither stands.
    Contested {
        /// The field.
        place: Place,
        /// What the other wrote.
        with: Claim,
    },
    /// Somebody who had seen all that was contested wrote the field.
    Settled {
        /// The field.
        place: Place,
        /// What stands now.
        by: Claim,
    },
}

/// How a handler failed.
#[derive(Clone, Debug, PartialEq, Eq, Error, Encode, Decode, Serialize)]
#[serde(rename_all = "snake_case", tag = "kind")]
pub enum Failure {
    /// It panicked.
    #[error("the handler panicked")]
    Panicked,
    /// It asked for more than 100,000 things.
    #[error("the handler takes too many steps")]
    TooManySteps,
    /// Its fields are not those of a command of that name.
    #[error("the command's fields can't be read: {what}")]
    BadFields {
        /// What is wrong with them.
        what: String,
    },
    /// It asked for a record as something that it is not, or wrote what can't be written.
    #[error("{place} can't be read or written like that: {what}")]
    BadRecord {
        /// Where.
        place: String,
        /// What is wrong with it.
        what: String,
    },
    /// Its policies never come to an end.
    #[error("its fields yield one after the other without end")]
    Unsettled,
    /// What it wrote is too large to be kept.
    #[error("it writes more than fits into an entry")]
    TooLarge,
}

impl Revision {
    /// The field.
    pub fn place(&self) -> &Place {
        match self {
            Self::Overruled { place, .. }
            | Self::Contested { place, .. }
            | Self::Settled { place, .. } => place,
        }
    }

    /// What somebody else wrote there.
    pub(super) fn claim_mut(&mut self) -> &mut Claim {
        match self {
            Self::Overruled { by: claim, .. }
            | Self::Contested { with: claim, .. }
            | Self::Settled { by: claim, .. } => claim,
        }
    }
}

impl Verdict {
    /// Whether anything of the command stands.
    pub fn stands(&self) -> bool {
        match self {
            Self::Accepted { .. }
            | Self::Yielded { .. }
            | Self::Overruled { .. }
            | Self::Contested { .. } => true,
            Self::Preceded { .. }
            | Self::Refused { .. }
            | Self::Obsolete { .. }
            | Self::Cancelled
            | Self::Failed { .. } => false,
        }
    }
}

impl<O, R> Verdict<O, R> {
    /// The fields in which it did not get its way.
    pub fn losses(&self) -> &[Loss] {
        match self {
            Self::Yielded { fields, .. }
            | Self::Overruled { fields, .. }
            | Self::Contested { fields, .. }
            | Self::Preceded { fields } => fields,
            _ => &[],
        }
    }

    pub(super) fn losses_mut(&mut self) -> &mut [Loss] {
        match self {
            Self::Yielded { fields, .. }
            | Self::Overruled { fields, .. }
            | Self::Contested { fields, .. }
            | Self::Preceded { fields } => fields,
            _ => &mut [],
        }
    }

    /// The verdict in the terms of a type of command.
    ///
    /// # Errors
    /// If one of the two conversions fails.
    pub fn map<P, S, E>(
        self,
        output_as: impl FnOnce(O) -> Result<P, E>,
        refusal_as: impl FnOnce(R) -> Result<S, E>,
    ) -> Result<Verdict<P, S>, E> {
        Ok(match self {
            Self::Accepted { output } => Verdict::Accepted { output: output_as(output)? },
            Self::Yielded { output, fields } => {
                Verdict::Yielded { output: output_as(output)?, fields }
            }
            Self::Overruled { output, fields } => {
                Verdict::Overruled { output: output_as(output)?, fields }
            }
            Self::Contested { output, fields } => {
                Verdict::Contested { output: output_as(output)?, fields }
            }
            Self::Preceded { fields } => Verdict::Preceded { fields },
            Self::Refused { refusal } => Verdict::Refused { refusal: refusal_as(refusal)? },
            Self::Obsolete { version } => Verdict::Obsolete { version },
            Self::Cancelled => Verdict::Cancelled,
            Self::Failed { failure } => Verdict::Failed { failure },
        })
    }
}
