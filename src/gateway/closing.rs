//! Why a socket is closed: the codes that clients get, which are part of the interface.
//!
//! As y-websocket 3.1 has it, codes from 4400 on mean "don't come again like that", and all others "try again".

use tokio_tungstenite::tungstenite::protocol::CloseFrame;

use crate::{AdmitError, ApplyError, EditError};

/// Why the gateway closes a socket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Closing {
    /// The gateway is being restarted.
    Leaving,
    /// It can't be done now.
    TryAgain,
    /// It does not speak the protocol.
    Nonsense,
    /// A frame was too large.
    TooLarge,
    /// There is no pass, or none that this gateway issued.
    NoPass,
    /// The pass was taken back.
    Revoked,
    /// There is no such space or document here, or the document was deleted.
    NotHere,
    /// There is as much here as guests may write.
    Full,
    /// The pass has expired.
    Expired,
}

impl Closing {
    /// What to tell a client whose edit could not be taken in.
    pub(super) fn of(error: &AdmitError) -> Self {
        match error {
            AdmitError::Unsound { source: ApplyError::Panicked } => Self::TryAgain,
            AdmitError::Unsound { .. } => Self::Nonsense,
            AdmitError::TooLarge => Self::TooLarge,
            AdmitError::NotAHost | AdmitError::BadName => Self::NotHere,
            AdmitError::Edit { source } => match source {
                EditError::ReadOnly | EditError::Removed | EditError::Deleted => Self::NotHere,
                _ => Self::TryAgain,
            },
        }
    }

    /// The code of the close frame.
    pub(crate) fn code(self) -> u16 {
        match self {
            Self::Leaving => 1012,
            Self::TryAgain => 1013,
            Self::Nonsense => 1007,
            Self::TooLarge => 1009,
            Self::NoPass => 4401,
            Self::Revoked => 4403,
            Self::NotHere => 4404,
            Self::Full => 4413,
            Self::Expired => 4419,
        }
    }

    /// What it says beside the code.
    pub(crate) fn reason(self) -> &'static str {
        match self {
            Self::Leaving => "the gateway is being restarted: try again",
            Self::TryAgain => "this can't be done now: try again",
            Self::Nonsense => "that is not this protocol",
            Self::TooLarge => "the frame is too large",
            Self::NoPass => "no pass that counts here: ask for one and come again",
            Self::Revoked => "the pass was taken back",
            Self::NotHere => "there is no such document here",
            Self::Full => "there is no room for more here",
            Self::Expired => "the pass has expired: ask for a new one and come again",
        }
    }

    /// Whether it is about what the client may do, so that clients that know no codes are to be told as well.
    pub(super) fn denies(self) -> bool {
        matches!(self, Self::NoPass | Self::Revoked | Self::NotHere | Self::Full | Self::Expired)
    }

    pub(super) fn frame(self) -> CloseFrame {
        CloseFrame { code: self.code().into(), reason: self.reason().into() }
    }
}
