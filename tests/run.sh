#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# run.sh -- installs what is missing, builds, and runs every test.
#
#     tests/run.sh                 everything: lint, unit, integration, fuzz corpora, faults that unit
#                                  tests have to see; unit tests again under ASan+UBSan, threaded
#                                  ones under TSan, and with clang; clang-tidy
#     tests/run.sh --quick         one build, unit and lint only
#     tests/run.sh --only REGEX    one build, the tests whose names match
#
# Ends with `N passed, N failed, N skipped`; exit status 0 only if none failed. What a build or
# a test printed is in build/test-logs. Downloads are cached outside the tree
# (CROSSREC_CACHE, default ~/.cache/crossrec).
set -eu
root=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd)
cd "$root"
# shellcheck source=../deploy/packages.sh
. "$root/deploy/packages.sh"

quick= only=
while [ $# -gt 0 ]; do
    case $1 in
        --quick) quick=1 ;;
        --only) only=${2:?--only needs a regular expression} && shift ;;
        -h | --help) sed -n '3,15s/^# \{0,1\}//p' "$0" && exit 0 ;;
        *) echo "run.sh: unknown argument $1; try tests/run.sh --help" >&2 && exit 2 ;;
    esac
    shift
done

logs=$root/build/test-logs
mkdir -p "$logs"
rm -f "$logs"/*
passed=0 failed=0 skipped=0 names=

step() { printf '\n== %s\n' "$*"; }

# fail NAME LOG: counts one failure that is no ctest test
fail() {
    failed=$((failed + 1))
    names="$names $1"
    echo "FAILED $1; the last lines of $2:" >&2
    tail -n 40 "$2" >&2
}

# build PRESET [CMAKE ARGS]: configures and builds; a failure is counted
build() {
    preset=$1
    shift
    if cmake --preset "$preset" "$@" >"$logs/$preset-configure.log" 2>&1 &&
        cmake --build --preset "$preset" -j "$(nproc)" >"$logs/$preset-build.log" 2>&1; then
        passed=$((passed + 1))
        return 0
    fi
    cat "$logs/$preset-build.log" >>"$logs/$preset-configure.log" 2>/dev/null || true
    fail "build-$preset" "$logs/$preset-configure.log"
    return 1
}

# run PRESET LABEL-ARGS...: runs ctest and adds up what it says
run() {
    preset=$1
    shift
    log=$logs/$preset-ctest.log
    ctest --test-dir "build/$preset" --output-on-failure --no-tests=error "$@" >"$log" 2>&1 || true
    grep -E '^ *[0-9]+/[0-9]+ Test' "$log" | sed "s/^/[$preset] /" || true
    p=$(grep -cE '^ *[0-9]+/[0-9]+ Test .* Passed' "$log" || true)
    s=$(grep -cE '^ *[0-9]+/[0-9]+ Test .*\*\*\*Skipped' "$log" || true)
    n=$(grep -cE '^ *[0-9]+/[0-9]+ Test ' "$log" || true)
    passed=$((passed + p)) skipped=$((skipped + s)) failed=$((failed + n - p - s))
    if [ $((n - p - s)) -gt 0 ] || [ "$n" -eq 0 ]; then
        names="$names $(sed -n 's/^ *[0-9]*\/[0-9]* Test *#[0-9]*: \([^ ]*\) .*\*\*\*\(Failed\|Timeout\|Exception\).*/\1/p' "$log" | sed "s/^/$preset:/" | tr '\n' ' ')"
        [ "$n" -gt 0 ] || fail "ctest-$preset" "$log"
        grep -vE '^ *Start|^ *[0-9]+/[0-9]+ Test .* Passed' "$log" | tail -n 80 >&2
        grep -aE '^\[  (ERROR|FAILED) |^ERROR: |(runtime|:) error: |Sanitizer: ' "$log" |
            tail -n 20 >>"$logs/reasons" || true
    fi
}

finish() {
    step "result"
    [ -z "$names" ] || echo "failed:$names"
    [ ! -s "$logs/reasons" ] || cat "$logs/reasons" # where only the end of this is kept
    echo "$passed passed, $failed failed, $skipped skipped"
    [ "$failed" -eq 0 ]
    exit
}

step "packages"
need_build_packages
need_test_packages

step "build (gcc, warnings are errors)"
build dev || finish

if [ -n "$only" ]; then
    run dev -R "$only"
    finish
fi
if [ -n "$quick" ]; then
    run dev -L 'unit|lint'
    finish
fi

# server NAME: puts one of the integration tests' servers into the cache
server() {
    if sh "tests/integration/$1_install.sh" >"$logs/$1-install.log" 2>&1; then
        passed=$((passed + 1))
    else
        fail "$1-install" "$logs/$1-install.log"
    fi
}

step "a real Kafka, a real schema registry and foreign clients for the integration tests (cached)"
server kafka
server registry
server foreign

step "lint, unit, fuzz corpora"
run dev -L 'unit|lint|fuzz' -j "$(nproc)"
step "integration: real Redis, real Kafka"
run dev -L integration -j "$(nproc)"
step "faults in the models that a unit test has to see"
run dev -L faults

step "unit tests and fuzz corpora under ASan and UBSan"
if build asan; then
    run asan -L 'unit|fuzz' -j "$(nproc)"
fi
step "threaded parts under TSan"
if build tsan; then
    run tsan -R 'queue|mailbox|committer|publisher|metrics|test_log$|http|items|registry|repartition|instance_explain' -L unit
fi
step "clang, warnings are errors"
if build clang -DBUILD_TESTING=ON; then
    step "clang-tidy"
    run clang -L tidy
fi
finish
