//! What happened, as a hash that two runs of one seed share, and in full for those who want to look.

use std::fmt;

use crate::clock::Time;
use crate::network::Who;

/// The record of a run.
#[derive(Debug, Default)]
pub struct Trace {
    hasher: blake3::Hasher,
    /// Everything, if it is kept.
    pub marks: Option<Vec<Mark>>,
    /// How many frames were sent.
    pub frames: u64,
    /// How many of them were lost on the way.
    pub lost: u64,
}

/// One thing that happened.
#[derive(Clone, Debug)]
pub enum Mark {
    /// A frame was sent.
    Frame {
        /// By whom, to whom.
        between: (Who, Who),
        /// When it was given for sending.
        sent: Time,
        /// When it arrives first, if it does.
        arrives: Option<Time>,
        /// What is in it.
        what: &'static str,
        /// Its size.
        bytes: usize,
    },
    /// Something happened on a device.
    Point {
        /// When.
        at: Time,
        /// Where.
        who: Who,
        /// What kind of thing.
        kind: Kind,
        /// What, for a person to read.
        note: String,
    },
}

/// What kind of thing happened on a device.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A process began.
    Start,
    /// A process was killed, or the power failed.
    Crash,
    /// The app edited, opened or closed a document.
    App,
    /// A batch was written or saved.
    Disk,
    /// A connection came or went.
    Link,
    /// The machine had something to tell.
    Notice,
}

/// What a frame is, by the number of its message.
const MESSAGES: [&str; 13] = [
    "Open",
    "Changed",
    "Want",
    "Segments",
    "Position",
    "Saved",
    "Stranger",
    "Introduce",
    "Join",
    "Welcome",
    "Refused",
    "Objects",
    "Presence",
];

/// What is in a frame, in a word.
pub fn message_of(frame: &[u8]) -> &'static str {
    let message = frame.get(driftline_core::space::TAG_BYTES).copied().unwrap_or(u8::MAX);
    MESSAGES.get(usize::from(message)).copied().unwrap_or("?")
}

impl Trace {
    /// Keeps everything from now on.
    pub fn keep(&mut self) {
        self.marks.get_or_insert_default();
    }

    /// Something happened on a device.
    pub fn note(&mut self, at: Time, who: Who, kind: Kind, note: impl fmt::Display) {
        let note = note.to_string();
        tracing::debug!(at, who, ?kind, "{note}");
        self.hasher.update(format!("{at} {who} {kind:?} {note}\n").as_bytes());
        if let Some(marks) = &mut self.marks {
            marks.push(Mark::Point { at, who, kind, note });
        }
    }

    /// A frame was sent.
    pub fn frame(&mut self, between: (Who, Who), sent: Time, arrives: Option<Time>, frame: &[u8]) {
        let what = message_of(frame);
        let (from, to) = between;
        tracing::trace!(sent, from, to, ?arrives, bytes = frame.len(), "{what}");
        self.hasher.update(format!("{sent} {from} {to} {arrives:?} ").as_bytes());
        self.hasher.update(frame);
        self.frames += 1;
        self.lost += u64::from(arrives.is_none());
        if let Some(marks) = &mut self.marks {
            marks.push(Mark::Frame { between, sent, arrives, what, bytes: frame.len() });
        }
    }

    /// The hash of all that happened so far.
    pub fn hash(&self) -> [u8; 32] {
        *self.hasher.finalize().as_bytes()
    }
}
