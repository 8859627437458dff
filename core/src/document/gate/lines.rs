//! Blocks of several clients, each after all that it leans on.

use std::collections::BTreeMap;

use super::super::check::{Block, Id};

/// One client's blocks, in the order of its clock.
#[derive(Default)]
struct Line<'a> {
    blocks: Vec<Block<'a>>,
    next: usize,
    /// Whether somebody waits for it now.
    awaited: bool,
    /// What it can't do without, and will not get.
    stuck: Option<Id>,
}

/// What could not be taken: a client's blocks, the first of which lacks something.
pub(super) struct Rest<'a> {
    pub(super) lacks: Id,
    pub(super) blocks: Vec<Block<'a>>,
}

/// Hands out all blocks that need not wait. Those of one client come in the order of its clock, and `take` says what
/// one of them lacks: then that client's turn comes first, if it has one. Gives the rest.
///
/// Where two wait for one another, nothing will ever free them: honest people lean only on what was there.
pub(super) fn in_order<'a>(
    clients: impl IntoIterator<Item = (u64, Vec<Block<'a>>)>,
    mut take: impl FnMut(&Block<'a>) -> Result<(), Id>,
) -> Vec<Rest<'a>> {
    let lines = clients.into_iter().map(|(client, blocks)| (client, Line::of(blocks)));
    let mut lines: BTreeMap<u64, Line<'a>> = lines.collect();
    let clients: Vec<u64> = lines.keys().copied().collect();
    let mut turns = Vec::new();
    for client in clients {
        turns.push(client);
        while let Some(&turn) = turns.last() {
            let lacks = lines.get_mut(&turn).and_then(|line| line.advance(&mut take));
            match lacks.and_then(|lacks| lines.get_mut(&lacks.client)) {
                Some(other) if other.may_go_on() => {
                    other.awaited = true;
                    turns.extend(lacks.map(|lacks| lacks.client));
                }
                _ => {
                    if let Some(line) = lines.get_mut(&turn) {
                        line.stuck = lacks;
                        line.awaited = false;
                    }
                    turns.pop();
                }
            }
        }
    }
    lines.into_values().filter_map(Line::rest).collect()
}

impl<'a> Line<'a> {
    fn of(mut blocks: Vec<Block<'a>>) -> Self {
        if !blocks.is_sorted_by_key(|block| block.id.clock) {
            blocks.sort_by_key(|block| block.id.clock);
        }
        Self { blocks, ..Self::default() }
    }

    /// Goes on as far as it can; says what is lacking then.
    fn advance(&mut self, take: &mut impl FnMut(&Block<'a>) -> Result<(), Id>) -> Option<Id> {
        self.awaited = true;
        while let Some(block) = self.blocks.get(self.next) {
            match take(block) {
                Ok(()) => self.next += 1,
                Err(lacks) => return Some(lacks),
            }
        }
        None
    }

    fn may_go_on(&self) -> bool {
        !self.awaited && self.stuck.is_none() && self.next < self.blocks.len()
    }

    fn rest(mut self) -> Option<Rest<'a>> {
        let lacks = self.stuck?;
        Some(Rest { lacks, blocks: self.blocks.split_off(self.next) })
    }
}
