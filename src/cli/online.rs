//! `run` and `anchor`: a device that stays online, and carries out what other processes ask.

use std::convert::Infallible;
use std::path::{Path, PathBuf};

use driftline::gateway::{Gateway, GatewayError};
use driftline::{
    Device, DeviceOptions, Limits, ListenError, Multiaddr, OpenError, Passphrase, SpaceLimits,
};
use driftline_net::ListenError as Refused;

use super::arguments::Online as Options;
use super::control::Control;
use super::error::Error;
use super::reach::has_device;
use super::report::{Online, Report};
use super::screen::Screen;
use super::secrets::Secrets;
use super::signals::{HangUps, Signals};

/// The port of an anchor that was told no other.
const ANCHOR_PORT: u16 = 4001;

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Device,
    Anchor,
}

impl Kind {
    fn addresses(self) -> Vec<Multiaddr> {
        let port = if self == Self::Anchor { ANCHOR_PORT } else { 0 };
        let addresses =
            [format!("/ip4/127.0.0.1/tcp/{port}"), format!("/ip4/127.0.0.1/udp/{port}/quic-v1")];
        addresses.iter().filter_map(|address| address.parse().ok()).collect()
    }

    fn limits(self) -> Limits {
        match self {
            Self::Device => Limits::default(),
            Self::Anchor => Limits {
                max_connections: 2048,
                max_connections_per_address: 512,
                max_handshakes: 256,
                max_outbound_bytes: 64 << 20,
                ..Limits::default()
            },
        }
    }

    fn space_limits(self) -> SpaceLimits {
        match self {
            Self::Device => SpaceLimits::default(),
            Self::Anchor => {
                SpaceLimits { documents: 1_000_000, bytes: 128 << 30, ..SpaceLimits::default() }
            }
        }
    }
}

/// Stays online until the process is told to stop.
pub(super) async fn stay(
    folder: &Path,
    options: Options,
    kind: Kind,
    secrets: &Secrets,
    screen: &mut Screen,
) -> Result<(), Error> {
    if !has_device(folder) {
        return Err(Error::NoDevice { folder: folder.to_owned() });
    }
    // Before signals are heard here, so that Ctrl-C ends the asking.
    let passphrase = secrets.to_open(folder)?;
    let mut signals = Signals::listen().map_err(|source| Error::System { source })?;
    let device = open(folder, &options, kind, passphrase).await?;
    options.dial.iter().cloned().for_each(|address| device.dial(address));
    let control = Control::bind(folder)?;
    let gateway = open_gateway(&device, &options).await?;
    let online = Online {
        device: device.id(),
        process: std::process::id(),
        folder: folder.to_owned(),
        addresses: device.addresses().iter().map(Multiaddr::to_string).collect(),
        http: gateway.as_ref().map(Gateway::address),
    };
    let ready = options.ready_file.as_deref().map(|path| ReadyFile::write(path, &online));
    let ready = ready.transpose()?;
    screen.report(&Report::Online(online))?;
    tokio::select! {
        () = control.serve(&device) => {}
        () = signals.stop() => {}
        never = renew_certificates(gateway.as_ref()) => match never {},
    }
    drop((ready, control));
    if let Some(gateway) = gateway {
        gateway.close().await;
    }
    device.close().await.map_err(|source| Error::Close { source })?;
    screen.report(&Report::Left)
}

async fn open(
    folder: &Path,
    options: &Options,
    kind: Kind,
    passphrase: Option<Passphrase>,
) -> Result<Device, Error> {
    let listen = if options.listen.is_empty() { kind.addresses() } else { options.listen.clone() };
    let settings = DeviceOptions {
        listen,
        mdns: options.mdns,
        limits: options.bounds.network(kind.limits()),
        space_limits: options.bounds.spaces(kind.space_limits()),
        passphrase,
        keep_deleted: options.keep_deleted,
        ..DeviceOptions::default()
    };
    Device::open_with(folder, settings).await.map_err(|error| match error {
        OpenError::Listen {
            source: ListenError::Network { source: Refused::System { address, source }, .. },
        } => Error::Listen { address, source },
        error => error.into(),
    })
}

/// Lets guests in, if the device is to.
async fn open_gateway(device: &Device, options: &Options) -> Result<Option<Gateway>, Error> {
    let Some(options) = options.door.options()? else { return Ok(None) };
    let opened = Gateway::open(device, options).await;
    opened.map(Some).map_err(|error| match error {
        GatewayError::Listen { address, source } => Error::GuestAddress { address, source },
        source => Error::Gateway { source },
    })
}

/// Has the certificate read again whenever the process is told so. Where there is none, SIGHUP ends it as ever.
async fn renew_certificates(gateway: Option<&Gateway>) -> Infallible {
    let renews = gateway.filter(|gateway| gateway.speaks_tls());
    let hang_ups = renews.and_then(|gateway| Some((gateway, HangUps::listen().ok()?)));
    let Some((gateway, mut hang_ups)) = hang_ups else { return std::future::pending().await };
    loop {
        hang_ups.next().await;
        gateway.renew_certificate();
    }
}

/// Tells whoever started the process that it listens, and where. It goes when the device does.
struct ReadyFile(PathBuf);

impl ReadyFile {
    /// Whoever looks finds nothing or the whole file.
    fn write(path: &Path, online: &Online) -> Result<Self, Error> {
        let mut new = path.as_os_str().to_owned();
        new.push(format!(".{}", std::process::id()));
        let written = std::fs::write(&new, format!("{}\n", serde_json::json!(online)))
            .and_then(|()| std::fs::rename(&new, path));
        written.map_err(|source| Error::Write { to: path.display().to_string(), source })?;
        Ok(Self(path.to_owned()))
    }
}

impl Drop for ReadyFile {
    fn drop(&mut self) {
        _ = std::fs::remove_file(&self.0);
    }
}
