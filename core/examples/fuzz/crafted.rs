//! Updates that look sound and mean harm.

/// Randomness from a seed (SplitMix64).
pub(crate) struct Dice(u64);

impl Dice {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed)
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    pub(crate) fn byte(&mut self) -> u8 {
        self.next() as u8
    }

    /// A number below `sides`.
    pub(crate) fn roll(&mut self, sides: usize) -> usize {
        (self.next() % sides as u64) as usize
    }

    fn pick<T: Copy>(&mut self, from: &[T]) -> T {
        from[self.roll(from.len())]
    }

    /// Changes something in an update; `donor` is another.
    pub(crate) fn spoil(&mut self, bytes: &mut Vec<u8>, donor: &[u8]) {
        let at = self.roll(bytes.len() + 1);
        match self.roll(6) {
            0 if at < bytes.len() => bytes[at] = self.byte(),
            1 if at < bytes.len() => bytes[at] = self.pick(&[0, 1, 2, 0x7f, 0x80, 0xff]),
            2 if at < bytes.len() => bytes[at] ^= 1 << self.roll(8),
            3 if at < bytes.len() => drop(bytes.remove(at)),
            4 => bytes.insert(at, self.byte()),
            _ => {
                let from = self.roll(donor.len() + 1);
                let to = from + self.roll(donor.len() - from + 1);
                bytes.splice(at..at, donor[from..to].iter().copied());
            }
        }
    }
}

/// An update of `client` from `clock` on, of blocks that lean on anything and delete anything.
pub(crate) fn update(dice: &mut Dice, client: u64, clock: u32) -> Vec<u8> {
    let blocks = dice.roll(5);
    let mut bytes = vec![u8::from(blocks > 0)];
    let mut clock = clock;
    if blocks > 0 {
        bytes.push(blocks as u8);
        number(&mut bytes, client);
        number(&mut bytes, clock.into());
        for _ in 0..blocks {
            clock += block(dice, &mut bytes, client, clock);
        }
    }
    let clients = dice.roll(3);
    bytes.push(clients as u8);
    for deleted in 0..clients {
        number(&mut bytes, (1 << 33) + 7 * deleted as u64);
        bytes.push(1);
        bytes.extend([dice.roll(8) as u8, 1 + dice.roll(6) as u8]);
    }
    bytes
}

/// Writes a block, and says how many clocks it takes.
fn block(dice: &mut Dice, bytes: &mut Vec<u8>, client: u64, clock: u32) -> u32 {
    let kind = dice.pick(&[0, 1, 3, 4, 4, 4, 5, 6, 7, 7, 8, 8, 9]);
    if kind == 0 {
        let length = 1 + dice.roll(4) as u8;
        bytes.extend([0, length]);
        return length.into();
    }
    let leans = dice.pick(&[0, 0x80, 0x80, 0x40, 0xc0]);
    let keyed = if dice.roll(3) == 0 && !matches!(kind, 4 | 6) { 0x20 } else { 0 };
    bytes.push(leans | keyed | kind);
    for flag in [0x80, 0x40] {
        if leans & flag != 0 {
            id(dice, bytes, client, clock);
        }
    }
    if leans == 0 {
        parent(dice, bytes, client, clock);
        if keyed != 0 {
            text(bytes, dice.pick(&["a", "b", "class"]));
        }
    }
    content(dice, bytes, kind)
}

fn parent(dice: &mut Dice, bytes: &mut Vec<u8>, client: u64, clock: u32) {
    match dice.roll(3) {
        0 => {
            bytes.push(0);
            id(dice, bytes, client, clock);
        }
        _ => {
            bytes.push(1);
            text(bytes, dice.pick(&["text", "map", "array", "tree", "new"]));
        }
    }
}

/// Somebody's clock, most often one that is there.
fn id(dice: &mut Dice, bytes: &mut Vec<u8>, client: u64, clock: u32) {
    match dice.roll(2) {
        0 if clock > 0 => {
            number(bytes, client);
            number(bytes, dice.roll(clock as usize) as u64);
        }
        _ => {
            number(bytes, (1 << 33) + 7 * dice.roll(3) as u64);
            number(bytes, dice.roll(12) as u64);
        }
    }
}

fn content(dice: &mut Dice, bytes: &mut Vec<u8>, kind: u8) -> u32 {
    match kind {
        1 => {
            let length = 1 + dice.roll(4) as u8;
            bytes.push(length);
            return length.into();
        }
        4 => {
            let (characters, units) = dice.pick(&[("x", 1), ("typed", 5), ("𝄞", 2), ("é𝄞𝄞", 5)]);
            text(bytes, characters);
            return units;
        }
        8 => {
            let values = 1 + dice.roll(3) as u8;
            bytes.push(values);
            bytes.extend((0..values).map(|_| 126));
            return values.into();
        }
        3 => bytes.extend([2, 1, 2]),
        5 => text(bytes, dice.pick(&["null", "{\"a\":[1]}", "\"e\""])),
        6 => {
            text(bytes, dice.pick(&["bold", "em"]));
            text(bytes, dice.pick(&["null", "true"]));
        }
        7 => match dice.pick(&[0, 1, 2, 3, 4, 6]) {
            3 => bytes.extend([3, 1, b'p']),
            simple => bytes.push(simple),
        },
        _ => bytes.extend([1, b'd', 118, 1, 1, b'g', 120]),
    }
    1
}

fn text(bytes: &mut Vec<u8>, text: &str) {
    bytes.push(text.len() as u8);
    bytes.extend_from_slice(text.as_bytes());
}

fn number(bytes: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        bytes.push(number as u8 | 0x80);
        number >>= 7;
    }
    bytes.push(number as u8);
}
