//! What is typed, from a thread of its own: a terminal is read by waiting.

use std::io;
use std::thread;

use ratatui::crossterm::event::{Event, KeyCode, KeyEvent, KeyEventKind, KeyModifiers, read};
use tokio::sync::mpsc;

/// What somebody wants.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Stroke {
    /// To type this.
    Type(String),
    /// To delete what is selected, or else one character backwards.
    Backspace,
    /// To delete what is selected, or else one character forwards.
    Delete,
    /// To go somewhere, selecting what lies between or not.
    Go {
        to: Move,
        selecting: bool,
    },
    Undo,
    Redo,
    Quit,
    /// Nothing, but the screen is another one.
    Redraw,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Move {
    Left,
    Right,
    Up,
    Down,
    LineStart,
    LineEnd,
}

pub(crate) struct Keys(mpsc::Receiver<Stroke>);

impl Keys {
    /// Listens to the terminal from now on.
    pub(crate) fn listen() -> io::Result<Self> {
        let (sender, strokes) = mpsc::channel(64);
        thread::Builder::new().name("keys".to_owned()).spawn(move || {
            while let Ok(event) = read() {
                if let Some(stroke) = stroke(event)
                    && sender.blocking_send(stroke).is_err()
                {
                    break;
                }
            }
        })?;
        Ok(Self(strokes))
    }

    /// The next stroke; nothing if there is no terminal any more.
    pub(crate) async fn next(&mut self) -> Option<Stroke> {
        self.0.recv().await
    }
}

fn stroke(event: Event) -> Option<Stroke> {
    match event {
        Event::Key(key) if key.kind != KeyEventKind::Release => of_key(key),
        Event::Paste(words) => Some(Stroke::Type(words)),
        Event::Resize(..) => Some(Stroke::Redraw),
        _ => None,
    }
}

fn of_key(KeyEvent { code, modifiers, .. }: KeyEvent) -> Option<Stroke> {
    let to = match code {
        KeyCode::Char(letter) if modifiers.contains(KeyModifiers::CONTROL) => {
            return match letter {
                'q' | 'c' => Some(Stroke::Quit),
                'z' => Some(Stroke::Undo),
                'y' => Some(Stroke::Redo),
                _ => None,
            };
        }
        KeyCode::Char(letter) => return Some(Stroke::Type(letter.to_string())),
        KeyCode::Enter => return Some(Stroke::Type("\n".to_owned())),
        KeyCode::Backspace => return Some(Stroke::Backspace),
        KeyCode::Delete => return Some(Stroke::Delete),
        KeyCode::Left => Move::Left,
        KeyCode::Right => Move::Right,
        KeyCode::Up => Move::Up,
        KeyCode::Down => Move::Down,
        KeyCode::Home => Move::LineStart,
        KeyCode::End => Move::LineEnd,
        _ => return None,
    };
    Some(Stroke::Go { to, selecting: modifiers.contains(KeyModifiers::SHIFT) })
}
