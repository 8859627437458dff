//! `verify`: whether every byte at rest is sound.

use std::collections::BTreeMap;

use driftline::{Finding, SpaceId, Tally, Verification};

use super::find;
use crate::cli::error::Error;
use crate::cli::failure::Failure;
use crate::cli::output::Speaker;
use crate::cli::report::{self, Report, Verified};

/// How many documents are too few to say how many are done.
const FEW: u64 = 10;

pub(in crate::cli) async fn verify(
    mut check: Verification,
    space: Option<&str>,
    speaker: &Speaker,
) -> Result<(), Error> {
    let spaces = check.spaces().await?;
    if let Some(name) = space {
        check = check.only(find::among(&spaces, name)?);
    }
    let names: BTreeMap<_, _> = spaces.into_iter().collect();
    let mut count = 0;
    while let Some(found) = check.next().await? {
        count += found.len() as u64;
        for finding in found {
            speaker.report(Report::Finding(Box::new(report(finding, &names)))).await;
        }
        let (done, all) = check.progress();
        if all > FEW {
            speaker.progress("checking documents", Some((done, all))).await;
        }
    }
    let Tally { spaces, documents, entries, bytes } = check.tally();
    let verified = Verified { spaces, documents, entries, bytes, findings: count };
    speaker.report(Report::Verified(verified)).await;
    if count == 0 { Ok(()) } else { Err(Error::Unsound) }
}

fn report(finding: Finding, names: &BTreeMap<SpaceId, String>) -> report::Finding {
    let Finding { place, name, fault } = finding;
    let (what, because) = Failure::of(&fault).into_words();
    report::Finding {
        space: place.space,
        space_name: place.space.and_then(|space| names.get(&space).cloned()),
        document: place.document,
        document_name: name,
        chain: place.chain,
        entry: place.entry,
        fault: fault.name().to_owned(),
        what,
        because,
    }
}
