deploy := "target/deploy/bin"

# Lists the recipes.
default:
    @just --list --unsorted

# Runs the server with the configuration of this folder.
run *args:
    cargo run -- run {{ args }}

# Runs the server on a throwaway database with a simulated platform.
demo *args:
    cargo run -- demo {{ args }}

# The same as `demo`, with debug logs, and its page in the browser where there is one.
dev *args:
    #!/usr/bin/env bash
    set -euo pipefail
    browser=$(command -v open || command -v xdg-open || true)
    if [ "$(uname)" != Darwin ] && [ -z "${DISPLAY:-}${WAYLAND_DISPLAY:-}" ]; then browser=; fi
    if [ -n "$browser" ]; then
        (curl --silent --output /dev/null --retry 300 --retry-delay 1 --retry-all-errors http://localhost:5050/livez && "$browser" http://localhost:5050/) &
    fi
    TASKSERVER__LOG__LEVEL=debug exec cargo run -- demo {{ args }}

# Runs MariaDB, PostgreSQL and Redis until Ctrl-C, in containers where there is an engine, else from programs of this machine.
dev-services:
    tests/dev-services.sh

# Runs a stand-in of a Kubernetes cluster whose events can be collected: `--rate EVENTS_PER_SECOND`, or the path of a recording.
dev-k8s *args:
    cargo run --quiet --package taskserver-tests --features kubernetes --bin kubernetes -- {{ args }}

# Runs all tests.
test *args:
    cargo test --workspace --all-features {{ args }}

# Tests the image, the chart and the compose file and, once `just static-binary` has made it, the release binary in the chart's pod.
test-deploy *args: deploy-tools
    TASKSERVER_BIN="${TASKSERVER_BIN:-$(ls target/static/taskserver 2>/dev/null || true)}" {{ deploy }}/pytest tests/deploy {{ args }}

# Tests the server against its own description of its services.
test-openapi: openapi-tools
    cargo test --package taskserver --test process openapi

# Installs what holds the server against its own description.
openapi-tools:
    test -x target/schemathesis/bin/schemathesis || (python3 -m venv target/schemathesis && target/schemathesis/bin/pip install --quiet --requirement tests/schemathesis/requirements.txt)

# Writes the chart's schema and README from config/default.toml and values.yaml.
chart-docs: deploy-tools
    {{ deploy }}/python helm/generate.py

# Installs what the image and the chart are tested with, into target/deploy.
deploy-tools:
    test -x {{ deploy }}/pytest || (python3 -m venv target/deploy && {{ deploy }}/pip install --quiet --requirement tests/deploy/requirements.txt)

# Checks formatting, lints, docs, licences and sources of dependencies.
lint: lint-format lint-code lint-docs lint-dependencies

# Checks the formatting.
lint-format:
    cargo fmt --all --check

# Runs clippy, which knows the oldest Rust that is supported as well.
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

# Measures the queue on PostgreSQL beside graphile-worker and pg-boss, everything on two cores.
bench-queue:
    npm ci --prefix tests/benches/node --no-audit --no-fund --loglevel=error
    cargo bench --package taskserver-tests --bench queue --no-run
    taskset --cpu-list 0,1 cargo bench --package taskserver-tests --bench queue

# Measures the start and the memory of the server.
bench-server:
    cargo build --release
    cargo bench --package taskserver-tests --bench server

# Measures how fast a page is served, against a bare server with the same statements.
bench-http:
    cargo build --release
    cargo bench --package taskserver-tests --bench http

# Measures ten thousand tasks that run every second.
bench-scheduler:
    cargo bench --package taskserver-tests --bench scheduler

# Measures the pages with a year of figures and a million events.
bench-page:
    cargo bench --package taskserver-tests --bench page

# Measures what it costs to keep the events of a cluster.
bench-events:
    cargo bench --package taskserver-tests --features kubernetes --bench events

# Runs all benchmarks.
bench: bench-analytics bench-http bench-queue bench-server bench-scheduler bench-events bench-page

# Opens the docs of the crates.
docs:
    cargo doc --workspace --no-deps --all-features --open

# Builds target/static/taskserver, the release binary that needs nothing of the system it runs on.
static-binary:
    #!/usr/bin/env bash
    set -euo pipefail
    [ "$(uname)" = Linux ] || { echo "A static binary for Linux is built on Linux; elsewhere, build the image: docker build -f docker/Dockerfile ." >&2; exit 1; }
    # The image's C library is musl. Where the toolchain lacks it (`rustup target add`), glibc serves to test the same.
    target="$(uname -m)-unknown-linux-musl"
    compgen -G "$(rustc --print target-libdir --target "$target")/libstd-*.rlib" >/dev/null || target="$(uname -m)-unknown-linux-gnu"
    RUSTFLAGS="-C target-feature=+crt-static" cargo build --release --locked --target "$target" --package taskserver
    install -D "${CARGO_TARGET_DIR:-target}/$target/release/taskserver" target/static/taskserver
    echo "target/static/taskserver: $target, $(stat --format %s target/static/taskserver) bytes"

# Packages the library crates as crates.io would get them, without building them.
package *args:
    #!/usr/bin/env bash
    set -euo pipefail
    for crate in $(ls crates); do
        files=$(cargo package --list --package "$crate" {{ args }})
        for file in README.md LICENSE-APACHE LICENSE-MIT; do
            grep --quiet --line-regexp "$file" <<<"$files" || { echo "$crate would be published without $file" >&2; exit 1; }
        done
    done
    said=$(cargo package --workspace --exclude taskserver --exclude taskserver-tests --no-verify --color never {{ args }} 2>&1) || { echo "$said" >&2; exit 1; }
    if grep '^warning' <<<"$said" >&2; then exit 1; fi

# Writes a new version everywhere: the workspace, the chart and its renders.
set-version version: deploy-tools
    #!/usr/bin/env bash
    set -euo pipefail
    old=$(sed -n 's/^version = "\(.*\)"$/\1/p' Cargo.toml)
    sed -i.old -E "s/^(version = |(task|taskserver)-[a-z0-9-]+ = \{.* version = )\"$old\"/\1\"{{ version }}\"/" Cargo.toml
    sed -i.old -E "s/^(version|appVersion): .*/\1: {{ version }}/" helm/taskserver/Chart.yaml
    rm Cargo.toml.old helm/taskserver/Chart.yaml.old
    cargo update --quiet --workspace --offline
    UPDATE_GOLDEN=1 {{ deploy }}/pytest --quiet tests/deploy/test_chart.py

# Checks that the version that Cargo.toml states can be released, and packages it into target/package and target/chart.
release: deploy-tools
    #!/usr/bin/env bash
    set -euo pipefail
    version=$(sed -n 's/^version = "\(.*\)"$/\1/p' Cargo.toml)
    refuse() { echo "$*" >&2; exit 1; }
    [ -z "$(git status --porcelain)" ] || refuse "There are changes that are not committed."
    ! git rev-parse --quiet --verify "refs/tags/v$version" >/dev/null || refuse "v$version is released already: just set-version NEW"
    grep --quiet "^## \[\?$version\]\? - 20" CHANGELOG.md || refuse "CHANGELOG.md has no section '## $version - DATE': name what is Unreleased so."
    just lint test static-binary
    TASKSERVER_TEST_REQUIRE_ALL=1 just test-deploy
    just package
    mkdir -p target/chart && {{ deploy }}/python -c 'import helm_python; helm_python.package("helm/taskserver", destination="target/chart")'
    echo "Version $version is ready. What is left to do:"
    echo "  git tag --sign v$version --message 'taskserver $version' && git push origin v$version"
    echo "  cargo publish --workspace --exclude taskserver --exclude taskserver-tests"
    echo "  VERSION=$version REVISION=\$(git rev-parse HEAD) SOURCE_DATE_EPOCH=\$(git log -1 --format=%ct) docker buildx bake -f docker/bake.hcl --set default.output=type=image,push=true"
    echo "  helm push target/chart/taskserver-$version.tgz oci://ghcr.io/ir-engine/charts"
