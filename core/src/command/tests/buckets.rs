//! Records that only some may see: what stands in which ledger, and what somebody sees who reads some of them.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::kit::{ALL, SPACE, command, device};
use crate::clock::WallTime;
use crate::command::{
    Call, Command, Decision, Handler, Ledger, Registry, Seen, Transaction, Verdict,
};
use crate::id::DeviceId;
use crate::record::{Bucket, Home, Record, Value};
use crate::roster::Scope;

/// A case on somebody's desk.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, Record)]
#[record(collection = "cases", bucket = Case::desk, crate = "crate")]
struct Case {
    #[key]
    number: u32,
    desk: String,
    #[policy(first_write)]
    note: String,
}

impl Case {
    fn desk(&self) -> Bucket {
        Bucket::from(&*self.desk)
    }
}

/// Puts a case there, or writes over it without looking.
#[derive(Serialize, Deserialize, Command)]
#[command(crate = "crate")]
struct File(Case);

/// Writes a note without looking.
#[derive(Serialize, Deserialize, Command)]
#[command(crate = "crate")]
struct Note(u32, String);

/// Puts a case on another desk.
#[derive(Serialize, Deserialize, Command)]
#[command(crate = "crate")]
struct Pass(u32, String);

impl Handler for File {
    fn run(&self, tx: &mut Transaction<'_>) -> Result<(), ()> {
        tx.put(&self.0);
        Ok(())
    }
}

impl Handler for Note {
    fn run(&self, tx: &mut Transaction<'_>) -> Result<(), ()> {
        tx.write(self.0, Case::NOTE, &self.1);
        Ok(())
    }
}

impl Handler for Pass {
    fn run(&self, tx: &mut Transaction<'_>) -> Result<(), ()> {
        tx.read(self.0, Case::DESK);
        tx.write(self.0, Case::DESK, &self.1);
        Ok(())
    }
}

/// An office with an anchor that reads everything.
struct Office {
    anchor: Ledger,
    given: u64,
    log: Vec<(Home, Decision)>,
}

impl Office {
    fn new() -> Self {
        Self { anchor: reader(9, &[]), given: 0, log: Vec::new() }
    }

    /// Somebody's command is decided; gives the parts of that.
    fn hears<C: Command>(&mut self, by: u8, what: &C, seen: Seen) -> Vec<(Home, Decision)> {
        self.given += 1;
        let (id, fields) = (command(by, self.given), Value::of(what).expect("no fractions"));
        let call = Call { name: C::NAME.into(), version: 1, fields, seen, after: None, clock: 0 };
        let home = self.anchor.home(Bucket::default());
        self.anchor.take_call(&home, (id, device(by)), None, call);
        let parts = self.anchor.draft(ALL).decide(id, device(by), None, WallTime(self.given));
        let parts = parts.expect("it was just given");
        for (home, part) in &parts {
            self.anchor.take_decision(home, part.clone());
        }
        self.log.extend(parts.clone());
        parts
    }

    fn files(&mut self, number: u32, desk: &str) -> Vec<(Home, Decision)> {
        let case = Case { number, desk: desk.into(), note: "new".into() };
        self.hears(0, &File(case), Seen::default())
    }

    fn passes(&mut self, number: u32, desk: &str) -> Vec<(Home, Decision)> {
        self.hears(0, &Pass(number, desk.into()), Seen::default())
    }

    /// What somebody has who reads these desks, whichever they came to read first.
    fn as_read_by(&self, desks: &[&str]) -> Ledger {
        let mut ledger = reader(8, desks);
        for bucket in desks.iter().map(|desk| Bucket::from(*desk)) {
            let parts = self.log.iter().filter(|(home, _)| home.bucket == bucket);
            parts.for_each(|(home, part)| ledger.take_decision(home, part.clone()));
        }
        ledger
    }
}

fn reader(n: u8, desks: &[&str]) -> Ledger {
    let registry = Registry::new().record::<Case>().command::<File>();
    let registry = Arc::new(registry.command::<Note>().command::<Pass>());
    let mut ledger = Ledger::new(registry, device(n), SPACE);
    let ledgers = desks.iter().map(|desk| ledger.home(Bucket::from(*desk)).ledger).collect();
    ledger.read(Scope { all: desks.is_empty(), ledgers });
    ledger
}

fn cases(ledger: &Ledger) -> Vec<(u32, String)> {
    let all = ledger.confirmed().all::<Case>().expect("these are cases");
    all.into_iter().map(|case| (case.number, case.desk)).collect()
}

fn buckets(parts: &[(Home, Decision)]) -> Vec<&str> {
    parts.iter().map(|(home, _)| home.bucket.name()).collect()
}

#[test]
fn a_record_stands_in_its_bucket_and_nowhere_else() {
    let mut office = Office::new();
    let parts = office.files(1, "ann");
    assert_eq!(buckets(&parts), ["", "ann"]);
    assert!(parts[0].1.writes.is_empty(), "all members hear that something was decided");
    assert_eq!(parts[0].1.verdict, Some(Verdict::Accepted { output: Value::Null }));
    assert_eq!(parts[1].1.verdict, None);
    assert_eq!(cases(&office.as_read_by(&["", "ann"])), [(1, "ann".into())]);
    assert_eq!(cases(&office.as_read_by(&["", "ben"])), []);
}

#[test]
fn a_record_that_moves_leaves_the_one_and_is_whole_in_the_other() {
    let mut office = Office::new();
    office.files(1, "ann");
    let parts = office.passes(1, "ben");
    assert_eq!(buckets(&parts), ["", "ann", "ben"]);
    let (left, came) = (&parts[1].1, &parts[2].1);
    assert_eq!((left.departed.len(), left.writes.len()), (1, 0), "where it went, it does not say");
    assert_eq!((came.arrived.len(), came.writes.len()), (1, 4), "and whether it is there");
    assert_eq!(cases(&office.as_read_by(&["ann"])), []);
    let case = office.as_read_by(&["ben"]).confirmed().get::<Case>(1);
    assert_eq!(case.expect("it is a case").expect("it is there").note, "new");
}

#[test]
fn parts_show_together_to_whoever_reads_both() {
    let mut office = Office::new();
    office.files(1, "ann");
    office.passes(1, "ben");
    let mut both = reader(8, &["ann", "ben"]);
    let (ann, ben): (Vec<_>, Vec<_>) =
        office.log.iter().partition(|(it, _)| it.bucket.name() == "ann");
    ann.iter().for_each(|(home, part)| both.take_decision(home, part.clone()));
    assert_eq!(cases(&both), [(1, "ann".into())], "it has left only when it is there");
    let ben = ben.iter().filter(|(home, _)| home.bucket.name() == "ben");
    ben.for_each(|(home, part)| both.take_decision(home, part.clone()));
    assert_eq!(cases(&both), [(1, "ben".into())]);
}

#[test]
fn whoever_comes_to_read_a_bucket_late_sees_what_others_see() {
    let mut office = Office::new();
    for (number, desks) in [(1, ["ann", "ben", "ann"]), (2, ["ben", "cas", "ann"])] {
        office.files(number, desks[0]);
        desks[1..].iter().for_each(|desk| drop(office.passes(number, desk)));
    }
    office.files(3, "cas");
    let orders = [["ann", "ben", "cas"], ["cas", "ben", "ann"], ["ben", "ann", "cas"]];
    for desks in orders {
        let mut ledger = reader(8, &desks[..1]);
        for (count, desk) in desks.iter().enumerate() {
            let readable = &desks[..=count];
            let ids = readable.iter().map(|desk| ledger.home(Bucket::from(*desk)).ledger);
            ledger.read(Scope { all: false, ledgers: ids.collect() });
            let parts = office.log.iter().filter(|(home, _)| home.bucket.name() == *desk);
            parts.for_each(|(home, part)| ledger.take_decision(home, part.clone()));
            let wanted = cases(&office.anchor).into_iter();
            let wanted: Vec<_> = wanted.filter(|(_, desk)| readable.contains(&&**desk)).collect();
            assert_eq!(cases(&ledger), wanted, "who reads {readable:?}");
        }
    }
}

#[test]
fn nobody_has_seen_what_came_from_where_they_may_not_look() {
    let mut office = Office::new();
    office.files(1, "ann");
    let ben = office.anchor.home(Bucket::from("ben"));
    office.files(2, "ben");
    let order = office.anchor.decided();
    let seen = |order| Seen { elsewhere: [(ben.ledger, order)].into(), ..Seen::default() };
    office.passes(1, "ben");
    let verdict = |parts: Vec<(Home, Decision)>| {
        parts.into_iter().find_map(|(_, part)| part.verdict).expect("it says so")
    };
    let blind = verdict(office.hears(1, &Note(1, "mine".into()), seen(order)));
    assert!(matches!(blind, Verdict::Preceded { .. }), "{blind}");
    let knowing = verdict(office.hears(1, &Note(1, "mine".into()), seen(order + 1)));
    assert_eq!(knowing, Verdict::Accepted { output: Value::Null });
}

#[test]
fn a_verdict_does_not_tell_what_its_author_may_not_see() {
    let mut office = Office::new();
    office.files(1, "ann");
    let note = Value::of(&Note(1, "mine".into())).expect("no fractions");
    let call = |seen| Call {
        name: Note::NAME.into(),
        version: 1,
        fields: note.clone(),
        seen,
        after: None,
        clock: 0,
    };
    let (home, id) = (office.anchor.home(Bucket::of(&device(1))), command(1, 77));
    office.anchor.take_call(&home, (id, device(1)), None, call(Seen::default()));
    let reads = |_: &DeviceId, bucket: &Bucket| bucket.owner() == Some(device(1));
    let parts = office.anchor.draft(&reads).decide(id, device(1), None, WallTime(9));
    let parts = parts.expect("it was just given");
    let Some(Verdict::Preceded { fields }) = &parts[0].1.verdict else { panic!("{parts:?}") };
    assert_eq!((fields[0].to.value.clone(), fields[0].to.by.clone()), (Value::Null, None));
}

#[test]
fn a_record_that_names_no_bucket_is_not_kept() {
    let mut office = Office::new();
    let verdict = office.files(1, "@nobody")[0].1.verdict.clone();
    assert!(matches!(verdict, Some(Verdict::Failed { .. })), "{verdict:?}");
    assert_eq!(cases(&office.anchor), []);
}
