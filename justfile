# Lists the recipes.
default:
    @just --list --unsorted

# Runs the server with the configuration of this folder.
run *args:
    cargo run -- run {{ args }}

# Runs the server on a throwaway database with a simulated platform.
demo *args:
    cargo run -- demo {{ args }}

# The same as `demo`, with debug logs.
dev *args:
    TASKSERVER__LOG__LEVEL=debug cargo run -- demo {{ args }}

# Runs all tests.
test *args:
    cargo test --workspace --all-features {{ args }}

# Tests the image, the chart and the compose file; those that run the server need TASKSERVER_BIN, a static release build.
test-deploy *args:
    test -x target/deploy/bin/pytest || (python3 -m venv target/deploy && target/deploy/bin/pip install --quiet --requirement tests/deploy/requirements.txt)
    target/deploy/bin/pytest tests/deploy {{ args }}

# Writes the chart's schema and README from config/default.toml and values.yaml.
chart-docs:
    test -x target/deploy/bin/python || (python3 -m venv target/deploy && target/deploy/bin/pip install --quiet --requirement tests/deploy/requirements.txt)
    target/deploy/bin/python helm/generate.py

# Checks formatting, lints, docs, licences and sources of dependencies.
lint: lint-format lint-code lint-docs lint-dependencies

# Checks the formatting.
lint-format:
    cargo fmt --all --check

# Runs clippy.
lint-code:
    cargo clippy --workspace --all-targets --all-features -- -D warnings

# Builds the docs without warnings.
lint-docs:
    RUSTDOCFLAGS="-D warnings" cargo doc --workspace --no-deps --all-features

# Checks the licences and the sources of all dependencies.
lint-dependencies:
    cargo deny --log-level error check licenses bans sources

# Measures a cycle of the analytics on MariaDB with a million users.
bench-analytics:
    cargo bench --package taskserver-tests --bench analytics

# Measures the start and the memory of the server.
bench-server:
    cargo build --release
    cargo bench --package taskserver-tests --bench server

# Runs all benchmarks.
bench: bench-analytics bench-server

# Opens the docs of the crates.
docs:
    cargo doc --workspace --no-deps --all-features --open
