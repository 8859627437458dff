//! Where a command is carried out: in this process, or in the one that has the folder.

use std::ops::ControlFlow;
use std::path::Path;
use std::time::Duration;

use driftline::{
    Device, DeviceOptions, FolderError, OpenError, Passphrase, Verification, VerifyError,
};
use tokio::net::UnixStream;
use tokio::time::{Instant, sleep};

use super::control::{self, Answer};
use super::error::{ControlError, Error};
use super::execute::{execute, verify};
use super::output::channel;
use super::request::{DocRequest, PresenceRequest, Request, Verify};
use super::screen::Screen;
use super::secrets::Secrets;
use super::signals::Signals;

/// How long another command may have the folder before that is told.
const PATIENCE: Duration = Duration::from_secs(5);
const PAUSE: Duration = Duration::from_millis(50);

enum Reached {
    Here(Opened),
    There(UnixStream),
}

/// A folder that this process has.
enum Opened {
    Device(Device),
    /// Only to be looked at: what is damaged may not open as a device any more.
    AtRest {
        check: Box<Verification>,
        space: Option<String>,
    },
}

/// Whether there is a device in a folder.
pub(super) fn has_device(folder: &Path) -> bool {
    folder.join("key").exists()
}

/// Carries out a command, and shows what it says.
pub(super) async fn perform(
    folder: &Path,
    request: Request,
    secrets: &Secrets,
    screen: &mut Screen,
) -> Result<(), Error> {
    // Of a device whose key is lost there is still something to check.
    let stored = matches!(request, Request::Verify(_)) && folder.join("store").exists();
    if !has_device(folder) && !stored {
        return Err(Error::NoDevice { folder: folder.to_owned() });
    }
    screen.expect(&request)?;
    let neighbour = knock(folder).await;
    // Before signals are heard here, so that Ctrl-C ends the asking.
    let passphrase = match (&neighbour, &request) {
        // What is only looked at is looked at without the key.
        (Some(_), _) | (None, Request::Verify(_)) => None,
        (None, _) => secrets.to_open(folder)?,
    };
    let mut signals = Signals::listen().map_err(|source| Error::System { source })?;
    let endless = ends_with_ctrl_c(&request);
    let reached = match neighbour {
        Some(stream) => Reached::There(stream),
        None => reach(folder, &request, passphrase).await?,
    };
    let device = match &reached {
        Reached::Here(Opened::Device(device)) => Some(device.clone()),
        Reached::Here(Opened::AtRest { .. }) | Reached::There(_) => None,
    };
    let performed = async {
        match reached {
            Reached::Here(opened) => here(opened, request, screen).await,
            Reached::There(stream) => there(folder, stream, &request, screen).await,
        }
    };
    let performed = tokio::select! {
        performed = performed => performed,
        () = signals.stop() => if endless { Ok(()) } else { Err(Error::Interrupted) },
    };
    if let Some(device) = device {
        let closed = device.close().await.map_err(|source| Error::Close { source });
        return performed.and(closed);
    }
    performed
}

/// Whether a command has no end of its own.
fn ends_with_ctrl_c(request: &Request) -> bool {
    use PresenceRequest::{Set, Watch};
    matches!(
        request,
        Request::Doc(DocRequest::Watch { .. }) | Request::Presence(Set { .. } | Watch { .. })
    )
}

/// Whether peers may be of use before the command ends.
fn takes_a_while(request: &Request) -> bool {
    use DocRequest::{Replay, Watch};
    matches!(
        request,
        Request::Join(_) | Request::Presence(_) | Request::Doc(Replay(_) | Watch { .. })
    )
}

/// Reaches the process that has the folder, if it takes commands.
async fn knock(folder: &Path) -> Option<UnixStream> {
    UnixStream::connect(control::socket(folder)).await.ok()
}

async fn reach(
    folder: &Path,
    request: &Request,
    passphrase: Option<Passphrase>,
) -> Result<Reached, Error> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        if let Some(stream) = knock(folder).await {
            return Ok(Reached::There(stream));
        }
        match open(folder, request, passphrase.clone()).await {
            Ok(opened) => return Ok(Reached::Here(opened)),
            // Another command has it for a moment, or a `run` that does not listen yet.
            Err(error) => match in_use(&error) {
                Some(_) if Instant::now() <= deadline => {}
                Some(process) => {
                    let who = process
                        .map_or_else(|| "another process".to_owned(), |id| format!("process {id}"));
                    return Err(ControlError::NoAnswer { folder: folder.to_owned(), who }.into());
                }
                None => return Err(error),
            },
        }
        sleep(PAUSE).await;
    }
}

async fn open(
    folder: &Path,
    request: &Request,
    passphrase: Option<Passphrase>,
) -> Result<Opened, Error> {
    if let Request::Verify(Verify { space }) = request {
        let check = Box::new(Verification::at_rest(folder).await?);
        return Ok(Opened::AtRest { check, space: space.clone() });
    }
    let offline = !takes_a_while(request);
    let options = DeviceOptions { offline, passphrase, ..DeviceOptions::default() };
    Ok(Opened::Device(Device::open_with(folder, options).await?))
}

/// The process that has the folder, if that is why it can't be opened.
fn in_use(error: &Error) -> Option<Option<u32>> {
    match error {
        Error::Open { source: OpenError::Folder { source } }
        | Error::Verify { source: VerifyError::Folder { source } } => match source {
            FolderError::InUse { process, .. } => Some(*process),
            _ => None,
        },
        _ => None,
    }
}

async fn here(opened: Opened, request: Request, screen: &mut Screen) -> Result<(), Error> {
    let (speaker, mut listener) = channel();
    let work = async move {
        let ended = match opened {
            Opened::Device(device) => execute(&device, request, &speaker).await,
            Opened::AtRest { check, space } => verify(*check, space.as_deref(), &speaker).await,
        };
        speaker.finish(ended).await;
        Ok(())
    };
    let show = async {
        while let Some(output) = listener.recv().await {
            if let ControlFlow::Break(ended) = screen.show(output) {
                return ended;
            }
        }
        Ok(())
    };
    // When nothing can be shown any more, the work is dropped.
    tokio::try_join!(work, show).map(drop)
}

async fn there(
    folder: &Path,
    stream: UnixStream,
    request: &Request,
    screen: &mut Screen,
) -> Result<(), Error> {
    let mut answer = Answer::to(folder, stream, request).await?;
    loop {
        if let ControlFlow::Break(ended) = screen.show(answer.next().await?) {
            return ended;
        }
    }
}
