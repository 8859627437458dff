//! `submit`, `outbox`, `verdicts` and `cancel`: what is asked of an anchor, and what it says.

use driftline::command::Answer;
use driftline::record::Value;
use driftline::{
    AllForeseen, Bucket, CommandId, Device, PeerState, Role, Space, SubmitError, Verdict,
};

use super::find;
use crate::cli::error::{CommandError, Error};
use crate::cli::output::Speaker;
use crate::cli::report::{self, Report, Waiting, Why, json};
use crate::cli::request::Submit;

pub(super) async fn submit(
    device: &Device,
    request: Submit,
    speaker: &Speaker,
) -> Result<(), Error> {
    let Submit { space, command: name, fields, version, bucket, wait } = request;
    let space = find::space(device, &space).await?;
    let fields = Value::of(&fields).map_err(|source| CommandError::Fields { source })?;
    let bucket = bucket.map(|bucket| Bucket::from(&*bucket));
    let given = space.submit_named(&name, version, fields, bucket).await;
    let (command, predicted) = given.map_err(CommandError::of)?;
    // This program knows no app's commands; one that has joined in as a library may.
    let known = !matches!(predicted, Verdict::Obsolete { .. });
    let predicted = known.then(|| json(&predicted));
    speaker.report(Report::Submitted { command, predicted }).await;
    let Some(patience) = wait else { return Ok(()) };
    let answer = tokio::time::timeout(patience, verdict(&space, command)).await;
    let answer = answer.map_err(|_| CommandError::Undecided { command })??;
    speaker.report(Report::Answer(answer)).await;
    Ok(())
}

pub(super) async fn outbox(device: &Device, space: &str, speaker: &Speaker) -> Result<(), Error> {
    let space = find::space(device, space).await?;
    let why = why(&space).await?;
    for entry in space.outbox().await? {
        let (command, name, since) = (entry.command, entry.name, entry.since.0);
        let why = if entry.stuck { Why::NotGranted } else { why };
        let bucket = entry.bucket.name().to_owned();
        let waiting = Waiting { command, name, fields: json(&entry.fields), bucket, since, why };
        speaker.report(Report::Waiting(waiting)).await;
    }
    Ok(())
}

pub(super) async fn verdicts(
    device: &Device,
    space: &str,
    (follow, all): (bool, bool),
    speaker: &Speaker,
) -> Result<(), Error> {
    let space = find::space(device, space).await?;
    let mut answers = space.all_verdicts();
    let mut foreseen = if all { Some(space.all_foreseen().await?) } else { None };
    while let Some(answer) = answers.try_next().await? {
        speaker.report(Report::Answer(answer_of(answer))).await;
    }
    if !follow {
        return Ok(());
    }
    speaker.progress("waiting for more", None).await;
    loop {
        let answer = tokio::select! {
            answer = answers.next() => answer_of(answer?),
            of_others = next_foreseen(&mut foreseen) => of_others?,
        };
        speaker.report(Report::Answer(answer)).await;
    }
}

/// What becomes next of what somebody else has asked for; never, if nobody wants to know.
async fn next_foreseen(foreseen: &mut Option<AllForeseen>) -> Result<report::Answer, Error> {
    let Some(foreseen) = foreseen else { return std::future::pending().await };
    let next = foreseen.next().await.map_err(CommandError::from)?;
    Ok(report::Answer {
        command: next.command,
        author: Some(next.author),
        name: next.name.clone(),
        fields: Some(json(&next.fields)),
        at: Some(next.at.0),
        outcome: json(&next.verdict),
    })
}

pub(super) async fn cancel(
    device: &Device,
    command: CommandId,
    speaker: &Speaker,
) -> Result<(), Error> {
    for (space, _) in device.spaces().await? {
        if space.cancel(command).await? {
            speaker.report(Report::Cancelled { command }).await;
            return Ok(());
        }
    }
    Err(CommandError::NothingToCancel { command }.into())
}

/// The verdict upon one command.
async fn verdict(space: &Space, command: CommandId) -> Result<report::Answer, Error> {
    let mut answers = space.all_verdicts();
    loop {
        let answer = answers.next().await?;
        if answer.command == command {
            return Ok(answer_of(answer));
        }
    }
}

/// Why nothing is decided.
async fn why(space: &Space) -> Result<Why, Error> {
    let status = space.status().await?;
    let anchors = || status.peers.iter().filter(|peer| peer.role == Role::Anchor);
    Ok(match anchors().count() {
        0 => Why::NoAnchor,
        _ if anchors().all(|anchor| anchor.state == PeerState::Away) => Why::Away,
        _ => Why::OnItsWay,
    })
}

fn answer_of(answer: Answer) -> report::Answer {
    let Answer { command, name, fields, at, news } = answer;
    let fields = fields.map(|fields| json(&fields));
    let (author, at) = (None, at.map(|at| at.0));
    report::Answer { command, author, name, fields, at, outcome: json(&news) }
}

impl CommandError {
    fn of(error: SubmitError<Value>) -> Self {
        match error {
            SubmitError::Refused { refusal } => Self::Refused { refusal: refusal.to_string() },
            source => Self::NotGiven { source },
        }
    }
}
