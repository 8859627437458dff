//! What people ask for, and what they are shown of it.

use std::collections::BTreeMap;
use std::fmt::Write;

use driftline_core::command::{Command, CommandId, Verdict};
use driftline_core::record::{Cell, Rivals, Table, Value};
use driftline_core::space::{SubmitError, Submitted};

use crate::network::Who;
use crate::trace::Kind;
use crate::world::World;

/// What was shown to people of what is decided.
#[derive(Debug, Default)]
pub struct Orders {
    /// The records after the decisions of each room up to a place among all, as a device showed them: who it was first, and
    /// what they looked like.
    pub shown: BTreeMap<(Vec<u64>, String), Who>,
    /// The decisions that each device showed last, in which run.
    last: BTreeMap<Who, (u64, Vec<u64>)>,
}

impl World {
    /// Somebody's app gives a command.
    ///
    /// # Errors
    /// If it can be told already that nothing would come of it; or if the device does not run, as one that may not.
    pub fn submit<C: Command>(&mut self, who: Who, command: &C) -> Result<Submitted, SubmitError> {
        let fields = Value::of(command).expect("there are no fractions in it");
        let device = &mut self.devices[who];
        let now = device.clock.read(self.now);
        let process = device.process.as_mut().filter(|process| !process.writer.failed);
        let Some(space) = process.and_then(|process| process.space_mut()) else {
            return Err(SubmitError::NotAWriter(driftline_core::space::NotAWriter));
        };
        let mut effects = Vec::new();
        let given =
            space.submit((C::NAME, C::VERSION), fields, None, now, self.dice.rng(), &mut effects);
        let outcome = if given.is_ok() { "gives" } else { "would give" };
        self.trace.note(self.now, who, Kind::App, format_args!("{outcome} {}", C::NAME));
        self.perform(who, effects);
        self.settle_soon(who);
        given
    }

    /// Somebody's app takes a command back; says whether that was possible.
    pub fn cancel(&mut self, who: Who, command: &CommandId) -> bool {
        let device = &mut self.devices[who];
        let now = device.clock.read(self.now);
        let process = device.process.as_mut().filter(|process| !process.writer.failed);
        let Some(space) = process.and_then(|process| process.space_mut()) else { return false };
        let mut effects = Vec::new();
        let cancelled = space.cancel(command, now, self.dice.rng(), &mut effects);
        self.trace.note(self.now, who, Kind::App, format_args!("cancels: {cancelled}"));
        self.perform(who, effects);
        self.settle_soon(who);
        cancelled
    }

    /// Remembers what a device shows of what is decided, if that is new.
    pub(crate) fn watch_records(&mut self, who: Who) {
        let run = self.devices[who].run;
        let Some(space) = self.devices[who].space().filter(|_| !self.devices[who].hostile) else {
            return;
        };
        let ledger = space.ledger();
        let decided: Vec<_> = self.rooms().iter().map(|room| ledger.decided_in(room)).collect();
        let now = (run, decided.clone());
        let shown = (decided, described(ledger.confirmed()));
        if self.orders.last.insert(who, now.clone()) != Some(now) {
            self.orders.shown.entry(shown).or_insert(who);
        }
    }
}

/// All seats of a table with what they hold, one a line.
pub fn described(table: &Table) -> String {
    let mut text = String::new();
    for (key, row) in table.collection("seats") {
        let fields = row.fields().filter(|(name, _)| *name != "number");
        let fields: Vec<_> = fields.map(|(name, cell)| format!("{name} {}", field(cell))).collect();
        _ = writeln!(text, "{key}: {}", fields.join(", "));
    }
    text
}

fn field(cell: &Cell) -> String {
    let (how, rivals) = match &cell.rivals {
        Rivals::None => ("", [].as_slice()),
        Rivals::Contested(claims) => (" contested by", claims.as_slice()),
        Rivals::Kept(claims) => (" beside", claims.as_slice()),
    };
    let sealed = if cell.sealed { " sealed" } else { "" };
    let rivals: String = rivals.iter().map(|claim| format!(" {}", claim.value)).collect();
    format!("{}{sealed}{how}{rivals}", cell.value())
}

/// What a verdict is in a word.
pub fn word(verdict: &Verdict) -> &'static str {
    match verdict {
        Verdict::Accepted { .. } => "accepted",
        Verdict::Yielded { .. } => "yielded",
        Verdict::Overruled { .. } => "overruled",
        Verdict::Contested { .. } => "contested",
        Verdict::Preceded { .. } => "preceded",
        Verdict::Refused { .. } => "refused",
        Verdict::Obsolete { .. } => "obsolete",
        Verdict::Cancelled => "cancelled",
        Verdict::Failed { .. } => "failed",
    }
}
