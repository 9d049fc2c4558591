#!/usr/bin/env bash
# Everything that can be tested, in one go: formatting, lints, documentation, tests, a fuzz, a benchmark that counts.
#
#   tests/all.sh
#
# Installs what the tests need and what is missing: as root on Debian with apt-get, Rust components with rustup, a parser
# of OpenMetrics with pip in an environment of its own, Apache Kafka with Maven. What cannot be had is skipped by name;
# with CI=true a skip is a failure. All steps run even if one fails. The last line is the sum: single tests as cargo
# counts them, and every other step as one.
#
#   CARGO_TARGET_DIR        where to build (cargo's own; default ./target)
#   FAULTLINE_NAIVE_LINES   generated lines that are searched plainly as well (default 1000000), _SEED another stream
#   FAULTLINE_DIFF_LINES    generated lines that an independent reading judges too (default 200000), _SEED another stream
#   FAULTLINE_FUZZ_RECORDS  records of the fuzz (default 300000)
#   FAULTLINE_FUZZ_FILES    configurations and rule files of the fuzz (default 300000)
#   FAULTLINE_FUZZ_SEED     another stream of both

set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

passed=0
failed=0
skipped=0
troubles=()
scratch="$(mktemp -d)"
trap 'rm -rf "$scratch"' EXIT
started=$SECONDS

header() { printf '\n==== %s\n' "$*"; }

skip() { # name, reason
    printf 'SKIPPED %s: %s\n' "$1" "$2"
    skipped=$((skipped + 1))
    troubles+=("skipped $1: $2")
}

# Runs a command as a step. Tests that cargo counts are added up; a step without any counts as one.
step() { # name, command…
    local name=$1 begin=$SECONDS status=0 log="$scratch/log" ok bad
    shift
    header "$name"
    "$@" </dev/null 2>&1 | tee "$log" || status=$?
    ok=$(sed -n 's/^test result: .* \([0-9]*\) passed; .*/\1/p' "$log" | paste -sd+ | { read -r sum && echo $((sum)) || echo 0; })
    bad=$(sed -n 's/^test result: .* \([0-9]*\) failed; .*/\1/p' "$log" | paste -sd+ | { read -r sum && echo $((sum)) || echo 0; })
    if ((ok + bad == 0)); then
        ((status == 0)) && ok=1 || bad=1
    elif ((status != 0 && bad == 0)); then
        bad=1
    fi
    passed=$((passed + ok))
    failed=$((failed + bad))
    if ((status != 0)); then troubles+=("failed $name"); fi
    # A test that misses a tool says so itself and passes.
    while read -r _ test reason; do
        passed=$((passed - 1))
        skip "${test%:}" "$reason"
    done < <(grep '^SKIPPED ' "$log" | sort -u || true)
    printf -- '---- %s: %s, %d s\n' "$name" "$([[ $status == 0 ]] && echo ok || echo FAILED)" $((SECONDS - begin))
}

has() { command -v "$1" >/dev/null 2>&1; }

# Debian packages, without starting the services that they bring.
apt_install() { # package…
    [[ $(id -u) == 0 ]] && has apt-get || return 1
    local policy=/usr/sbin/policy-rc.d ours=
    if [[ ! -e $policy ]]; then
        printf '#!/bin/sh\nexit 101\n' >"$policy" && chmod +x "$policy" && ours=1
    fi
    local status=0
    {
        DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$@" ||
            { apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$@"; }
    } </dev/null >"$scratch/apt" 2>&1 || status=$?
    if [[ -n $ours ]]; then rm -f "$policy"; fi
    if ((status != 0)); then tail -n 3 "$scratch/apt"; fi
    return "$status"
}

# Makes a tool be there, or says how to get it.
tool() { # command, package
    if has "$1"; then
        printf '%-9s %s\n' "$1" "$(command -v "$1")"
    elif apt_install "$2" && has "$1"; then
        printf '%-9s installed from the package %s\n' "$1" "$2"
    else
        printf '%-9s is missing and was not installed: apt-get install %s\n' "$1" "$2"
        return 1
    fi
}

component() { # rustup component, cargo command
    if cargo "$2" --version >/dev/null 2>&1; then
        printf '%-9s %s\n' "$1" "$(cargo "$2" --version)"
    elif has rustup && rustup component add "$1" >"$scratch/rustup" 2>&1; then
        printf '%-9s installed with rustup\n' "$1"
    else
        printf '%-9s is missing and was not installed: rustup component add %s\n' "$1" "$1"
        return 1
    fi
}

# A Python with the strict parser of OpenMetrics, kept beside what cargo builds. The tests that need it find it by name.
python_env() {
    local dir="${CARGO_TARGET_DIR:-target}/test-python" version=0.26.0 found
    has python3 || tool python3 python3 || return 1
    found=$("$dir/bin/python" -c 'import importlib.metadata as m; print(m.version("prometheus-client"))' 2>/dev/null || true)
    if [[ $found != "$version" ]]; then
        rm -rf "$dir"
        # Debian's python3 comes without what makes an environment.
        python3 -m venv "$dir" >"$scratch/venv" 2>&1 ||
            { rm -rf "$dir" && apt_install python3-venv && python3 -m venv "$dir" >"$scratch/venv" 2>&1; } ||
            { echo "python3   makes no environment: apt-get install python3-venv" && return 1; }
        "$dir/bin/python" -m pip install -q --disable-pip-version-check --no-deps "prometheus-client==$version" \
            </dev/null >"$scratch/pip" 2>&1 ||
            { tail -n 1 "$scratch/pip" && echo "python3   has no prometheus-client: pip install failed" && return 1; }
    fi
    FAULTLINE_TEST_PYTHON="$(cd "$dir/bin" && pwd)/python"
    export FAULTLINE_TEST_PYTHON
    printf '%-9s prometheus-client %s in %s\n' python3 "$version" "$dir"
}

# Apache Kafka, kept beside what cargo builds. The tests that need it find it by name.
kafka_jars() {
    local dir="${CARGO_TARGET_DIR:-target}/test-kafka" version
    tool java default-jre-headless && tool openssl openssl || return 1
    version=$(java -version 2>&1 | sed -n 's/.* version "\([0-9]*\).*/\1/p')
    ((${version:-0} >= 17)) || { echo "java      is too old for Kafka: 17 or newer is needed" && return 1; }
    if ! compgen -G "$dir/complete-*" >/dev/null; then tool mvn maven || return 1; fi
    tests/kafka.sh "$dir" >"$scratch/kafka" 2>&1 ||
        { tail -n 3 "$scratch/kafka" && echo "kafka     was not fetched from Maven Central" && return 1; }
    FAULTLINE_KAFKA_LIB="$(cd "$dir" && pwd)"
    export FAULTLINE_KAFKA_LIB
    printf '%-9s %s\n' kafka "$dir"
}

header "tools"
if ! has cargo && [[ -x "${CARGO_HOME:-$HOME/.cargo}/bin/cargo" ]]; then
    PATH="${CARGO_HOME:-$HOME/.cargo}/bin:$PATH"
fi
if ! has cargo; then
    echo "cargo is missing: install Rust 1.91 or newer (https://rustup.rs)" >&2
    exit 2
fi
cargo --version
for name in gcc g++ make perl; do
    tool "$name" build-essential || exit 2
done
tool git git || true # only the commit in --version comes from it
tool groff groff-base || true # man pages; the test that needs it says that it is skipped
tool promtool prometheus || true # so do those that need it, or the server that comes with it
python_env || true # and those that need the strict parser
kafka_jars || true # and those that need a real Kafka
fmt=yes clippy=yes
component rustfmt fmt || fmt=no
component clippy clippy || clippy=no

if [[ $fmt == yes ]]; then step "format" cargo fmt --check; else skip "format" "rustfmt is missing"; fi
if [[ $clippy == yes ]]; then
    step "lints" cargo clippy --locked --all-targets -- -D warnings
else
    skip "lints" "clippy is missing"
fi
RUSTDOCFLAGS="-D warnings" step "documentation" cargo doc --locked --no-deps --document-private-items
step "tests" cargo test --locked --no-fail-fast
FAULTLINE_NAIVE_LINES="${FAULTLINE_NAIVE_LINES:-1000000}" \
    step "plain search" cargo test --locked --test integration -- --nocapture naive::
FAULTLINE_DIFF_LINES="${FAULTLINE_DIFF_LINES:-200000}" \
    step "independent reading" cargo test --locked --test integration -- --nocapture differential::the_engine
FAULTLINE_FUZZ_RECORDS="${FAULTLINE_FUZZ_RECORDS:-300000}" \
    step "fuzz" cargo test --locked --test integration -- --nocapture fuzz::
FAULTLINE_FUZZ_FILES="${FAULTLINE_FUZZ_FILES:-300000}" \
    step "fuzz of files" cargo test --locked --test integration -- --nocapture fuzz_files::
step "proofs" cargo test --locked --test integration -- --ignored --nocapture --test-threads 1 --skip on_kafka:: proofs::
step "kafka" cargo test --locked --test integration -- --ignored --nocapture --test-threads 1 on_kafka::
if tool cmake cmake; then
    step "feature oidc" cargo test --locked --features oidc --test integration -- on_kafka::cases::papers::a_token_of
else
    skip "feature oidc" "cmake is missing"
fi
step "rotations" cargo test --locked --bench rotation
step "benchmark counts" cargo test --locked --bench pipeline --bench exposition --bench kafka

header "sum"
if ((${#troubles[@]} > 0)); then printf '%s\n' "${troubles[@]}"; fi
if ((failed > 0 && ${#troubles[@]} == 0)); then echo "a test failed"; fi
printf '%d s\n' $((SECONDS - started))
printf '%d passed, %d failed, %d skipped\n' "$passed" "$failed" "$skipped"
if ((failed > 0)); then exit 1; fi
if ((skipped > 0)) && [[ ${CI:-} == true ]]; then exit 1; fi
