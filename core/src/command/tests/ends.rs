//! How commands end that do not do what they were to do: each by itself, and those behind it go on.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::kit::{ALL, SPACE, Step, act, command, common, decide, device, ledger, only, rank};
use crate::clock::WallTime;
use crate::command::{
    Call, Command, Failure, Handler, Ledger, News, Registry, Seen, Transaction, Verdict,
};
use crate::record::{Record, Value};

#[derive(Serialize, Deserialize, Record)]
#[record(collection = "cups", crate = "crate")]
struct Cup {
    #[key]
    name: String,
    level: i64,
}

/// What it was called with in version 1 was `much`, and in version 2 `more`.
#[derive(Serialize, Deserialize, Command)]
#[command(name = "pour", version = 3, upcast = poured_before, output = i64, crate = "crate")]
struct Pour {
    cup: String,
    level: i64,
}

fn poured_before(from: u32, fields: Value) -> Option<Value> {
    let Value::Map(mut fields) = fields else { return None };
    let level = match from {
        1 => return None,
        _ => fields.remove("more")?,
    };
    fields.insert("level".to_owned(), level);
    Some(Value::Map(fields))
}

impl Handler for Pour {
    fn run(&self, tx: &mut Transaction<'_>) -> Result<i64, ()> {
        match self.level {
            0 => panic!("there is nothing to pour"),
            1 => loop {
                tx.exists::<Cup>("any");
            },
            2 => drop(tx.read(self.cup.as_str(), crate::record::Field::<Cup, bool>::new("level"))),
            level => tx.put(&Cup { name: self.cup.clone(), level }),
        }
        Ok(self.level)
    }
}

fn pour(version: u32, fields: &str) -> Call {
    let fields = Value::from_json(fields.as_bytes()).expect("it is JSON");
    Call { name: "pour".to_owned(), version, fields, seen: Seen::default(), after: None, clock: 0 }
}

fn kitchen() -> Ledger {
    let registry = Registry::new().record::<Cup>().command::<Pour>();
    Ledger::new(Arc::new(registry), device(9), SPACE)
}

fn poured(kitchen: &mut Ledger, call: Call) -> Verdict {
    let number = kitchen.decided() + 1;
    decide(kitchen, 0, number, call).verdict.expect("it is the common part")
}

#[test]
fn a_handler_that_fails_ends_alone() {
    let mut kitchen = kitchen();
    let mut pours =
        |level| poured(&mut kitchen, pour(3, &format!(r#"{{"cup":"a","level":{level}}}"#)));
    assert_eq!(pours("0"), Verdict::Failed { failure: Failure::Panicked });
    assert_eq!(pours("1"), Verdict::Failed { failure: Failure::TooManySteps });
    assert!(matches!(pours("true"), Verdict::Failed { failure: Failure::BadFields { .. } }));
    assert_eq!(pours("7"), Verdict::Accepted { output: Value::Int(7) });
    assert!(matches!(pours("2"), Verdict::Failed { failure: Failure::BadRecord { .. } }));
    let cup = kitchen.confirmed().get::<Cup>("a").expect("it is a cup");
    assert_eq!(cup.map(|cup| cup.level), Some(7));
}

#[test]
fn an_old_command_runs_as_far_back_as_it_can_be_read() {
    let mut kitchen = kitchen();
    let old = r#"{"cup":"a","more":5}"#;
    assert_eq!(poured(&mut kitchen, pour(2, old)), Verdict::Accepted { output: Value::Int(5) });
    assert_eq!(poured(&mut kitchen, pour(1, old)), Verdict::Obsolete { version: 1 });
    assert_eq!(poured(&mut kitchen, pour(4, old)), Verdict::Obsolete { version: 4 });
    let unknown = Call { name: "spill".to_owned(), ..pour(1, old) };
    assert_eq!(poured(&mut kitchen, unknown), Verdict::Obsolete { version: 1 });
}

#[test]
fn what_its_author_takes_back_leaves_nothing_and_is_answered() {
    let mut mine = ledger(0);
    for number in [1, 2] {
        let sets = [Step::Set(0, 0, Value::Int(number))];
        let given = (command(0, number as u64), device(0));
        mine.take_call(&common(), given, rank(0), act(&sets, Seen::default(), 0));
    }
    mine.take_cancel(command(0, 1));
    mine.settle();
    assert_eq!(mine.outbox().count(), 1);
    for number in [1, 2] {
        let decided = mine.draft(ALL).decide(command(0, number), device(0), rank(0), WallTime(9));
        mine.take_decision(&common(), only(decided.expect("it was given")));
    }
    // Who hears that it was decided does not take it back any more.
    mine.take_cancel(command(0, 2));
    mine.settle();
    let verdicts = mine.answers().map(|answer| match &answer.news {
        News::Verdict(verdict) => verdict.clone(),
        news => panic!("nobody else wrote: {news:?}"),
    });
    let accepted = Verdict::Accepted { output: Value::Int(1) };
    assert!(verdicts.eq([Verdict::Cancelled, accepted]));
}

// The clock of the last command was counted on from, also if a peer had set it to the end of all time.
#[test]
fn a_clock_at_the_end_of_time_stops_nobody() {
    let mut mine = ledger(0);
    let call = act(&[Step::Read(0)], Seen::default(), u64::MAX);
    mine.take_call(&common(), (command(1, 1), device(1)), None, call);
    let call = mine.call(("act", 1), Value::Null, &common().ledger, WallTime(7));
    assert_eq!(call.clock, u64::MAX);
    assert_eq!(call.seen.pending.get(&command(1, 1).chain), Some(&1));
}
