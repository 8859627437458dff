//! Two people type into one text at once, just as they once did.

use std::sync::Arc;
use std::time::Instant;

use driftline::trace::{Trace, Utf16Positions};
use driftline::{Branch, Change, Changes, DeviceId, Document};
use thiserror::Error;
use tokio::sync::mpsc;
use tokio::time::timeout;

use super::Result;
use super::cast::{Cast, InVain, PATIENCE, Player};
use super::figures::Typed;
use super::screen::{Bar, Screen};
use super::typing::{blocking, patiently, perform, watch};

/// One of the two, on a branch: every edit is made at the very state that it was recorded on.
struct Friend<'a> {
    player: &'a Player,
    branch: Branch,
    /// Where all comes together.
    document: Document,
    changes: Changes,
}

/// Too much came in at once for it to be told apart.
#[derive(Debug, Error)]
#[error("{who} missed some of what the other typed: this machine is too busy for two at once")]
struct FellBehind {
    who: &'static str,
}

/// Has Alice and Bob type a session that was recorded with two people. Where one had seen what the other wrote,
/// they wait here until it has come over the network.
pub(super) async fn type_together(
    trace: &Arc<Trace>,
    cast: &Cast,
    screen: &Screen,
) -> Result<Typed> {
    let alice = Friend::sit_down(&cast.alice).await?;
    let bob = Friend::sit_down(&cast.bob).await?;
    let documents = [alice.document.clone(), bob.document.clone()];
    // Where both typed in one place, Yjs puts that of the lower client id first; so it was when it was recorded.
    let in_order = alice.branch.chain().client_id() < bob.branch.chain().client_id();
    let [first, second] = if in_order { [alice, bob] } else { [bob, alice] };

    let (started, received) = (Instant::now(), cast.bob.traffic().received);
    let ids = (first.player.device.id(), second.player.device.id());
    tokio::try_join!(first.types(0, ids.1, trace, screen), second.types(1, ids.0, trace, screen))?;
    let seconds_typing = started.elapsed().as_secs_f64();
    for document in &documents {
        watch(document, None, &trace.end).await?;
    }
    let seconds = started.elapsed().as_secs_f64();
    cast.have_saved().await?;
    let wire_bytes = cast.bob.traffic().received - received;
    Ok(Typed { edits: trace.transactions.len(), seconds_typing, seconds, wire_bytes })
}

impl<'a> Friend<'a> {
    async fn sit_down(player: &'a Player) -> Result<Self> {
        let document = player.document("friends").await?;
        let branch = player.space.branch("friends").await?;
        let changes = document.changes();
        Ok(Self { player, branch, document, changes })
    }

    /// Types one agent's part, while the other's comes in.
    async fn types(
        self,
        agent: usize,
        other: DeviceId,
        trace: &Arc<Trace>,
        screen: &Screen,
    ) -> Result<()> {
        let own = trace.transactions.iter().filter(|step| step.agent == agent).count();
        let others = trace.transactions.len() - own;
        let (tell, heard) = mpsc::channel(others.max(1));
        let (trace, branch) = (trace.clone(), self.branch);
        let bar = screen.bar(&format!("{} types", self.player.name), own);
        let who = self.player.name;
        let typing = blocking(move || {
            type_part(&branch, &trace, agent, heard, &bar)?.ok_or(FellBehind { who })?;
            bar.done();
            Ok(())
        });
        let listening = listen(self.changes, who, other, others, tell);
        tokio::try_join!(typing, listening).map(drop)
    }
}

/// Types one agent's part into a branch. Gives nothing if not all of the other's part was to be heard.
fn type_part(
    branch: &Branch,
    trace: &Trace,
    agent: usize,
    mut heard: mpsc::Receiver<Vec<u8>>,
    bar: &Bar,
) -> Result<Option<()>> {
    let body = branch.text("body");
    let positions = Utf16Positions::of(trace);
    let mut taken = 0;
    let own = trace.transactions.iter().filter(|step| step.agent == agent);
    for (done, step) in (1..).zip(own) {
        for merge in step.merges.iter().filter(|merge| merge.agent != agent) {
            let updates = (taken..merge.transactions).map(|_| heard.blocking_recv());
            let Some(updates) = updates.collect::<Option<Vec<_>>>() else { return Ok(None) };
            branch.take(&updates.iter().map(Vec::as_slice).collect::<Vec<_>>())?;
            taken = merge.transactions;
        }
        patiently(|| branch.edit(|txn| perform(&body, txn, step, positions)))?;
        bar.at(done);
    }
    Ok(Some(()))
}

/// Hands on what the other writes, one update for each of their transactions, until it has been so many.
async fn listen(
    mut changes: Changes,
    who: &'static str,
    other: DeviceId,
    count: usize,
    tell: mpsc::Sender<Vec<u8>>,
) -> Result<()> {
    let mut handed_on = 0;
    while handed_on < count {
        let in_vain = |_| InVain { who, what: "what the other typed" };
        let change = timeout(PATIENCE, changes.next()).await.map_err(in_vain)?;
        let Change::Entries(entries) = change else { return Err(FellBehind { who }.into()) };
        if entries.author != other {
            continue;
        }
        for update in entries.updates() {
            handed_on += 1;
            // Who has typed their part does not listen any more.
            _ = tell.send(update.to_vec()).await;
        }
    }
    Ok(())
}
