//! From a text to rows on a screen, and the ways between positions.

use ratatui::text::Span;

use crate::keys::Move;

/// A row of the screen.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Row {
    pub(crate) cells: Vec<Cell>,
    /// The position behind the last cell.
    pub(crate) end: u32,
    /// Whether the line goes on in the next row.
    pub(crate) goes_on: bool,
}

/// A character on the screen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Cell {
    pub(crate) at: u32,
    pub(crate) character: char,
    pub(crate) width: u16,
}

/// The rows of a text, on a screen so many columns wide.
pub(crate) fn rows(text: &[u16], columns: u16) -> Vec<Row> {
    let (mut rows, mut row, mut used, mut at) = (Vec::new(), Row::default(), 0, 0);
    for character in characters(text) {
        let next = at + character.len_utf16() as u32;
        if character == '\n' {
            row.end = at;
            rows.push(std::mem::take(&mut row));
            used = 0;
        } else {
            let width = Span::raw(character.to_string()).width() as u16;
            // One column stays free for a cursor at the end.
            if used + width >= columns.max(4) {
                (row.end, row.goes_on) = (at, true);
                rows.push(std::mem::take(&mut row));
                used = 0;
            }
            row.cells.push(Cell { at, character, width });
            used += width;
        }
        at = next;
    }
    row.end = at;
    rows.push(row);
    rows
}

/// In which row and column a position is.
pub(crate) fn place(rows: &[Row], position: u32) -> (usize, u16) {
    let ends_before = |row: &Row| row.end < position || row.end == position && row.goes_on;
    let line = rows.iter().position(|row| !ends_before(row)).unwrap_or(rows.len() - 1);
    let before = rows[line].cells.iter().take_while(|cell| cell.at < position);
    (line, before.map(|cell| cell.width).sum())
}

/// Where somebody gets from a position.
pub(crate) fn moved(text: &[u16], from: u32, to: Move) -> u32 {
    // Lines are gone up and down by, not rows, which depend on the screen.
    let lines = rows(text, u16::MAX);
    let (line, column) = place(&lines, from);
    match to {
        Move::Left => previous_character(text, from),
        Move::Right => next_character(text, from),
        Move::LineStart => lines[line].cells.first().map_or(lines[line].end, |cell| cell.at),
        Move::LineEnd => lines[line].end,
        Move::Up => line.checked_sub(1).map_or(0, |above| in_column(&lines[above], column)),
        Move::Down => lines.get(line + 1).map_or(text.len() as u32, |row| in_column(row, column)),
    }
}

pub(crate) fn previous_character(text: &[u16], from: u32) -> u32 {
    let before = characters(&text[..from as usize]).last();
    from - before.map_or(0, |character| character.len_utf16() as u32)
}

pub(crate) fn next_character(text: &[u16], from: u32) -> u32 {
    let behind = characters(&text[from as usize..]).next();
    from + behind.map_or(0, |character| character.len_utf16() as u32)
}

fn in_column(row: &Row, column: u16) -> u32 {
    let mut used = 0;
    let cell = row.cells.iter().find(|cell| {
        used += cell.width;
        used > column
    });
    cell.map_or(row.end, |cell| cell.at)
}

fn characters(text: &[u16]) -> impl Iterator<Item = char> {
    char::decode_utf16(text.iter().copied()).map(|read| read.unwrap_or(char::REPLACEMENT_CHARACTER))
}
