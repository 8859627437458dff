# `just check` runs the commands of `.ci/run`, one recipe for each: change both together.

_:
    @just --list --unsorted

# All that has to pass before a change lands
check: test fmt clippy doc

# The tests; those that need a tool which is missing say so and pass
test:
    cargo test --workspace

fmt:
    cargo fmt --all --check

clippy:
    cargo clippy --workspace --all-targets -- -D warnings

doc:
    RUSTDOCFLAGS="-D warnings" cargo doc --workspace --no-deps

# The same and nothing skipped: installs first what the tests need
ci:
    .ci/run

# Licences, advisories and sources of the dependencies (needs cargo-deny)
deny:
    cargo deny check

# Runs N seeds through the simulated network, clock and disk
simulate N:
    cargo run --release -p driftline-simulation -- --seeds {{N}}

# Cuts the power N times under a process that writes, on a real file system in a file (as root)
powercut N:
    cargo test -p driftline-storage --test powercut -- {{N}}

# Throws hostile bytes at what reads them, for as long as you let it (needs cargo-fuzz and nightly):
# update, state_vector, presence, apply, frame, ticket, entry, segment or roster
fuzz TARGET:
    cd fuzz && cargo +nightly fuzz run {{TARGET}}

# The same against yrs behind the check, N cases from a seed, on stable Rust
hostile N SEED="1":
    cargo run --release -p driftline-core --example fuzz -- {{N}} {{SEED}}

# Measures, beside a baseline in the same run
bench:
    cargo bench

# Two devices and an anchor tell the story
demo:
    cargo run --release -- demo
