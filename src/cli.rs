//! The command line: arguments in, words or JSON out.
//!
//! A command is a [`Request`](request::Request), carried out on a device by [`execute`], which says what it has to
//! say as [`Output`](output::Output). Where that happens is for [`reach`] to find: in this process, or, when
//! another has the folder, there, through the socket that [`control`] keeps. Only this process prints.

mod arguments;
mod bench;
mod bounds;
mod config;
mod control;
mod demo;
mod door;
mod error;
mod execute;
mod failure;
mod key;
mod logging;
mod online;
mod output;
mod reach;
mod report;
mod request;
mod screen;
mod secrets;
mod signals;
mod words;

use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use driftline::{Device, DeviceOptions};

use arguments::{Arguments, Command, DeviceCommand};
use error::Error;
use failure::Failure;
use online::Kind;
use report::Report;
use request::Request;
use screen::Screen;
use secrets::Secrets;

/// Parses the arguments and does what they say. Ends with 0, with 1 after a failure, or with 2 when the arguments
/// make no sense.
pub(crate) fn main() -> ExitCode {
    let arguments = match config::arguments() {
        Ok(arguments) => arguments,
        Err((error, json)) => {
            Failure::of(&error).tell(json);
            return ExitCode::from(2);
        }
    };
    let Arguments { data, json, passphrase_file, command } = arguments;
    let secrets = Secrets::new(passphrase_file);
    match command {
        Command::Demo(options) => demo::main(&options),
        Command::Bench(options) => bench::main(&options),
        Command::Device(command) => match run(data, json, &secrets, command) {
            Ok(()) => ExitCode::SUCCESS,
            // As with `| head`: whoever reads has seen enough.
            Err(Error::Write { source, .. }) if source.kind() == ErrorKind::BrokenPipe => {
                ExitCode::SUCCESS
            }
            Err(error) => {
                Failure::of(&error).tell(json);
                ExitCode::FAILURE
            }
        },
    }
}

fn run(
    data: Option<PathBuf>,
    json: bool,
    secrets: &Secrets,
    command: DeviceCommand,
) -> Result<(), Error> {
    let folder = data.or_else(default_folder).ok_or(Error::NoDataFolder)?;
    let folder = std::path::absolute(folder).map_err(|source| Error::System { source })?;
    logging::start(if matches!(command, DeviceCommand::Anchor(_)) { "info" } else { "warn" });
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .map_err(|source| Error::System { source })?;
    let mut screen = Screen::new(json);
    runtime.block_on(async {
        match command {
            DeviceCommand::Init => init(folder, secrets, &mut screen).await,
            DeviceCommand::Key(command) => key::perform(&folder, &command, secrets, &mut screen),
            DeviceCommand::Restore { backup } => restore(&backup, folder, &mut screen).await,
            DeviceCommand::Run(options) => {
                online::stay(&folder, *options, Kind::Device, secrets, &mut screen).await
            }
            DeviceCommand::Anchor(options) => {
                online::stay(&folder, *options, Kind::Anchor, secrets, &mut screen).await
            }
            DeviceCommand::Request(request) => {
                reach::perform(&folder, request, secrets, &mut screen).await
            }
        }
    })
}

/// Where a user's device lives when nothing else is said.
fn default_folder() -> Option<PathBuf> {
    Some(directories::ProjectDirs::from("", "", "driftline")?.data_dir().to_owned())
}

async fn restore(backup: &Path, folder: PathBuf, screen: &mut Screen) -> Result<(), Error> {
    let restored = Device::restore(backup, &folder).await?;
    screen.report(&Report::Revived { device: restored.device, folder, rows: restored.rows })
}

async fn init(folder: PathBuf, secrets: &Secrets, screen: &mut Screen) -> Result<(), Error> {
    if reach::has_device(&folder) {
        return reach::perform(&folder, Request::Device, secrets, screen).await;
    }
    let passphrase = secrets.to_open(&folder)?;
    let options = DeviceOptions { passphrase, ..DeviceOptions::default() };
    let device = Device::open_with(&folder, options).await?;
    let report = Report::Device { device: device.id(), folder, existed: false };
    device.close().await.map_err(|source| Error::Close { source })?;
    screen.report(&report)
}
