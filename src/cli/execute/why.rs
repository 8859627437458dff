//! `why`: who wrote it, on what they had seen, and by whose leave.

use driftline::{Device, DeviceId, Document, Leave, Turn};

use super::{find, record};
use crate::cli::error::{Error, NameError};
use crate::cli::output::Speaker;
use crate::cli::report::{self, Authors, Report, Seen, Trace};
use crate::cli::request::Why;
use driftline::content;

pub(super) async fn why(device: &Device, request: Why, speaker: &Speaker) -> Result<(), Error> {
    let document = match find::document(device, &request.document).await {
        Ok(document) => document,
        Err(error) => return record::why(device, &request.document, speaker).await?.ok_or(error),
    };
    let me = device.id();
    let report = match request.at {
        Some(at) => Report::Trace(Box::new(trace(&document, request.root, at, me).await?)),
        None => Report::Authors(authors(&document, me).await?),
    };
    speaker.report(report).await;
    Ok(())
}

async fn authors(document: &Document, me: DeviceId) -> Result<Authors, Error> {
    let authors = document.authors().await?.into_iter().map(|author| report::Author {
        device: author.device,
        you: author.device == me,
        entries: author.wrote.entries,
        first: author.wrote.first.0,
        last: author.wrote.last.0,
        stands: author.stands,
        role: author.member.map(|member| member.role),
        history: author.history.into_iter().map(turn).collect(),
    });
    Ok(Authors { document: document.id(), authors: authors.collect() })
}

async fn trace(document: &Document, root: String, at: u32, me: DeviceId) -> Result<Trace, Error> {
    match document.read(|txn| content::root(txn, &root)) {
        Some(serde_json::Value::String(_)) => {}
        Some(_) => return Err(Error::NoText { root }),
        None => {
            let known = document.read(|txn| content::roots(txn));
            return Err(NameError::NoSuchRoot { root, known }.into());
        }
    }
    let found = document.trace(&document.text(&root), at).await?;
    let leave = found.leave().cloned().map(turn);
    let origin = |origin| self::origin(origin, me);
    let seen = found.seen.into_iter();
    Ok(Trace {
        document: document.id(),
        root,
        at,
        character: found.character,
        origin: origin(found.origin),
        left: found.left.map(origin),
        right: found.right.map(origin),
        seen: seen.map(|(device, chain, entry)| Seen { device, chain, entry }).collect(),
        leave,
        history: found.history.into_iter().map(turn).collect(),
    })
}

fn origin(origin: driftline::Origin, me: DeviceId) -> report::Origin {
    report::Origin {
        author: origin.author,
        you: origin.author == me,
        guest: origin.guest,
        chain: origin.chain,
        entry: origin.number,
        hash: origin.hash,
        time: origin.time.0,
        mends: origin.mends,
        signed_with: origin.signed_with,
    }
}

fn turn(Turn { by, at, counts, what }: Turn) -> report::Turn {
    let role = what.role();
    let (word, rank, issuer, ticket) = match what {
        Leave::Began => (report::Leave::Began, None, None, None),
        Leave::Admitted { rank, issuer, ticket, .. } => {
            (report::Leave::Admitted, rank, Some(issuer), Some(ticket))
        }
        Leave::Appointed { rank, .. } => (report::Leave::Appointed, rank, None, None),
        Leave::Removed => (report::Leave::Removed, None, None, None),
    };
    report::Turn { what: word, by, at: at.0, counts, role, rank, issuer, ticket }
}
