#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# seeded.sh -- builds crossrec with one seeded bug after another and sees whether the test that is
# meant for it fails. A bug that no test sees is one that the tests would let through.
#
#     tests/fault/seeded.sh                every bug
#     tests/fault/seeded.sh --only NAME    one; --list shows them
#         --keep    the builds stay in build/seeded-NAME
#
# The bugs are in the code between #ifdef CROSSREC_SEED_NAME and #endif, for this purpose only, and
# are switched on with -DCROSSREC_SEED=NAME; without it there is no trace of them. A test is the name
# of a ctest, or fault:SCENARIO of tests/fault/run.sh; of several, one has to fail, and each has to
# pass without the bug (the build `none`).
# Prints bug | what it is | test that failed; exit status 1 if a bug survived.
set -eu
root=$(CDPATH='' cd -- "$(dirname -- "$0")/../.." && pwd)

# name | what is wrong | tests, tried in this order
bugs() {
    cat <<'TABLE'
commit-before-effect|offsets are committed before what was learned|unit.test_instance_durable fault:kills-1
undo-skipped|what an aborted transaction held stays in memory|unit.test_learner_undo
fence-dropped|a transaction without offsets and the metadata of the assignment|integration.test_kafka_tx fault:zombies
metadata-late|the metadata is fetched when the batch is sent, not when partitions were assigned|integration.test_kafka_tx fault:zombies
echo-not-skipped|an instance applies its own deltas a second time, from the log|unit.test_learner_log
control-early|a control record is applied by its author before the log has it|unit.test_learner_log
gap-unseen|a trigger is added though those before it are not in the stream|unit.test_instance_outbox fault:redis
group-unasked|who finds a newer epoch in Redis takes the task for his, without a commit|unit.test_instance_publish
outbox-read-late|at a takeover triggers are read from the outbox's end, not from before it|unit.test_instance_outbox fault:short
TABLE
}

field() {
    bugs | grep "^$1|" | cut -d'|' -f"$2"
}

# targets TEST...: what they are built as
targets() {
    for t; do
        case $t in
            fault:*) echo fault crossrec ;;
            *) echo "$t" | tr . _ ;;
        esac
    done | tr ' ' '\n' | sort -u | tr '\n' ' '
}

# make NAME: a build with the bug; `none` is without, of all tests
make() {
    dir=$root/build/seeded-$1
    seed=$1
    tests=$(field "$1" 3)
    if [ "$1" = none ]; then
        seed=
        tests=$(bugs | cut -d'|' -f3)
    fi
    cmake -S "$root" -B "$dir" -G Ninja -DCMAKE_BUILD_TYPE=RelWithDebInfo -DBUILD_TESTING=ON \
        -DWERROR=OFF -DCROSSREC_SEED="$seed" >"$logs/$1-build.log" 2>&1 &&
        cmake --build "$dir" -j "$(nproc)" --target $(targets $tests) \
            >>"$logs/$1-build.log" 2>&1
}

# known BUILD TEST: is there such a test?
known() {
    case $2 in
        fault:*) return 0 ;;
        *) ctest --test-dir "$root/build/seeded-$1" -N -R "^$2\$" | grep -q 'Total Tests: 1' ;;
    esac
}

# passes BUILD TEST
passes() {
    log=$logs/$1-$(echo "$2" | tr ':' '-').log
    case $2 in
        fault:*)
            sh "$root/tests/fault/run.sh" --build "$root/build/seeded-$1" --only "${2#fault:}" \
                --events 30000 >"$log" 2>&1
            ;;
        *) ctest --test-dir "$root/build/seeded-$1" -R "^$2\$" --output-on-failure >"$log" 2>&1 ;;
    esac
}

# sound TEST: it passes without a bug, or it shows nothing; asked once
sound() {
    mark=$logs/sound-$(echo "$1" | tr ':' '-')
    if [ ! -e "$mark" ]; then
        if known none "$1" && passes none "$1"; then echo yes; else echo no; fi >"$mark"
    fi
    grep -q yes "$mark"
}

# seed NAME: the line of the table
seed() {
    if ! make "$1"; then
        printf '%-20s | %-70s | DOES NOT BUILD: %s\n' "$1" "$(field "$1" 2)" "$logs/$1-build.log"
        return 1
    fi
    unsound=
    for test in $(field "$1" 3); do
        if ! sound "$test"; then
            unsound="$unsound $test"
        elif ! passes "$1" "$test"; then
            printf '%-20s | %-70s | %s\n' "$1" "$(field "$1" 2)" "$test"
            return 0
        fi
    done
    printf '%-20s | %-70s | SURVIVED%s\n' "$1" "$(field "$1" 2)" \
        "${unsound:+; not there or failing without it:$unsound}"
    return 1
}

only= keep=
while [ $# -gt 0 ]; do
    case $1 in
        --only) only="$only ${2:?--only needs a name; --list shows them}" && shift ;;
        --keep) keep=1 ;;
        --list) bugs | awk -F'|' '{ printf "%-20s %s\n", $1, $2 }' && exit 0 ;;
        -h | --help) sed -n '3,16s/^# \{0,1\}//p' "$0" && exit 0 ;;
        *) echo "seeded.sh: unknown argument $1; try --help" >&2 && exit 2 ;;
    esac
    shift
done
for name in $only; do
    [ -n "$(field "$name" 1)" ] || {
        echo "seeded.sh: no bug $name; --list shows them" >&2 && exit 2
    }
done
[ -n "$only" ] || only=$(bugs | cut -d'|' -f1)

logs=$root/build/seeded-logs
rm -rf "$logs"
mkdir -p "$logs"
make none || { echo "seeded.sh: does not build without a bug: $logs/none-build.log" >&2 && exit 1; }
survived=0
printf '%-20s | %-70s | test that failed\n' bug 'what it is'
for name in $only; do
    seed "$name" || survived=$((survived + 1))
    [ -n "$keep" ] || rm -rf "$root/build/seeded-$name"
done
[ -n "$keep" ] || rm -rf "$root/build/seeded-none"
[ "$survived" -eq 0 ]
