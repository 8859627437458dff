//! A terminal's screen with its colours, from what tmux captures.

/// A colour of the palette; nothing where the terminal has its own.
pub(crate) type Colour = Option<u8>;

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Cell {
    pub(crate) character: char,
    pub(crate) colour: Colour,
    pub(crate) background: Colour,
    pub(crate) bold: bool,
    pub(crate) dim: bool,
    pub(crate) underlined: bool,
    pub(crate) reversed: bool,
}

#[derive(Debug)]
pub(crate) struct Grid {
    pub(crate) rows: Vec<Vec<Cell>>,
}

impl Grid {
    /// Reads characters, and the sequences between them that select how those after them look.
    pub(crate) fn read(captured: &str) -> Self {
        let mut look = Cell::default();
        let row = |line: &str| {
            let mut cells = Vec::new();
            let mut rest = line;
            while let Some(character) = rest.chars().next() {
                rest = &rest[character.len_utf8()..];
                if character != '\u{1b}' {
                    cells.push(Cell { character, ..look });
                } else if let Some((codes, behind)) =
                    rest.strip_prefix('[').and_then(|it| it.split_once('m'))
                {
                    let mut codes = codes.split(';').map(|code| code.parse().unwrap_or(0));
                    while let Some(code) = codes.next() {
                        look.select(code, &mut codes);
                    }
                    rest = behind;
                }
            }
            cells
        };
        Self { rows: captured.lines().map(row).collect() }
    }

    /// What is in a row and a column; beyond the end of the row, nothing.
    pub(crate) fn cell(&self, (row, column): (usize, usize)) -> Cell {
        let cell = self.rows.get(row).and_then(|row| row.get(column));
        cell.copied().unwrap_or(Cell { character: ' ', ..Cell::default() })
    }

    /// Where a word is.
    pub(crate) fn find(&self, word: &str) -> Option<(usize, usize)> {
        let rows = self.rows.iter().enumerate();
        let mut found = rows.filter_map(|(at, row)| {
            let text: Vec<char> = row.iter().map(|cell| cell.character).collect();
            let word: Vec<char> = word.chars().collect();
            Some((at, text.windows(word.len()).position(|here| here == word)?))
        });
        found.next()
    }
}

impl Cell {
    /// Takes one code, and those behind it that belong to it.
    fn select(&mut self, code: u8, codes: &mut impl Iterator<Item = u8>) {
        // "5" says that the number of a colour follows.
        let mut colour = || codes.nth(1);
        match code {
            0 => *self = Self::default(),
            1 => self.bold = true,
            2 => self.dim = true,
            4 => self.underlined = true,
            7 => self.reversed = true,
            22 => (self.bold, self.dim) = (false, false),
            24 => self.underlined = false,
            27 => self.reversed = false,
            38 => self.colour = colour(),
            39 => self.colour = None,
            48 => self.background = colour(),
            49 => self.background = None,
            _ => {}
        }
    }
}
