//! The blocks of one client, lined up and written.

use super::super::check::{Block, Id, Kind};
use super::write_number;

const GC: u8 = 0;
const DELETED: u8 = 1;
const SKIP: u8 = 10;

/// The bits of a block's first byte that say what it holds.
const CONTENT: u8 = 0b1111;

/// What is written of one client.
pub(super) struct Section<'a> {
    first: Id,
    written: u64,
    body: Vec<u8>,
    /// Where the next block has to begin.
    next: u32,
    /// What can't follow, because its beginning is already written.
    overlapping: Vec<Block<'a>>,
}

impl<'a> Section<'a> {
    /// Lines up blocks, of which there is at least one, in the order of their clocks. Of two that say the same clocks,
    /// the first counts.
    pub(super) fn of(blocks: &[Block<'a>]) -> Self {
        let first = blocks[0].id;
        let body = Vec::with_capacity(16 * blocks.len());
        let mut section =
            Self { first, written: 0, body, next: first.clock, overlapping: Vec::new() };
        let mut rest = blocks;
        while let [block, ..] = rest {
            let taken = match block.id.clock {
                clock if clock >= section.next => section.take_run(rest),
                _ => section.take_overlapping(block),
            };
            rest = &rest[taken..];
        }
        section
    }

    /// Writes it all behind an update, and hands back what did not fit in.
    pub(super) fn write(self, update: &mut Vec<u8>) -> Vec<Block<'a>> {
        write_number(update, self.written);
        write_number(update, self.first.client);
        write_number(update, self.first.clock.into());
        update.extend_from_slice(&self.body);
        self.overlapping
    }

    fn take_overlapping(&mut self, block: &Block<'a>) -> usize {
        if block.end() > self.next {
            self.overlapping.push(*block);
        }
        1
    }

    /// Writes the first block, together with those that go on typing where it ends. Says how many it took.
    fn take_run(&mut self, blocks: &[Block<'a>]) -> usize {
        let first = &blocks[0];
        if first.id.clock > self.next {
            self.skip_to(first.id.clock);
        }
        let goes_on = blocks.windows(2).take_while(|pair| types_on(first, &pair[0], &pair[1]));
        let run = &blocks[..1 + goes_on.count()];
        match (run, first.kind) {
            ([_], Kind::Gc) => self.write_gone(&[GC], first.len),
            ([_], Kind::Deleted) => {
                self.body.push(first.head[0] & !CONTENT | DELETED);
                self.write_gone(&first.head[1..], first.len);
            }
            ([_], _) => {
                self.body.extend_from_slice(first.head);
                self.body.extend_from_slice(first.content);
            }
            (typed, _) => {
                self.body.extend_from_slice(first.head);
                self.write_text(typed);
            }
        }
        self.written += 1;
        self.next = run[run.len() - 1].end();
        run.len()
    }

    /// Writes what holds nothing, or nothing any more; whatever the block held when it was read.
    fn write_gone(&mut self, head: &[u8], len: u32) {
        self.body.extend_from_slice(head);
        write_number(&mut self.body, len.into());
    }

    fn write_text(&mut self, typed: &[Block<'a>]) {
        let texts = typed.iter().map(text);
        write_number(&mut self.body, texts.clone().map(|text| text.len() as u64).sum());
        texts.for_each(|text| self.body.extend_from_slice(text));
    }

    /// Says that nothing is known of the clocks up to this one. yrs does the same where an update begins behind what
    /// it has.
    fn skip_to(&mut self, clock: u32) {
        self.body.push(SKIP);
        write_number(&mut self.body, (clock - self.next).into());
        self.written += 1;
    }
}

/// Whether characters continue those right before them, in a run that begins with `first`: to their right is what was
/// to the right of the first. Then it is all the same to yrs whether they come together or one by one.
fn types_on(first: &Block<'_>, before: &Block<'_>, block: &Block<'_>) -> bool {
    let end = before.end();
    before.kind == Kind::Text
        && block.kind == Kind::Text
        && block.id.clock == end
        && block.origin == Some(Id { client: block.id.client, clock: end - 1 })
        && block.right_origin == first.right_origin
        && !(first.keyed || block.keyed)
}

/// The characters of a block of text, behind their length.
fn text<'a>(block: &Block<'a>) -> &'a [u8] {
    let length = block.content.iter().take_while(|byte| **byte >= 0x80).count() + 1;
    &block.content[length..]
}
