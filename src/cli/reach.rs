//! Where a command is carried out: in this process, or in the one that has the folder.

use std::ops::ControlFlow;
use std::path::Path;
use std::time::Duration;

use driftline::{Device, DeviceOptions, FolderError, OpenError};
use tokio::net::UnixStream;
use tokio::time::{Instant, sleep};

use super::control::{self, Answer};
use super::error::{ControlError, Error};
use super::execute::execute;
use super::output::channel;
use super::request::{DocRequest, Request};
use super::screen::Screen;
use super::secrets::Secrets;
use super::signals::Signals;

/// How long another command may have the folder before that is told.
const PATIENCE: Duration = Duration::from_secs(5);
const PAUSE: Duration = Duration::from_millis(50);

enum Reached {
    Here(Device),
    There(UnixStream),
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
    if !has_device(folder) {
        return Err(Error::NoDevice { folder: folder.to_owned() });
    }
    screen.expect(&request)?;
    let neighbour = knock(folder).await;
    // Before signals are heard here, so that Ctrl-C ends the asking.
    let passphrase = if neighbour.is_some() { None } else { secrets.to_open(folder)? };
    let mut signals = Signals::listen().map_err(|source| Error::System { source })?;
    // Only a watch has no end of its own.
    let endless = matches!(request, Request::Doc(DocRequest::Watch { .. }));
    let offline = !takes_a_while(&request);
    let reached = match neighbour {
        Some(stream) => Reached::There(stream),
        None => {
            let options = DeviceOptions { offline, passphrase, ..DeviceOptions::default() };
            reach(folder, options).await?
        }
    };
    let device = if let Reached::Here(device) = &reached { Some(device.clone()) } else { None };
    let performed = async {
        match reached {
            Reached::Here(device) => here(&device, request, screen).await,
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

/// Whether peers may be of use before the command ends.
fn takes_a_while(request: &Request) -> bool {
    use DocRequest::{Replay, Watch};
    matches!(request, Request::Join(_) | Request::Doc(Replay(_) | Watch { .. }))
}

/// Reaches the process that has the folder, if it takes commands.
async fn knock(folder: &Path) -> Option<UnixStream> {
    UnixStream::connect(control::socket(folder)).await.ok()
}

async fn reach(folder: &Path, options: DeviceOptions) -> Result<Reached, Error> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        if let Some(stream) = knock(folder).await {
            return Ok(Reached::There(stream));
        }
        match Device::open_with(folder, options.clone()).await {
            Ok(device) => return Ok(Reached::Here(device)),
            // Another command has it for a moment, or a `run` that does not listen yet.
            Err(OpenError::Folder { source: FolderError::InUse { process, .. } }) => {
                if Instant::now() > deadline {
                    let who = process
                        .map_or_else(|| "another process".to_owned(), |id| format!("process {id}"));
                    return Err(ControlError::NoAnswer { folder: folder.to_owned(), who }.into());
                }
            }
            Err(error) => return Err(error.into()),
        }
        sleep(PAUSE).await;
    }
}

async fn here(device: &Device, request: Request, screen: &mut Screen) -> Result<(), Error> {
    let (speaker, mut listener) = channel();
    let work = async move {
        let ended = execute(device, request, &speaker).await;
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
