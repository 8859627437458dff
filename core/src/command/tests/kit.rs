//! A small world to tell stories in: boards whose fields have one policy each, and a command that does as it is told.

use std::collections::BTreeMap;
use std::sync::Arc;

use quickcheck::{Arbitrary, Gen};
use serde::{Deserialize, Serialize};

use crate::clock::WallTime;
use crate::command::{
    Call, Command, CommandId, Decision, Handler, Ledger, Registry, Seen, Transaction,
};
use crate::id::{ChainId, DeviceId, SpaceId};
use crate::record::{Bucket, Contest, Field, Home, Record, Resolution, Value};
use crate::roster::Rank;

/// A record with a field for each policy, which bears its name.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, Record)]
#[record(collection = "boards", crate = "crate")]
pub(crate) struct Board {
    #[key]
    pub(crate) number: u32,
    #[serde(default)]
    pub(crate) server_wins: Value,
    #[policy(first_write)]
    #[serde(default)]
    pub(crate) first_write: Value,
    #[policy(last_write)]
    #[serde(default)]
    pub(crate) last_write: Value,
    #[policy(rank(Chef > "cook"))]
    #[serde(default)]
    pub(crate) rank: Value,
    #[policy(reject_both)]
    #[serde(default)]
    pub(crate) reject_both: Value,
    #[policy(keep_both)]
    #[serde(default)]
    pub(crate) keep_both: Value,
    #[policy(merge)]
    #[serde(default)]
    pub(crate) merge: Value,
    #[policy(custom(by_size))]
    #[serde(default)]
    pub(crate) custom: Value,
}

/// All fields but the key.
pub(crate) const FIELDS: [Field<Board, Value>; 8] = [
    Board::SERVER_WINS,
    Board::FIRST_WRITE,
    Board::LAST_WRITE,
    Board::RANK,
    Board::REJECT_BOTH,
    Board::KEEP_BOTH,
    Board::MERGE,
    Board::CUSTOM,
];

/// Of two texts both stand, with what was before; of two numbers the larger, but 13 is refused.
fn by_size(contest: &Contest<'_>) -> Resolution {
    match (&contest.mine.value, &contest.theirs.value) {
        (Value::Int(13), _) => Resolution::Refuse,
        (Value::Int(mine), Value::Int(theirs)) if mine > theirs => Resolution::Mine,
        (Value::Text(mine), Value::Text(theirs)) => Resolution::Both(match contest.base {
            Value::Text(base) => format!("{base} + {theirs} + {mine}").into(),
            _ => format!("{theirs} + {mine}").into(),
        }),
        _ => Resolution::Theirs,
    }
}

/// One thing that a command does, to a board and one of its [`FIELDS`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) enum Step {
    /// Puts a whole board there, with this in all fields.
    Put(u32, i64),
    Set(u32, usize, Value),
    /// Reads it, and makes it one more.
    Bump(u32, usize),
    /// Copies what is in one field to another.
    Copy(u32, usize, usize),
    Add(u32, i64),
    Include(u32, i64),
    Exclude(u32, i64),
    Seal(u32, usize),
    Remove(u32),
    Read(u32),
    ReadAll,
    RefuseIfThere(u32),
}

/// A command that does as it is told, and says how much there is in the end.
#[derive(Clone, Debug, Serialize, Deserialize, Command)]
#[command(output = i64, refusal = String, crate = "crate")]
pub(crate) struct Act {
    pub(crate) steps: Vec<Step>,
}

impl Handler for Act {
    fn run(&self, tx: &mut Transaction<'_>) -> Result<i64, String> {
        self.steps.iter().try_for_each(|step| step.run(tx))?;
        Ok(self.steps.iter().map(Step::number).sum())
    }
}

impl Step {
    fn run(&self, tx: &mut Transaction<'_>) -> Result<(), String> {
        let (counter, set) =
            (Field::<Board, i64>::new("merge"), Field::<Board, Vec<i64>>::new("merge"));
        match self {
            Self::Put(key, value) => tx.put(&board(*key, *value)),
            Self::Set(key, field, value) => tx.write(*key, FIELDS[*field], value),
            Self::Bump(key, field) => {
                let value = tx.read(*key, FIELDS[*field]).unwrap_or_default();
                let more = if let Value::Int(number) = value { number + 1 } else { 1 };
                tx.write(*key, FIELDS[*field], &Value::Int(more));
            }
            Self::Copy(key, from, to) => {
                let value = tx.read(*key, FIELDS[*from]).unwrap_or_default();
                tx.write(*key, FIELDS[*to], &value);
            }
            Self::Add(key, more) => tx.add(*key, counter, *more),
            Self::Include(key, item) => tx.include(*key, set, item),
            Self::Exclude(key, item) => tx.exclude(*key, set, item),
            Self::Seal(key, field) => tx.seal(*key, FIELDS[*field]),
            Self::Remove(key) => tx.remove::<Board>(*key),
            Self::Read(key) => _ = tx.exists::<Board>(*key),
            Self::ReadAll => _ = tx.all::<Loose>(),
            Self::RefuseIfThere(key) if tx.exists::<Board>(*key) => {
                return Err(format!("board {key} is there"));
            }
            Self::RefuseIfThere(_) => {}
        }
        Ok(())
    }

    fn number(&self) -> i64 {
        match self {
            Self::Put(_, number) | Self::Add(_, number) => *number,
            _ => 1,
        }
    }
}

/// A board as a map of whatever it has: one that a field was written of may have no number.
#[derive(Serialize, Deserialize)]
struct Loose(BTreeMap<String, Value>);

impl Record for Loose {
    const COLLECTION: &'static str = Board::COLLECTION;
    type Key = u32;

    fn key(&self) -> u32 {
        0
    }
}

/// A board with the same in all fields.
pub(crate) fn board(number: u32, value: i64) -> Board {
    let value = Value::Int(value);
    Board {
        number,
        server_wins: value.clone(),
        first_write: value.clone(),
        last_write: value.clone(),
        rank: value.clone(),
        reject_both: value.clone(),
        keep_both: value.clone(),
        merge: value.clone(),
        custom: value,
    }
}

pub(crate) fn registry() -> Arc<Registry> {
    Arc::new(Registry::new().record::<Board>().command::<Act>())
}

pub(crate) fn device(n: u8) -> DeviceId {
    DeviceId([n; 32])
}

pub(crate) const SPACE: SpaceId = SpaceId([7; 32]);

/// The common bucket.
pub(crate) fn common() -> Home {
    let bucket = Bucket::default();
    Home { ledger: crate::space::ledger_document(&SPACE, &bucket), bucket }
}

/// Lets everybody read everything.
pub(crate) const ALL: &dyn Fn(&DeviceId, &Bucket) -> bool = &|_, _| true;

/// The one part of a decision that concerns nothing but the common bucket.
pub(crate) fn only(parts: Vec<(Home, Decision)>) -> Decision {
    let [(home, part)] = <[_; 1]>::try_from(parts).expect("there is one part");
    assert_eq!(home, common());
    part
}

/// A ledger on the n-th device.
pub(crate) fn ledger(n: u8) -> Ledger {
    Ledger::new(registry(), device(n), SPACE)
}

/// The n-th device's command of that number.
pub(crate) fn command(n: u8, number: u64) -> CommandId {
    CommandId { chain: ChainId([n; 32]), number }
}

/// The first is chef, the second cook, and the others are nothing.
pub(crate) fn rank(n: u8) -> Option<Rank> {
    ["chef", "cook"].get(usize::from(n)).map(|word| word.parse().expect("it is plain"))
}

/// A command that does this, by somebody who had seen so much.
pub(crate) fn act(steps: &[Step], seen: Seen, clock: u64) -> Call {
    let fields = Value::of(&Act { steps: steps.to_vec() }).expect("it has no fractions");
    Call { name: Act::NAME.to_owned(), version: 1, fields, seen, after: None, clock }
}

/// Takes a command in, and decides upon it.
pub(crate) fn decide(anchor: &mut Ledger, n: u8, number: u64, call: Call) -> Decision {
    anchor.take_call(&common(), (command(n, number), device(n)), rank(n), call);
    let at = WallTime(1_000_000 + anchor.decided());
    let decided = anchor.draft(ALL).decide(command(n, number), device(n), rank(n), at);
    let decision = only(decided.expect("it was just given"));
    anchor.take_decision(&common(), decision.clone());
    decision
}

impl Arbitrary for Step {
    fn arbitrary(g: &mut Gen) -> Self {
        let key = u32::from(u8::arbitrary(g) % 2);
        let field = |g: &mut Gen| usize::arbitrary(g) % FIELDS.len();
        let small = |g: &mut Gen| i64::from(u8::arbitrary(g) % 4) + 11;
        match u8::arbitrary(g) % 24 {
            0..7 => Self::Set(key, field(g), Value::Int(small(g))),
            7..10 => Self::Bump(key, field(g)),
            10..13 => Self::Copy(key, field(g), field(g)),
            13 => Self::Add(key, small(g)),
            14 => Self::Include(key, small(g)),
            15 => Self::Exclude(key, small(g)),
            16 => Self::Seal(key, field(g)),
            17 | 18 => Self::Remove(key),
            19 => Self::Read(key),
            20 => Self::ReadAll,
            21 => Self::RefuseIfThere(key),
            _ => Self::Put(key, small(g)),
        }
    }
}
