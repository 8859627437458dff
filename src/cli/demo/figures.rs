//! What the story measured: a table for people, one JSON object for machines.

use std::fmt::{self, Display, Formatter};
use std::path::Path;
use std::time::Duration;

use driftline::Traffic;
use hdrhistogram::Histogram;
use indicatif::{HumanBytes, HumanCount};
use serde_json::{Value, json};

use super::Result;

pub(super) struct Figures {
    pub(super) paper: Typed,
    pub(super) friends: Typed,
    pub(super) latency: Latency,
    /// What Alice and Bob each sent and received.
    pub(super) wire: [(&'static str, Traffic); 2],
    /// The bytes in each one's folder.
    pub(super) disk: [(&'static str, u64); 3],
    pub(super) documents: Vec<Size>,
    pub(super) seconds: f64,
}

/// A session that was typed on one device and arrived on another.
pub(super) struct Typed {
    pub(super) edits: usize,
    pub(super) seconds_typing: f64,
    /// From the first key until the last edit had arrived.
    pub(super) seconds: f64,
    /// What Bob has received meanwhile.
    pub(super) wire_bytes: u64,
}

/// From an edit on one device until it can be seen on another.
pub(super) struct Latency(Histogram<u64>);

/// How large a document is.
pub(super) struct Size {
    pub(super) document: String,
    /// Its text in UTF-8.
    pub(super) text_bytes: usize,
    /// All of it as one Yjs update.
    pub(super) state_bytes: usize,
}

impl Figures {
    pub(super) fn json(&self) -> Value {
        let wire = self.wire.iter().map(|(who, traffic)| {
            ((*who).to_owned(), json!({ "sent": traffic.sent, "received": traffic.received }))
        });
        let disk = self.disk.iter().map(|(who, bytes)| ((*who).to_owned(), json!(bytes)));
        let documents = self.documents.iter().map(|size| {
            let bytes = json!({ "text_bytes": size.text_bytes, "state_bytes": size.state_bytes });
            (size.document.clone(), bytes)
        });
        json!({
            "equal": true,
            "paper": self.paper.json(),
            "friends": self.friends.json(),
            "latency": self.latency.json(),
            "wire_bytes": Value::Object(wire.collect()),
            "disk_bytes": Value::Object(disk.collect()),
            "documents": Value::Object(documents.collect()),
            "seconds": self.seconds,
        })
    }
}

impl Display for Figures {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let row =
            |f: &mut Formatter<'_>, what: &str, said: String| writeln!(f, "  {what:<26}{said}");
        let (text, state) = self
            .documents
            .iter()
            .fold((0, 0), |(text, state), size| (text + size.text_bytes, state + size.state_bytes));
        row(f, "one person typing", self.paper.to_string())?;
        row(f, "two people at once", self.friends.to_string())?;
        row(f, "from Alice's key to Bob", self.latency.to_string())?;
        row(
            f,
            "the documents",
            format!("{} of text, {} as Yjs state", bytes(text as u64), bytes(state as u64)),
        )?;
        for (who, traffic) in &self.wire {
            let said =
                format!("{} sent, {} received", bytes(traffic.sent), bytes(traffic.received));
            row(f, &format!("on the wire, {who}"), said)?;
        }
        for (who, size) in &self.disk {
            row(f, &format!("on disk, {who}"), bytes(*size))?;
        }
        row(f, "in all", format!("{:.1} s", self.seconds))
    }
}

impl Typed {
    fn json(&self) -> Value {
        json!({
            "edits": self.edits,
            "seconds_typing": self.seconds_typing,
            "seconds_until_arrived": self.seconds,
            "edits_per_second": self.edits_per_second(),
            "wire_bytes": self.wire_bytes,
        })
    }

    /// Counted until the last had arrived.
    fn edits_per_second(&self) -> f64 {
        self.edits as f64 / self.seconds
    }
}

impl Display for Typed {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let edits = HumanCount(self.edits as u64);
        let rate = HumanCount(self.edits_per_second() as u64);
        let wire = bytes(self.wire_bytes);
        write!(f, "{edits} edits, {rate} a second until all had arrived, {wire} to Bob")
    }
}

impl Latency {
    pub(super) fn new() -> Result<Self> {
        Ok(Self(Histogram::new(3)?))
    }

    pub(super) fn record(&mut self, latency: Duration) -> Result<()> {
        Ok(self.0.record(u64::try_from(latency.as_micros())?)?)
    }

    fn json(&self) -> Value {
        json!({
            "edits": self.0.len(),
            "p50_us": self.0.value_at_quantile(0.5),
            "p99_us": self.0.value_at_quantile(0.99),
            "max_us": self.0.max(),
        })
    }
}

impl Display for Latency {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let ms = |quantile| self.0.value_at_quantile(quantile) as f64 / 1000.0;
        write!(f, "p50 {:.2} ms, p99 {:.2} ms", ms(0.5), ms(0.99))
    }
}

/// The bytes of all files in a folder.
pub(super) fn folder_bytes(folder: &Path) -> Result<u64> {
    let mut bytes = 0;
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        let metadata = entry.metadata()?;
        bytes += if metadata.is_dir() { folder_bytes(&entry.path())? } else { metadata.len() };
    }
    Ok(bytes)
}

fn bytes(bytes: u64) -> String {
    HumanBytes(bytes).to_string()
}
