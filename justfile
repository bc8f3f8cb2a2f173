# The same commands as CONTRIBUTING.md and .ci/run, for people who use just.

default:
    @just --list

# The sandbox on http://127.0.0.1:8080, data in ./aegis-data
run:
    cargo run --release -- serve

# Every test on SQLite and on PostgreSQL
test:
    cargo xtask test

# Every test on SQLite only
test-fast:
    cargo xtask test --fast

fmt:
    cargo fmt --all

lint:
    cargo fmt --all --check
    cargo clippy --workspace --all-targets -- -D warnings

doc:
    RUSTDOCFLAGS="-D warnings" cargo doc --workspace --no-deps

deny:
    cargo deny check licenses bans sources

# Rewrite the committed files that tests compare (API description, list of problems)
update:
    UPDATE=1 cargo test --workspace

# Everything CI runs
ci:
    .ci/run
