//! What a command says while it runs, and how that travels: to the screen, or first through the control socket.

use serde::{Deserialize, Serialize};
use tokio::sync::mpsc;

use super::error::Error;
use super::failure::Failure;
use super::report::Report;

/// How much may be said before somebody listens.
const WAITING: usize = 64;

/// The most bytes in one piece.
const PIECE: usize = 256 << 10;

/// One thing that a command says. The last is always [`Done`](Self::Done) or [`Failed`](Self::Failed).
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Output {
    /// Part of the answer.
    Report(Report),
    /// A piece of a file.
    Bytes(#[serde(with = "base64")] Vec<u8>),
    /// Something to know that is not the answer.
    Note(String),
    /// How far it got.
    Progress(Progress),
    /// It did not work.
    Failed(Failure),
    /// It worked.
    Done,
}

/// How far a command got.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Progress {
    /// What it does.
    pub(super) doing: String,
    /// How much of it is done, and how much there is, where that is known.
    pub(super) counts: Option<(u64, u64)>,
}

/// Where a command says things.
pub(super) struct Speaker(mpsc::Sender<Output>);

pub(super) type Listener = mpsc::Receiver<Output>;

pub(super) fn channel() -> (Speaker, Listener) {
    let (sender, receiver) = mpsc::channel(WAITING);
    (Speaker(sender), receiver)
}

impl Speaker {
    pub(super) async fn report(&self, report: Report) {
        self.say(Output::Report(report)).await;
    }

    pub(super) async fn note(&self, note: impl Into<String>) {
        self.say(Output::Note(note.into())).await;
    }

    pub(super) async fn bytes(&self, bytes: &[u8]) {
        for piece in bytes.chunks(PIECE) {
            self.say(Output::Bytes(piece.to_vec())).await;
        }
    }

    pub(super) async fn progress(&self, doing: &str, counts: Option<(u64, u64)>) {
        self.say(Output::Progress(Progress { doing: doing.to_owned(), counts })).await;
    }

    /// The last word.
    pub(super) async fn finish(self, ended: Result<(), Error>) {
        let last = match ended {
            Ok(()) => Output::Done,
            Err(error) => Output::Failed(Failure::of(&error)),
        };
        self.say(last).await;
    }

    async fn say(&self, output: Output) {
        // When nobody listens any more, the command is about to be dropped.
        _ = self.0.send(output).await;
    }
}

mod base64 {
    use data_encoding::BASE64;
    use serde::{Deserialize, Deserializer, Serializer, de};

    pub(super) fn serialize<S: Serializer>(bytes: &[u8], to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(&BASE64.encode(bytes))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<u8>, D::Error> {
        let text = String::deserialize(from)?;
        BASE64.decode(text.as_bytes()).map_err(de::Error::custom)
    }
}
