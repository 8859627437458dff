//! Those who write one field, and the way in which their stories are told.

use crate::command::tests::kit::{FIELDS, Step, act, decide, ledger};
use crate::command::{CommandId, Decision, Ledger, Loss, Revision, Seen, Verdict};
use crate::record::{Cell, Claim, Rivals, RowId, Value};

/// Ann is chef, Ben is cook, and the others have no rank.
const PEOPLE: [&str; 4] = ["Ann", "Ben", "Cleo", "Dan"];

/// Tells a story about the field with that policy: it has to go as it is written.
#[track_caller]
pub(super) fn tell(policy: &str, story: &str) {
    let lines: Vec<_> = story.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    let mut room = Room::new(policy);
    for line in &lines[..lines.len() - 1] {
        room.hear(line.split_once(':').expect("a line says what they hear").0.trim());
    }
    let mut told: Vec<_> =
        room.lines.iter().map(|(line, hears)| format!("{line}: {hears}")).collect();
    told.push(format!("= {}", room.shown()));
    let plain =
        |line: &str| line.split_whitespace().collect::<Vec<_>>().join(" ").replace(" :", ":");
    let expected: Vec<_> = lines.iter().map(|line| plain(line)).collect();
    assert_eq!(told, expected, "{policy}");
}

/// People who write one field, and somebody who decides.
pub(super) struct Room {
    pub(super) anchor: Ledger,
    field: usize,
    /// Whether Dan had set it before.
    base: u64,
    /// What was done by which command, and what its author has heard.
    commands: Vec<CommandId>,
    lines: Vec<(String, String)>,
}

impl Room {
    pub(super) fn new(policy: &str) -> Self {
        let field = FIELDS.iter().position(|field| field.name() == policy);
        let field = field.expect("it is named like its policy");
        Self { anchor: ledger(9), field, base: 0, commands: Vec::new(), lines: Vec::new() }
    }

    pub(super) fn hear(&mut self, line: &str) {
        let words: Vec<_> = line.split_whitespace().collect();
        let who = PEOPLE.iter().position(|name| *name == words[0]).expect("we know them");
        let who = u8::try_from(who).expect("they are few");
        let (decided, does) = match words[1..] {
            ["blind", ref does @ ..] => (self.base, does),
            ["saw", lines, ref does @ ..] => (lines.parse().expect("a number"), does),
            ref does => (self.anchor.decided(), does),
        };
        let seen = Seen { decided, ..Seen::default() };
        let number = self.anchor.decided() + 1;
        let call = act(&self.steps(does), seen, 0);
        let decision = decide(&mut self.anchor, who, number, call);
        if PEOPLE[usize::from(who)] == "Dan" && number == 1 {
            self.base = 1;
        }
        self.commands.push(decision.command);
        self.lines.push((words.join(" "), verdict(&decision)));
        for (stamp, revision) in &decision.news {
            let line = self.commands.iter().position(|command| *command == stamp.command);
            let (_, hears) = &mut self.lines[line.expect("it was told")];
            hears.push_str(&format!(", then {}", heard(revision)));
        }
    }

    fn steps(&self, does: &[&str]) -> Vec<Step> {
        let number = |word: &str| word.parse().expect("a number");
        let set = |word: &str| {
            let number = word.parse().map(Value::Int);
            Step::Set(0, self.field, number.unwrap_or_else(|_| word.into()))
        };
        match *does {
            ["sets", to] => vec![set(to)],
            ["reads", "and", "sets", to] => vec![Step::Copy(0, self.field, 6), set(to)],
            ["sets", to, "and", "reads"] => vec![set(to), Step::Copy(0, self.field, 6)],
            ["sets", to, "and", "seals"] => vec![set(to), Step::Seal(0, self.field)],
            ["seals"] => vec![Step::Seal(0, self.field)],
            ["adds", more] => vec![Step::Add(0, number(more))],
            ["adds", a, "and", b] => vec![Step::Add(0, number(a)), Step::Add(0, number(b))],
            ["includes", item] => vec![Step::Include(0, number(item))],
            ["includes", a, "and", b] => {
                vec![Step::Include(0, number(a)), Step::Include(0, number(b))]
            }
            ["excludes", item] => vec![Step::Exclude(0, number(item))],
            ["puts", value] => vec![Step::Put(0, number(value))],
            ["removes"] => vec![Step::Remove(0)],
            ["removes", "and", "sets", to] => vec![Step::Remove(0), set(to)],
            _ => panic!("nobody can do this: {does:?}"),
        }
    }

    pub(super) fn shown(&self) -> String {
        let row = RowId::new("boards", 0);
        let cell = self.anchor.confirmed().cell(&row.field(FIELDS[self.field].name()));
        match self.anchor.confirmed().is_present(&row) {
            false => "gone".to_owned(),
            true => cell.map_or("nothing".to_owned(), shown),
        }
    }
}

fn shown(cell: &Cell) -> String {
    let rivals = match &cell.rivals {
        Rivals::None => String::new(),
        Rivals::Contested(claims) => format!(", contested by {}", values(claims)),
        Rivals::Kept(claims) => format!(", beside {}", values(claims)),
    };
    format!("{}{}{rivals}", plain(cell.value()), if cell.sealed { ", sealed" } else { "" })
}

pub(super) fn verdict(decision: &Decision) -> String {
    match decision.verdict.as_ref().expect("it is the common part") {
        Verdict::Accepted { .. } => "accepted".to_owned(),
        Verdict::Yielded { fields, .. } => format!("yields to {}", lost(fields)),
        Verdict::Overruled { fields, .. } => format!("overruled by {}", lost(fields)),
        Verdict::Contested { fields, .. } => format!("contested by {}", lost(fields)),
        Verdict::Preceded { fields } => format!("preceded by {}", lost(fields)),
        other => format!("{other:?}"),
    }
}

fn heard(revision: &Revision) -> String {
    match revision {
        Revision::Overruled { by, .. } => format!("overruled by {}", plain(&by.value)),
        Revision::Contested { with, .. } => format!("contested by {}", plain(&with.value)),
        Revision::Settled { by, .. } => format!("settled by {}", plain(&by.value)),
    }
}

fn lost(fields: &[Loss]) -> String {
    fields.iter().map(|loss| plain(&loss.to.value)).collect::<Vec<_>>().join(" and ")
}

fn values(claims: &[Claim]) -> String {
    claims.iter().map(|claim| plain(&claim.value)).collect::<Vec<_>>().join(" and ")
}

fn plain(value: &Value) -> String {
    value.to_string().replace('"', "")
}
