//! Verdicts and revisions in words, for logs and for people who write apps.

use std::fmt;

use super::{Loss, Revision, Verdict};
use crate::command::News;
use crate::record::{Claim, Place};

impl<O: fmt::Debug, R: fmt::Debug> fmt::Display for Verdict<O, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Accepted { .. } => f.write_str("accepted"),
            Self::Yielded { fields, .. } => write!(f, "accepted, but {}", Losses(fields)),
            Self::Overruled { fields, .. } => {
                write!(f, "accepted, but of higher rank, {}", Losses(fields))
            }
            Self::Contested { fields, .. } => write!(f, "contested: {}", Losses(fields)),
            Self::Preceded { fields } => write!(f, "too late: {}", Losses(fields)),
            Self::Refused { refusal } => write!(f, "refused: {refusal:?}"),
            Self::Obsolete { version } => write!(f, "obsolete: of version {version}"),
            Self::Cancelled => f.write_str("taken back"),
            Self::Failed { failure } => write!(f, "failed: {failure}"),
        }
    }
}

impl fmt::Display for Loss {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        says(f, &self.place, &self.to)
    }
}

impl fmt::Display for Revision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (what, place, claim) = match self {
            Self::Overruled { place, by } => ("overruled", place, by),
            Self::Contested { place, with } => ("contested", place, with),
            Self::Settled { place, by } => ("settled", place, by),
        };
        write!(f, "{what}: ")?;
        says(f, place, claim)
    }
}

impl fmt::Display for News {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Verdict(verdict) => verdict.fmt(f),
            Self::Revision(revision) => revision.fmt(f),
            Self::Revoked { now: None } => f.write_str("revoked: it is not decided any more"),
            Self::Revoked { now: Some(verdict) } => write!(f, "revoked: now it is {verdict}"),
        }
    }
}

/// Fields in a row.
struct Losses<'a>(&'a [Loss]);

impl fmt::Display for Losses<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, loss) in self.0.iter().enumerate() {
            let between = if at == 0 { "" } else { ", " };
            write!(f, "{between}{loss}")?;
        }
        Ok(())
    }
}

/// Who wrote what to a field.
fn says(f: &mut fmt::Formatter<'_>, place: &Place, claim: &Claim) -> fmt::Result {
    write!(f, "{place} is {}", claim.value)?;
    match &claim.by {
        Some(by) => write!(f, ", by {}", by.author.short()),
        None => f.write_str(", as before"),
    }
}
