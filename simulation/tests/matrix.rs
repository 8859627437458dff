//! Who may do what, on which way, in which state: every cell is tried, and looked at from the devices of honest people.

#[cfg(test)]
mod matrix {
    mod stage;
    mod table;

    use std::collections::BTreeMap;

    use table::{Action, Cell, Expected, State};

    /// A table that yields nothing would pass every test.
    const CELLS: usize = 1536;

    #[test]
    fn everybody_can_do_what_they_may_and_nothing_else() {
        let cells: Vec<_> = table::cells().collect();
        let mut tried: BTreeMap<(Expected, Action), usize> = BTreeMap::new();
        let mut failures = Vec::new();
        for (seed, cell) in cells.iter().enumerate() {
            let expected = table::expected(cell.role, cell.action, cell.state);
            *tried.entry((expected, cell.action)).or_default() += 1;
            if let Err(wrong) = stage::play(cell, expected, seed as u64) {
                failures.push(format!("{cell:?}, seed {seed}: {wrong}"));
            }
        }
        println!("{tried:#?}");
        assert!(failures.is_empty(), "{} failed:\n{}", failures.len(), failures.join("\n"));
        let denied = cells.iter().filter(|cell| denies(cell)).count();
        assert_eq!((cells.len(), denied), (CELLS, 1436));
        for state in State::ALL {
            assert!(cells.iter().any(|cell| cell.state == state), "{state:?} was never tried");
        }
    }

    fn denies(cell: &Cell) -> bool {
        table::expected(cell.role, cell.action, cell.state) == Expected::Denied
    }
}
