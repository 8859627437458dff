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

/// Draws a screen in a window of that title.
pub(crate) fn svg(grid: &Grid, title: &str) -> String {
    let columns = grid.rows.iter().map(Vec::len).max().unwrap_or_default();
    let (width, height) = (columns * WIDTH + 2 * MARGIN, grid.rows.len() * HEIGHT + TITLE + MARGIN);
    let mut svg = format!(
        "<svg viewBox=\"0 0 {width} {height}\" xmlns=\"http://www.w3.org/2000/svg\" \
         font-family=\"monospace\" font-size=\"16\">\n\
         <rect width=\"{width}\" height=\"{height}\" rx=\"8\" fill=\"{PAPER}\"/>\n\
         <text x=\"{}\" y=\"24\" fill=\"{INK}\" text-anchor=\"middle\" font-family=\"sans-serif\">{title}</text>\n",
        width / 2,
    );
    for (number, row) in grid.rows.iter().enumerate() {
        let mut column = 0;
        let look = |cell: &Cell| Cell { character: ' ', ..*cell };
        for run in row.chunk_by(|a, b| look(a) == look(b)) {
            draw(&mut svg, run, (MARGIN + column * WIDTH, TITLE + number * HEIGHT));
            column += run.len();
        }
    }
    svg + "</svg>\n"
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
