//! Who waits for an edit to get somewhere, or for a space to catch up.

use driftline_core::id::{ChainId, SpaceId};
use driftline_core::roster::Role;
use driftline_core::space::{Refusal, Space};
use tokio::sync::oneshot;

use crate::document::Level;

#[derive(Default)]
pub(super) struct Waiters {
    edits: Vec<Waiter>,
    caught_up: Vec<oneshot::Sender<()>>,
    roles: Vec<(Role, oneshot::Sender<Result<SpaceId, Refusal>>)>,
    failed: bool,
}

/// Waits for the update of that number on that chain.
struct Waiter {
    chain: ChainId,
    update: u64,
    level: Level,
    /// Told whether it got there; the store may fail before.
    reply: oneshot::Sender<bool>,
}

impl Waiters {
    pub(super) fn wait_for_edit(
        &mut self,
        (chain, update): (ChainId, u64),
        level: Level,
        reply: oneshot::Sender<bool>,
        space: &Space,
    ) {
        let waiter = Waiter { chain, update, level, reply };
        if waiter.is_reached(space) {
            waiter.reply.send(true).ok();
        } else if self.failed {
            waiter.reply.send(false).ok();
        } else {
            self.edits.push(waiter);
        }
    }

    pub(super) fn wait_until_caught_up(&mut self, reply: oneshot::Sender<()>, space: &Space) {
        self.caught_up.push(reply);
        self.settle(space);
    }

    /// Waits until this device has a role; gives false if it has that already.
    pub(super) fn wait_for_role(
        &mut self,
        role: Role,
        reply: oneshot::Sender<Result<SpaceId, Refusal>>,
        space: &Space,
    ) -> bool {
        self.roles.push((role, reply));
        self.settle(space);
        !self.roles.is_empty()
    }

    /// A member says no.
    pub(super) fn refuse_role(&mut self, refusal: Refusal) {
        for (_, reply) in self.roles.drain(..) {
            reply.send(Err(refusal)).ok();
        }
    }

    /// Answers those who have got what they waited for.
    pub(super) fn settle(&mut self, space: &Space) {
        for (_, reply) in self.roles.extract_if(.., |(role, _)| space.role() >= Some(*role)) {
            reply.send(Ok(space.id())).ok();
        }
        self.edits.retain(|waiter| !waiter.reply.is_closed());
        for waiter in self.edits.extract_if(.., |waiter| waiter.is_reached(space)) {
            waiter.reply.send(true).ok();
        }
        if !self.caught_up.is_empty() && space.is_caught_up() {
            for reply in self.caught_up.drain(..) {
                reply.send(()).ok();
            }
        }
    }

    /// Nothing gets anywhere any more.
    pub(super) fn fail(&mut self) {
        self.failed = true;
        self.caught_up.clear();
        self.roles.clear();
        for waiter in self.edits.drain(..) {
            waiter.reply.send(false).ok();
        }
    }
}

impl Waiter {
    fn is_reached(&self, space: &Space) -> bool {
        if self.update == 0 {
            return true;
        }
        let standing = space.standing(&self.chain, self.update);
        let role = |peer| space.roster().member(peer).map(|member| member.role);
        match self.level {
            Level::Saved => standing.saved,
            Level::Peers(count) => standing.saved && standing.peers.len() >= count,
            Level::Anchored => {
                standing.saved && standing.peers.iter().any(|peer| role(peer) == Some(Role::Anchor))
            }
        }
    }
}
