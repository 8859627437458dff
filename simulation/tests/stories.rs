//! Worlds told by hand.

#[cfg(test)]
mod stories {
    mod everyday;
    mod histories;
    mod members;
    mod mischief;
}
