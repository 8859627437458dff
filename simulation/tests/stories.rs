//! Worlds told by hand.

#[cfg(test)]
mod stories {
    mod commands;
    mod everyday;
    mod forged_commands;
    mod handing_over;
    mod histories;
    mod members;
    mod mischief;
    mod presence;
}
