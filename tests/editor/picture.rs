//! A picture of a terminal, as SVG.

use std::fmt::Write;

use crate::grid::{Cell, Grid};

/// The size of a character.
const WIDTH: usize = 10;
const HEIGHT: usize = 22;

/// What lies around the screen.
const MARGIN: usize = 16;
const TITLE: usize = 36;

const INK: &str = "#d6dce2";
const PAPER: &str = "#101418";
const PALETTE: [&str; 8] =
    ["#101418", "#ff6b6b", "#7bd88f", "#fce566", "#5ad4e6", "#c792ea", "#5fd7d7", "#d6dce2"];

/// Draws screens, each in a window with a title, beside one another.
pub(crate) fn svg(screens: &[(&str, Grid)]) -> String {
    let columns = |grid: &Grid| grid.rows.iter().map(Vec::len).max().unwrap_or_default();
    let (mut windows, mut right, mut bottom) = (String::new(), 0, 0);
    for (title, grid) in screens {
        let size = (columns(grid) * WIDTH + 2 * MARGIN, grid.rows.len() * HEIGHT + TITLE + MARGIN);
        draw_window(&mut windows, title, grid, (right, size));
        (right, bottom) = (right + size.0 + MARGIN, bottom.max(size.1));
    }
    format!(
        "<svg viewBox=\"0 0 {} {bottom}\" xmlns=\"http://www.w3.org/2000/svg\" \
         font-family=\"monospace\" font-size=\"16\">\n{windows}</svg>\n",
        right.saturating_sub(MARGIN),
    )
}

fn draw_window(
    svg: &mut String,
    title: &str,
    grid: &Grid,
    (left, (width, height)): (usize, (usize, usize)),
) {
    _ = write!(
        svg,
        "<rect x=\"{left}\" width=\"{width}\" height=\"{height}\" rx=\"8\" fill=\"{PAPER}\"/>\n\
         <text x=\"{}\" y=\"24\" fill=\"{INK}\" text-anchor=\"middle\" font-family=\"sans-serif\">{title}</text>\n",
        left + width / 2,
    );
    let look = |cell: &Cell| Cell { character: ' ', ..*cell };
    for (number, row) in grid.rows.iter().enumerate() {
        let mut x = left + MARGIN;
        for run in row.chunk_by(|a, b| look(a) == look(b)) {
            draw(svg, run, (x, TITLE + number * HEIGHT));
            x += run.len() * WIDTH;
        }
    }
}

/// Draws characters that look the same.
fn draw(svg: &mut String, run: &[Cell], (x, y): (usize, usize)) {
    let cell = run[0];
    let colour =
        |number: Option<u8>, otherwise| number.map_or(otherwise, |it| PALETTE[usize::from(it)]);
    let (mut ink, mut paper) = (colour(cell.colour, INK), colour(cell.background, PAPER));
    if cell.reversed {
        (ink, paper) = (paper, ink);
    }
    let width = run.len() * WIDTH;
    if paper != PAPER {
        _ = writeln!(
            svg,
            "<rect x=\"{x}\" y=\"{y}\" width=\"{width}\" height=\"{HEIGHT}\" fill=\"{paper}\"/>"
        );
    }
    let text: String = run.iter().map(|cell| cell.character).collect();
    if text.trim().is_empty() {
        return;
    }
    let text = text.replace('&', "&amp;").replace('<', "&lt;");
    let bold = if cell.bold { " font-weight=\"bold\"" } else { "" };
    let dim = if cell.dim { " opacity=\"0.6\"" } else { "" };
    let line = if cell.underlined { " text-decoration=\"underline\"" } else { "" };
    _ = writeln!(
        svg,
        "<text x=\"{x}\" y=\"{}\" fill=\"{ink}\" textLength=\"{width}\" xml:space=\"preserve\"{bold}{dim}{line}>{text}</text>",
        y + 16,
    );
}
