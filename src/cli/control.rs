//! The control socket: how commands reach the process that has the folder.
//!
//! A Unix socket `control` in the device's folder, for its owner alone (mode 600). One connection carries one
//! command: a [`Request`] as a line of JSON, then [`Output`]s, one a line, the last of them `done` or `failed`.
//! Whoever asked and goes away takes the command with them.

use std::fs::{Permissions, remove_file, rename, set_permissions};
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use driftline::Device;
use tokio::io::{AsyncBufRead, AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::unix::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use super::error::{ControlError, Error};
use super::execute::execute;
use super::output::{Output, Speaker, channel};
use super::request::Request;

/// The longest request, in bytes: more than a command line can hold.
const MAX_REQUEST: usize = 8 << 20;

/// The longest line of an answer, in bytes. Whole texts travel in one.
const MAX_OUTPUT: usize = 256 << 20;

/// How many commands are carried out at a time; more of them wait.
const AT_ONCE: usize = 64;

/// Where the socket of a folder is.
pub(super) fn socket(folder: &Path) -> PathBuf {
    folder.join("control")
}

/// The socket, on the side of the process that has the folder. Dropping it removes it.
pub(super) struct Control {
    listener: UnixListener,
    path: PathBuf,
}

impl Control {
    /// Binds the socket of a folder that this process has, in place of one that a killed process left there.
    pub(super) fn bind(folder: &Path) -> Result<Self, ControlError> {
        let path = socket(folder);
        // It becomes reachable under its name once nobody else can use it.
        let new = folder.join("control.new");
        let bind = || {
            remove_if_there(&new)?;
            let listener = UnixListener::bind(&new)?;
            set_permissions(&new, Permissions::from_mode(0o600))?;
            rename(&new, &path)?;
            Ok(listener)
        };
        match bind() {
            Ok(listener) => Ok(Self { listener, path }),
            Err(source) => Err(ControlError::Socket { action: "make the socket", path, source }),
        }
    }

    /// Carries out what is asked, for ever.
    pub(super) async fn serve(&self, device: &Device) {
        let places = Arc::new(Semaphore::new(AT_ONCE));
        let mut commands = JoinSet::new();
        loop {
            let Ok(place) = places.clone().acquire_owned().await else { return };
            match self.listener.accept().await {
                Ok((stream, _)) => {
                    let device = device.clone();
                    commands.spawn(async move {
                        if let Err(error) = answer(&device, stream).await {
                            tracing::debug!(%error, "a command was not answered");
                        }
                        drop(place);
                    });
                }
                // For example, no more files can be opened: that may pass.
                Err(error) => {
                    tracing::warn!(%error, "a command could not be taken");
                    tokio::time::sleep(std::time::Duration::from_millis(100)).await;
                }
            }
            while commands.try_join_next().is_some() {}
        }
    }
}

impl Drop for Control {
    fn drop(&mut self) {
        _ = remove_file(&self.path);
    }
}

fn remove_if_there(path: &Path) -> io::Result<()> {
    match remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// Carries out one command, until it ends or whoever asked is gone.
async fn answer(device: &Device, stream: UnixStream) -> io::Result<()> {
    let (read, mut write) = stream.into_split();
    let mut read = BufReader::new(read);
    let (speaker, mut listener) = channel();
    let Some(line) = line(&mut read, MAX_REQUEST).await? else { return Ok(()) };
    let work = carry_out(device, line, speaker);
    let deliver = async {
        while let Some(output) = listener.recv().await {
            send(&mut write, &output).await?;
        }
        Ok(())
    };
    tokio::select! {
        ((), delivered) = async { tokio::join!(work, deliver) } => delivered,
        // Nothing more is to come, so the end of it means that they are gone.
        _ = read.read_u8() => Ok(()),
    }
}

async fn carry_out(device: &Device, line: Option<Vec<u8>>, speaker: Speaker) {
    let too_long = ControlError::TooLong { limit: MAX_REQUEST };
    let ended = match line.as_deref().map(serde_json::from_slice) {
        Some(Ok(request)) => execute(device, request, &speaker).await,
        Some(Err(source)) => Err(ControlError::NotUnderstood { source }.into()),
        None => Err(too_long.into()),
    };
    speaker.finish(ended).await;
}

/// What the process that has the folder says to a command.
pub(super) struct Answer {
    folder: PathBuf,
    read: BufReader<OwnedReadHalf>,
    /// Closed only together with the other half: the other side takes its end for ours.
    _write: OwnedWriteHalf,
}

impl Answer {
    /// Asks.
    pub(super) async fn to(
        folder: &Path,
        stream: UnixStream,
        request: &Request,
    ) -> Result<Self, Error> {
        let folder = folder.to_owned();
        let (read, mut write) = stream.into_split();
        if send(&mut write, request).await.is_err() {
            return Err(ControlError::Ended { folder }.into());
        }
        Ok(Self { folder, read: BufReader::new(read), _write: write })
    }

    /// The next thing that it says.
    pub(super) async fn next(&mut self) -> Result<Output, ControlError> {
        let folder = self.folder.clone();
        match line(&mut self.read, MAX_OUTPUT).await {
            Ok(Some(Some(line))) => serde_json::from_slice(&line)
                .map_err(|source| ControlError::Garbled { folder, source }),
            Ok(Some(None)) => Err(ControlError::TooLong { limit: MAX_OUTPUT }),
            Ok(None) | Err(_) => Err(ControlError::Ended { folder }),
        }
    }
}

async fn send(to: &mut OwnedWriteHalf, what: &impl serde::Serialize) -> io::Result<()> {
    let mut line = serde_json::to_vec(what)?;
    line.push(b'\n');
    to.write_all(&line).await
}

/// The next line: nothing at the end, `Some(None)` if it is longer than `limit`.
async fn line(
    from: &mut (impl AsyncBufRead + Unpin),
    limit: usize,
) -> io::Result<Option<Option<Vec<u8>>>> {
    let mut line = Vec::new();
    let read = from.take(limit as u64 + 1).read_until(b'\n', &mut line).await?;
    let whole = line.last() == Some(&b'\n');
    Ok(match read {
        0 => None,
        read if read > limit => Some(None),
        _ if !whole => None,
        _ => Some(Some(line)),
    })
}
