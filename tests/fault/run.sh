#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# run.sh -- hurts crossrec and proves that nothing is lost or doubled: real brokers, real Redis,
# 100,000 events a scenario and more, a sequential reference. Minutes to an hour.
#
#     tests/fault/run.sh                 every scenario once; prints the table of docs/operations.md
#     tests/fault/run.sh --only NAME     this one (several times: these)
#     tests/fault/run.sh --minutes N     again, with other seeds, until N minutes have passed
#     tests/fault/run.sh --list          names of the scenarios
#     tests/fault/run.sh --short         what the ctest program does: under 90 s
#     tests/fault/run.sh --self-test     the checker alone, with wrong states made by hand
#         --keep       what was compared and all logs stay in /tmp/crossrec-fault-*
#         --seed N     of the input, the moments and the victims (1)
#         --events N   at least so many events a scenario (100000)
#         --rate N     events a second while things are hurt (1500)
#         --state S    crossrec.state of the instances (kafka)
#         --build DIR  a build that is there already, instead of the dev preset's
#
# Builds with the dev preset. Exit status 1 if anything was lost or doubled, or did not recover;
# 77 if a server is not installed. Progress and reasons are on stderr, the table on stdout.
set -eu
here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)
root=$(CDPATH='' cd -- "$here/../.." && pwd)

build=
for arg; do # options of this script go, the rest is the program's
    shift
    case $arg in
        -h | --help) sed -n '3,24s/^# \{0,1\}//p' "$0" && exit 0 ;;
        --self-test) exec python3 "$here/check.py" --self-test ;;
        --short) set -- "$@" --only short --events 20000 --rate 1000 ;;
        --build) build=next ;;
        *)
            if [ "$build" = next ]; then
                build=$arg
            else
                set -- "$@" "$arg"
            fi
            ;;
    esac
done

if [ -z "$build" ]; then
    build=$root/build/dev
    log=$(mktemp)
    if ! { cd "$root" && cmake --preset dev && cmake --build --preset dev --target crossrec fault; } \
        >"$log" 2>&1; then
        tail -n 40 "$log" >&2
        echo "run.sh: the dev preset does not build; all of it is in $log" >&2
        exit 1
    fi
    rm -f "$log"
fi
sh "$root/tests/integration/kafka_install.sh" >/dev/null
sh "$root/tests/integration/registry_install.sh" >/dev/null

# A network namespace of its own, where that is permitted: the scenario `network` makes others beside
# it, and nothing of the machine's network is touched.
program=$build/tests/fault
if unshare -n true 2>/dev/null; then
    FAULT_NETNS=1 exec unshare -n sh -c 'ip link set lo up && exec "$@"' fault "$program" "$@"
fi
exec "$program" "$@"
