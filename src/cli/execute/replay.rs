//! `doc replay`: types a recorded session again.

mod agents;
mod typist;

use std::time::Instant;

use driftline::trace::Trace;
use driftline::{Device, Level, Space};
use yrs::{GetString, Text, TransactionMut};

use super::find;
use crate::cli::error::{Error, ReplayError};
use crate::cli::output::Speaker;
use crate::cli::report::{Replayed, Report};
use crate::cli::request::Replay;
use agents::Agents;
use driftline::content::BODY;
use typist::{Pace, Typist, retry};

pub(super) async fn replay(
    device: &Device,
    request: &Replay,
    speaker: &Speaker,
) -> Result<(), Error> {
    speaker.progress("reading the trace", None).await;
    let path = request.trace.clone();
    let reading = tokio::task::spawn_blocking(move || Trace::read(path)).await;
    let read = reading.map_err(|error| Error::System { source: error.into() })?;
    let trace = read.map_err(ReplayError::from)?;

    let space = find::space(device, &request.document.space).await?;
    let name = &request.document.name;
    let began = Instant::now();
    let pace = Pace::new(request.rate, &trace);
    let end = if trace.agents <= 1 {
        one_types(&space, name, &trace, pace, speaker).await?
    } else {
        several_type(&space, name, &trace, pace, speaker).await?
    };
    let (edits, seconds) = (trace.edits(), began.elapsed().as_secs_f64());
    let replayed = Replayed {
        edits,
        agents: trace.agents,
        seconds,
        edits_per_second: edits as f64 / seconds.max(f64::EPSILON),
        saved: true,
        as_recorded: end == trace.end,
    };
    speaker.report(Report::Replayed(replayed)).await;
    Ok(())
}

/// Types a trace of one agent into the document itself. Gives the text at the end.
async fn one_types(
    space: &Space,
    name: &str,
    trace: &Trace,
    mut pace: Pace<'_>,
    speaker: &Speaker,
) -> Result<String, Error> {
    let document = space.document(name).await?;
    let text = document.text(BODY);
    must_be_empty(document.read(|txn| text.len(txn)))?;
    let typist = Typist::new(trace);
    let begin = |txn: &mut TransactionMut<'_>| {
        text.push(txn, &trace.start);
        Ok(())
    };
    let mut last = retry(|| document.edit(begin)).await?;
    for index in 0..trace.transactions.len() {
        pace.keep(index, speaker).await;
        last = retry(|| document.edit(|txn| typist.write(&text, txn, index))).await?;
        if let Err(error) = last.output {
            return Err(error.into());
        }
    }
    last.reached(Level::Saved).await?;
    Ok(document.read(|txn| text.get_string(txn)))
}

/// Types a trace of several agents, each on a chain of its own.
async fn several_type(
    space: &Space,
    name: &str,
    trace: &Trace,
    mut pace: Pace<'_>,
    speaker: &Speaker,
) -> Result<String, Error> {
    let document = space.document(name).await?;
    let text = document.text(BODY);
    must_be_empty(document.read(|txn| text.len(txn)))?;
    drop((document, text));
    let mut agents = Agents::new(space, name, trace).await?;
    for index in 0..trace.transactions.len() {
        pace.keep(index, speaker).await;
        agents.write(index).await?;
    }
    agents.saved().await?;
    // Opened only now, it is sure to hold all that was saved.
    let document = space.document(name).await?;
    let text = document.text(BODY);
    Ok(document.read(|txn| text.get_string(txn)))
}

fn must_be_empty(length: u32) -> Result<(), ReplayError> {
    if length == 0 { Ok(()) } else { Err(ReplayError::NotEmpty { length }) }
}
