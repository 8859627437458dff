//! Carrying out a command on a device.

mod backup;
mod bucket;
mod command;
mod deleting;
mod document;
mod edit;
mod find;
mod guest;
mod history;
mod import;
mod join;
mod member;
mod presence;
mod record;
mod replay;
mod space;
mod status;
mod verify;
mod watch;
mod why;

use driftline::{Device, Verification};

use super::error::Error;
use super::output::Speaker;
use super::request::{DocRequest, Request, SpaceRequest};

pub(super) use verify::verify;

/// Carries out a command, in whichever process has the device. Dropping the future gives it up.
pub(super) async fn execute(
    device: &Device,
    request: Request,
    speaker: &Speaker,
) -> Result<(), Error> {
    match request {
        Request::Device => space::device(device, speaker).await,
        Request::Space(SpaceRequest::New { name }) => space::begin(device, name, speaker).await,
        Request::Space(SpaceRequest::Ls) => space::list(device, speaker).await,
        Request::Invite(invite) => space::invite(device, &invite, speaker).await,
        Request::Token(request) => guest::token(device, &request, speaker).await,
        Request::Guest(request) => guest::guest(device, request, speaker).await,
        Request::Member(request) => member::member(device, request, speaker).await,
        Request::Bucket(request) => bucket::bucket(device, request, speaker).await,
        Request::Join(join) => join::join(device, &join, speaker).await,
        Request::Status(status) => status::status(device, status.space.as_deref(), speaker).await,
        Request::Presence(request) => presence::presence(device, request, speaker).await,
        Request::Record(request) => record::record(device, request, speaker).await,
        Request::Submit(request) => command::submit(device, request, speaker).await,
        Request::Outbox { space } => command::outbox(device, &space, speaker).await,
        Request::Verdicts { space, follow, all } => {
            command::verdicts(device, &space, (follow, all), speaker).await
        }
        Request::Cancel { command } => command::cancel(device, command, speaker).await,
        Request::Backup { folder } => backup::backup(device, folder, speaker).await,
        Request::Why(request) => why::why(device, request, speaker).await,
        Request::Verify(request) => {
            let check = Verification::running(device);
            verify(check, request.space.as_deref(), speaker).await
        }
        Request::Doc(request) => doc(device, request, speaker).await,
    }
}

async fn doc(device: &Device, request: DocRequest, speaker: &Speaker) -> Result<(), Error> {
    match request {
        DocRequest::Ls { space } => document::list(device, &space, speaker).await,
        DocRequest::Cat { document, root, at: None } => {
            document::cat(device, &document, root, speaker).await
        }
        DocRequest::Cat { document, root, at: Some(at) } => {
            history::cat(device, &document, root, at, speaker).await
        }
        DocRequest::History { document } => history::list(device, &document, speaker).await,
        DocRequest::Edit(request) => edit::edit(device, request, speaker).await,
        DocRequest::Replay(request) => replay::replay(device, &request, speaker).await,
        DocRequest::Import { document, file } => {
            import::import(device, &document, &file, speaker).await
        }
        DocRequest::Export(request) => document::export(device, &request, speaker).await,
        DocRequest::Delete { document } => deleting::delete(device, &document, speaker).await,
        DocRequest::Restore { document } => deleting::restore(device, &document, speaker).await,
        DocRequest::Deleted { space } => deleting::list(device, &space, speaker).await,
        DocRequest::Watch { document } => watch::watch(device, &document, speaker).await,
    }
}
