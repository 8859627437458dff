//! What others asked for and this device has shown before it was decided: what became of it.
//!
//! Whoever has seen that the seat is bob's is to hear when it is not. That is for whoever looks at the time, so nothing of
//! it is kept across restarts: then the app has shown nothing yet.

use std::collections::BTreeMap;

use serde::Serialize;

use super::preview::Pending;
use super::{CommandId, Verdict};
use crate::clock::WallTime;
use crate::id::DeviceId;
use crate::record::Value;

/// What became of somebody else's command that this device had shown as undecided.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Foreseen {
    /// The command.
    pub command: CommandId,
    /// Whose it is.
    pub author: DeviceId,
    /// What it is called.
    pub name: String,
    /// Its fields, as they were given.
    pub fields: Value,
    /// What this device had shown of it last.
    pub predicted: Verdict,
    /// When it was decided, by the anchor's clock.
    pub at: WallTime,
    /// What became of it.
    pub verdict: Verdict,
}

/// What was shown, and came true or not.
#[derive(Clone, Debug, Default)]
pub(super) struct Foresight {
    /// What was shown before the ledgers were folded anew, and is not shown yet by what came of that.
    shown: BTreeMap<CommandId, Verdict>,
    news: Vec<Foreseen>,
}

impl Foresight {
    /// What was shown of a command of somebody else's, if it was.
    pub(super) fn of(&mut self, command: &CommandId, pending: &Pending) -> Option<Verdict> {
        let before = self.shown.remove(command);
        pending.judged.as_ref().map(|judged| judged.verdict.clone()).or(before)
    }

    pub(super) fn tell(&mut self, foreseen: Foreseen) {
        self.news.push(foreseen);
    }

    /// Remembers what is shown, as all is folded anew.
    pub(super) fn remember(&mut self, command: CommandId, pending: &Pending) {
        if let Some(judged) = &pending.judged {
            self.shown.insert(command, judged.verdict.clone());
        }
    }

    /// All that is undecided is shown again.
    pub(super) fn is_shown(&mut self) {
        self.shown.clear();
    }

    pub(super) fn take(&mut self) -> Vec<Foreseen> {
        std::mem::take(&mut self.news)
    }
}
