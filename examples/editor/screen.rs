//! The screen: who is here, the text with everybody's cursors, and how it stands.

use std::io;

use driftline::Other;
use ratatui::DefaultTerminal;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::style::{Color, Style, Stylize};
use ratatui::text::{Line, Span};
use ratatui::widgets::Paragraph;

use crate::layout::{self, Row};
use crate::page::Page;
use crate::person::{Me, Person};
use crate::standing::Standing;

const COLOURS: [Color; 6] =
    [Color::Cyan, Color::Magenta, Color::Yellow, Color::Green, Color::Blue, Color::Red];

const HELP: &str = "^Z undo  ^Y redo  ^Q quit";

/// The terminal, which is left as it was found.
pub(crate) struct Screen {
    terminal: DefaultTerminal,
    title: String,
    /// The first row that is shown.
    top: usize,
}

/// A stretch of the text that looks different.
struct Mark {
    from: u32,
    to: u32,
    style: Style,
}

impl Screen {
    pub(crate) fn enter(title: &str) -> io::Result<Self> {
        Ok(Self { terminal: ratatui::try_init()?, title: title.to_owned(), top: 0 })
    }

    pub(crate) fn draw(
        &mut self,
        page: &Page,
        me: &Me,
        company: &[Other<Person>],
        standing: &Standing,
    ) -> io::Result<()> {
        let people = people(&self.title, me, company);
        let (line, marks) = (standing.line(), marks(page, company));
        let top = &mut self.top;
        self.terminal.draw(|frame| {
            let areas = [Constraint::Length(1), Constraint::Fill(1), Constraint::Length(1)];
            let [head, middle, foot] = Layout::vertical(areas).areas(frame.area());
            frame.render_widget(Paragraph::new(people).reversed(), head);
            let rows = layout::rows(page.text(), middle.width);
            let (row, column) = layout::place(&rows, page.caret());
            *top = (*top).min(row).max((row + 1).saturating_sub(middle.height.into()));
            let shown = rows.iter().skip(*top).take(middle.height.into());
            let lines: Vec<_> = shown.map(|row| painted(row, &marks)).collect();
            frame.render_widget(Paragraph::new(lines), middle);
            frame.set_cursor_position((middle.x + column, middle.y + (row - *top) as u16));
            draw_foot(frame, &line, foot);
        })?;
        Ok(())
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        ratatui::restore();
    }
}

fn draw_foot(frame: &mut ratatui::Frame<'_>, line: &str, foot: Rect) {
    let areas = [Constraint::Fill(1), Constraint::Length(HELP.len() as u16)];
    let [standing, help] = Layout::horizontal(areas).areas(foot);
    frame.render_widget(Paragraph::new(line).bold(), standing);
    frame.render_widget(Paragraph::new(HELP).dim(), help);
}

/// The names of all who are here, each in their colour, and whether they are typing.
fn people<'a>(title: &'a str, me: &'a Me, company: &'a [Other<Person>]) -> Line<'a> {
    let mut names = vec![Span::raw(title).bold(), Span::raw("  ")];
    let mut name = |name: String, colour: u8| names.push(Span::styled(name, cursor(colour)));
    name(format!(" {} (you) ", me.name), me.colour);
    for Person { name: other, colour, typing, .. } in company.iter().map(|other| &other.state) {
        let typing = if *typing { " is typing…" } else { "" };
        name(format!(" {other}{typing} "), *colour);
    }
    Line::from(names)
}

fn cursor(colour: u8) -> Style {
    Style::new().fg(Color::Black).bg(COLOURS[usize::from(colour) % COLOURS.len()]).not_reversed()
}

/// Everybody's selections, and the cursors of others. What comes later lies on top.
fn marks(page: &Page, company: &[Other<Person>]) -> Vec<Mark> {
    let mut marks = Vec::new();
    for Person { colour, caret, anchor, .. } in company.iter().map(|other| &other.state) {
        let Some(at) = page.position(caret) else { continue };
        if let Some(anchor) = anchor.as_ref().and_then(|anchor| page.position(anchor)) {
            let style = Style::new().fg(COLOURS[usize::from(*colour) % COLOURS.len()]).underlined();
            marks.push(Mark { from: at.min(anchor), to: at.max(anchor), style });
        }
        marks.push(Mark { from: at, to: at + 1, style: cursor(*colour) });
    }
    if let Some((from, to)) = page.selection() {
        marks.insert(0, Mark { from, to, style: Style::new().reversed() });
    }
    marks
}

/// A row with what is marked in it. A cursor behind its last character shows there.
fn painted(row: &Row, marks: &[Mark]) -> Line<'static> {
    let style = |at: u32| {
        let here = marks.iter().filter(|mark| (mark.from..mark.to).contains(&at));
        here.fold(Style::new(), |style, mark| style.patch(mark.style))
    };
    let cells = row.cells.iter().map(|cell| {
        let character = if cell.character.is_control() { ' ' } else { cell.character };
        Span::styled(character.to_string(), style(cell.at))
    });
    let end = (!row.goes_on).then(|| Span::styled(" ", style(row.end)));
    Line::from_iter(cells.chain(end))
}
