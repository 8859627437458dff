//! What people typed, as the updates that yrs makes of it.

use std::sync::{Arc, Mutex};

use flate2::read::GzDecoder;
use serde_json::Value;
use yrs::block::ClientID;
use yrs::updates::decoder::Decode;
use yrs::{Doc, GetString, OffsetKind, Options, Text, TextRef, Transact, Update};

/// The root that everything is typed into.
const ROOT: &str = "body";

/// A trace's name and file.
pub(crate) const TRACES: [(&str, &[u8]); 3] = [
    ("sveltecomponent", include_bytes!("../../benches/traces/sveltecomponent.json.gz")),
    ("friendsforever", include_bytes!("../../benches/traces/friendsforever.json.gz")),
    ("automerge-paper", include_bytes!("../../benches/traces/automerge-paper.json.gz")),
];

/// A typed text: an update for each transaction, in an order in which each leans on earlier ones alone.
pub(crate) struct Typed {
    pub(crate) updates: Vec<Vec<u8>>,
    pub(crate) text: String,
}

/// One agent's copy of the document.
struct Agent {
    doc: Doc,
    body: TextRef,
    /// What yrs made of the transaction under way.
    made: Arc<Mutex<Vec<u8>>>,
    written: Vec<Vec<u8>>,
    /// How much of each agent it has taken in.
    seen: Vec<usize>,
}

/// Types a trace: each agent on its own copy, and taking in of the others what the trace says it had seen.
///
/// All three traces are ASCII, so that characters are UTF-16 units.
pub(crate) fn typed(gzipped: &[u8]) -> Typed {
    let trace: Value = serde_json::from_reader(GzDecoder::new(gzipped)).expect("a trace is JSON");
    let count = trace["numAgents"].as_u64().unwrap_or(1) as usize;
    let mut agents: Vec<_> = (0..count).map(|id| Agent::new(id, count)).collect();
    let mut versions: Vec<Vec<usize>> = Vec::new();
    let mut updates = Vec::new();
    for transaction in trace["txns"].as_array().expect("a trace has transactions") {
        let author = transaction["agent"].as_u64().unwrap_or(0) as usize;
        let mut version = seen_by(transaction, &versions, count);
        for other in (0..count).filter(|other| *other != author) {
            let have = agents[author].seen[other];
            let news = agents[other].written[have..version[other].max(have)].to_vec();
            agents[author].take_in(&news);
            agents[author].seen[other] += news.len();
        }
        updates.push(agents[author].write(&transaction["patches"]));
        version[author] = agents[author].written.len();
        versions.push(version);
    }
    Typed { updates, text: trace["endContent"].as_str().unwrap_or_default().to_owned() }
}

/// How many of each agent's transactions came before this one.
fn seen_by(transaction: &Value, versions: &[Vec<usize>], agents: usize) -> Vec<usize> {
    let mut seen = vec![0; agents];
    for parent in transaction["parents"].as_array().into_iter().flatten() {
        let parent = &versions[parent.as_u64().expect("parents are numbers") as usize];
        for (seen, more) in seen.iter_mut().zip(parent) {
            *seen = (*seen).max(*more);
        }
    }
    seen
}

impl Agent {
    fn new(id: usize, agents: usize) -> Self {
        let doc = document((1 << 40) + id as u64);
        let body = doc.get_or_insert_text(ROOT);
        let made = Arc::new(Mutex::new(Vec::new()));
        let kept = made.clone();
        let observed = doc.observe_update_v1("typing", move |txn, event| {
            if txn.origin().is_none() {
                *kept.lock().expect("nothing panics") = event.update.clone();
            }
        });
        observed.expect("no transaction is open");
        Self { doc, body, made, written: Vec::new(), seen: vec![0; agents] }
    }

    fn take_in(&self, updates: &[Vec<u8>]) {
        for update in updates {
            let update = Update::decode_v1(update).expect("yrs wrote it");
            self.doc.transact_mut_with("others").apply_update(update).expect("yrs wrote it");
        }
    }

    fn write(&mut self, patches: &Value) -> Vec<u8> {
        // Of a transaction that changes nothing, yrs makes no update.
        *self.made.lock().expect("nothing panics") = Update::EMPTY_V1.to_vec();
        let mut txn = self.doc.transact_mut();
        for patch in patches.as_array().expect("patches are a list") {
            let number = |at: usize| patch[at].as_u64().expect("a patch has numbers") as u32;
            self.body.remove_range(&mut txn, number(0), number(1));
            self.body.insert(&mut txn, number(0), patch[2].as_str().expect("and a text"));
        }
        drop(txn);
        let made = self.made.lock().expect("nothing panics").clone();
        self.written.push(made.clone());
        made
    }
}

/// The baseline: yrs alone decodes and applies updates one by one.
pub(crate) fn apply_one_by_one(updates: &[Vec<u8>]) -> Doc {
    let doc = document(1);
    for update in updates {
        let update = Update::decode_v1(update).expect("yrs wrote it");
        doc.transact_mut().apply_update(update).expect("yrs wrote it");
    }
    doc
}

/// The text of a document.
pub(crate) fn text_of(doc: &Doc) -> String {
    let body = doc.get_or_insert_text(ROOT);
    body.get_string(&doc.transact())
}

fn document(client: u64) -> Doc {
    Doc::with_options(Options {
        client_id: ClientID::new(client),
        offset_kind: OffsetKind::Utf16,
        ..Options::default()
    })
}
