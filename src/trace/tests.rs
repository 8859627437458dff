use std::io::Write;
use std::path::PathBuf;

use flate2::{Compression, write::GzEncoder};
use yrs::block::ClientID;
use yrs::updates::decoder::Decode;
use yrs::{Doc, GetString, OffsetKind, Options, Text, TextRef, Transact, Update};

use super::*;

const TWO_AGENTS: &str = r#"{
    "kind": "concurrent", "endContent": "abcd", "numAgents": 2,
    "txns": [
        {"parents": [], "numChildren": 2, "agent": 0, "patches": [[0, 0, "a"]]},
        {"parents": [0], "numChildren": 1, "agent": 1, "patches": [[1, 0, "b"]]},
        {"parents": [0], "numChildren": 1, "agent": 0, "patches": [[1, 0, "c"]]},
        {"parents": [1, 2], "numChildren": 1, "agent": 1, "patches": [[3, 0, "d"]]},
        {"parents": [3], "numChildren": 0, "agent": 1, "patches": [[0, 0, ""]]}
    ]
}"#;

fn carried(name: &str) -> Trace {
    let file = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("benches/traces").join(name);
    Trace::read(file).unwrap()
}

/// Types a sequential trace into a plain vector of characters.
fn typed(trace: &Trace) -> String {
    let mut text: Vec<char> = trace.start.chars().collect();
    for patch in trace.transactions.iter().flat_map(|transaction| &transaction.patches) {
        let start = patch.position as usize;
        text.splice(start..start + patch.deleted as usize, patch.inserted.chars());
    }
    text.into_iter().collect()
}

fn gzip(json: &str) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(json.as_bytes()).unwrap();
    encoder.finish().unwrap()
}

fn merges(trace: &Trace) -> Vec<Vec<(usize, usize)>> {
    let pairs = |merges: &[Merge]| merges.iter().map(|m| (m.agent, m.transactions)).collect();
    trace.transactions.iter().map(|transaction| pairs(&transaction.merges)).collect()
}

#[test]
fn one_persons_history_is_a_line() {
    let json = r#"{"startContent": "hm", "endContent": "ho!", "txns": [
        {"time": "2021-04-19T06:06:58.219Z", "patches": [[1, 1, "o"]]},
        {"time": "2021-04-19T06:06:59.000Z", "patches": [[2, 0, "?"], [2, 1, "!"]]}
    ]}"#;
    let trace = Trace::parse(json.as_bytes()).unwrap();
    assert_eq!(typed(&trace), trace.end);
    assert_eq!((trace.agents, trace.edits()), (1, 3));
    assert!(trace.transactions[0].parents.is_empty());
    assert_eq!(trace.transactions[1].parents, [0]);
    assert_eq!(merges(&trace), [[], []]);
    assert_eq!(Trace::parse(&gzip(json)).unwrap(), trace, "gzip changes nothing");
}

#[test]
fn two_agents_take_in_what_is_new_to_them_and_no_more() {
    let trace = Trace::parse(TWO_AGENTS.as_bytes()).unwrap();
    assert_eq!(merges(&trace), [vec![], vec![(0, 1)], vec![], vec![(0, 2)], vec![]]);
}

#[test]
fn traces_that_no_replica_could_have_typed_are_refused() {
    let parse = |from: &str, to: &str| {
        assert!(TWO_AGENTS.contains(from));
        Trace::parse(TWO_AGENTS.replace(from, to).as_bytes()).unwrap_err()
    };
    let error = parse(r#""numAgents": 2"#, r#""numAgents": 1"#);
    assert!(matches!(error, TraceError::UnknownAgent { transaction: 1, agent: 1, agents: 1 }));
    let error = parse("[1, 2]", "[1, 3]");
    assert!(matches!(error, TraceError::ParentNotBefore { transaction: 3, parent: 3 }));
    let error = parse("[1, 2]", "[2]");
    assert!(matches!(error, TraceError::AgentForked { transaction: 3, agent: 1 }));
    let error = parse(r#""numAgents": 2"#, r#""numAgents": 1000000000000"#);
    assert!(matches!(error, TraceError::TooManyAgents { transactions: 5, .. }));
    let error = parse(r#""concurrent""#, r#""spreadsheet""#);
    assert_eq!(
        error.to_string(),
        r#"traces of kind "spreadsheet" are unknown; "sequential" and "concurrent" can be read"#
    );
}

#[test]
fn files_that_are_no_traces_say_why() {
    let error = |bytes: &[u8]| Trace::parse(bytes).unwrap_err();
    assert!(matches!(error(b"not a trace"), TraceError::Format { .. }));
    assert!(matches!(error(br#"{"endContent": "x"}"#), TraceError::Format { .. }));
    assert!(matches!(error(&gzip(TWO_AGENTS)[..40]), TraceError::Decompress { .. }));
    assert!(matches!(Trace::read("no/such/trace").unwrap_err(), TraceError::Read { .. }));
}

#[test]
fn the_sequential_traces_end_where_they_say() {
    for (name, transactions, edits) in
        [("automerge-paper.json.gz", 259_778, 259_778), ("sveltecomponent.json.gz", 18_335, 19_749)]
    {
        let trace = carried(name);
        assert_eq!((trace.transactions.len(), trace.edits()), (transactions, edits), "{name}");
        assert!(typed(&trace) == trace.end, "{name} ends in another text than it recorded");
    }
}

#[test]
fn two_friends_with_a_document_each_end_in_the_recorded_text() {
    let trace = carried("friendsforever.json.gz");
    assert_eq!((trace.agents, trace.transactions.len()), (2, 26_078));
    let positions = Utf16Positions::of(&trace);
    let mut replicas: Vec<_> = (0..trace.agents).map(Replica::new).collect();
    // Each agent's updates, in the order in which it made them.
    let mut made: Vec<Vec<Vec<u8>>> = vec![Vec::new(); trace.agents];
    for transaction in &trace.transactions {
        let replica = &mut replicas[transaction.agent];
        for merge in &transaction.merges {
            replica.take_in(merge, &made[merge.agent]);
        }
        made[transaction.agent].push(replica.perform(transaction, positions));
    }
    for replica in &mut replicas {
        for (agent, updates) in made.iter().enumerate() {
            replica.take_in(&Merge { agent, transactions: updates.len() }, updates);
        }
        assert!(replica.text() == trace.end, "a replica ends in another text than was recorded");
    }
}

struct Replica {
    agent: usize,
    doc: Doc,
    body: TextRef,
    /// How many of each agent's transactions are in.
    held: Vec<usize>,
}

impl Replica {
    fn new(agent: usize) -> Self {
        let mut options = Options::with_client_id(ClientID::new(agent as u64 + 1));
        options.offset_kind = OffsetKind::Utf16;
        let doc = Doc::with_options(options);
        let body = doc.get_or_insert_text("body");
        Self { agent, doc, body, held: vec![0; 2] }
    }

    fn take_in(&mut self, merge: &Merge, made: &[Vec<u8>]) {
        if merge.agent == self.agent {
            return;
        }
        let mut transaction = self.doc.transact_mut();
        for update in &made[self.held[merge.agent]..merge.transactions] {
            transaction.apply_update(Update::decode_v1(update).unwrap()).unwrap();
        }
        self.held[merge.agent] = merge.transactions;
    }

    fn perform(&self, step: &Transaction, positions: Utf16Positions) -> Vec<u8> {
        let mut transaction = self.doc.transact_mut();
        for patch in &step.patches {
            let range = positions.range(patch, || self.body.get_string(&transaction));
            self.body.remove_range(&mut transaction, range.start, range.end - range.start);
            self.body.insert(&mut transaction, range.start, &patch.inserted);
        }
        transaction.encode_update_v1()
    }

    fn text(&self) -> String {
        self.body.get_string(&self.doc.transact())
    }
}
