#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# run.sh [NAME...] [--pairs N] [--quick] [--set KEY=VALUE]... -- what crossrec costs, beside a yardstick in the
# same run; without names all of it, which takes about two hours and 8 GB of memory. The figures of
# docs/performance.md. Not part of tests/run.sh.
#
#     intake        poll to deduplicated event, beside a bare librdkafka consumer         3 min
#     decode        decoding, beside avro-c                                               1 min
#     learn         learning an event, ranking a list, beside reference/rank.c            see learn.sh
#     path          whole path on Kafka and Redis, beside a Kafka Streams job            30 min
#     yardstick     that job alone: is it as fast as it should be?                       15 min
#     latency       event to Redis at half of the highest rate                           15 min
#     memory        bytes a user and an item                                              1 min
#     growth        CPU an event with more users (10 k to 1 M), more items (1 k to 1 M)   8 min
#     instances     CPU an event of 1, 2, 4 instances                                    15 min
#     restart       cold, warm, taken over, with 1 M users                                5 min
#     transactions  state = kafka beside state = memory                                  10 min
#     redis         lists to one Redis, and what they need there                          1 min
#     profile       flame graphs and shares of stages, by perf; only if named             3 min
#
# Installs what it needs. Prints medians, ratios within pairs and their spread, machine and versions;
# BENCH_OUT (build/bench-out) gets a JSON file and a plot (SVG) a name. --quick: one pair, short runs, to see
# that it works. BENCH_BUILD: a build to use, which must have the benches; otherwise build/bench is made.
# BENCH_LARGE=1: growth with 10 M users too (another 12 GB).
set -eu
root=$(CDPATH='' cd -- "$(dirname -- "$0")/../.." && pwd)
here=$root/tests/bench
all='decode intake learn path yardstick latency memory growth instances restart transactions redis'
names= pairs=5 seconds=20 quick= sets=

usage() {
    sed -n 's/^# \{0,1\}//; 3,25p' "$0" >&2
    exit 2
}
while [ $# -gt 0 ]; do
    case $1 in
        --pairs) [ $# -gt 1 ] || usage; pairs=$2; shift ;;
        --set) [ $# -gt 1 ] || usage; sets="$sets --set $2"; shift ;;
        --quick) quick=1 pairs=1 seconds=6 ;;
        -*) usage ;;
        *)
            case " $all profile " in *" $1 "*) names="$names $1" ;; *) usage ;; esac
            ;;
    esac
    shift
done
[ -n "$names" ] || names=$all

. "$root/deploy/packages.sh"
need_build_packages
need_test_packages
cd "$root"
sh tests/integration/kafka_install.sh >/dev/null
build=${BENCH_BUILD:-}
if [ -z "$build" ]; then
    build=$root/build/bench
    cmake --preset bench >/dev/null && cmake --build --preset bench -j "$(nproc)" >/dev/null
fi
out=${BENCH_OUT:-$root/build/bench-out}
mkdir -p "$out"

# A bench in C, which appends to BENCH_SAMPLES.
samples() {
    name=$1
    shift
    python3 "$here/report.py" "$name" "$out" "$@"
}
# shellcheck disable=SC2086 # $sets is a list of words
whole() {
    what=$1
    shift
    python3 "$here/path.py" "$what" "$build" "$out" --pairs "$pairs" --seconds "$seconds" $sets "$@"
}
need_jdk() {
    command -v javac >/dev/null || _packages_need 'openjdk-17-jdk-headless|openjdk-21-jdk-headless'
}

run() {
    tests=$build/tests
    case $1 in
        intake) python3 "$here/intake.py" "$build" "$out" --pairs "$pairs" --events "$([ "$quick" ] && echo 500000 || echo 1000000)" ;;
        decode) samples decode "$tests/bench_decode" "$([ "$quick" ] && echo 5 || echo 21)" ;;
        learn) samples learn sh "$here/learn.sh" --rounds "$pairs" ;;
        path | yardstick)
            need_jdk
            jars=$(sh "$here/streams_build.sh")
            whole "$1" --jars "$jars"
            ;;
        latency | instances | transactions) whole "$1" ;;
        memory)
            if [ "$quick" ]; then samples memory "$tests/bench_memory" 20000 2000; else samples memory "$tests/bench_memory"; fi
            ;;
        growth)
            if [ "$quick" ]; then
                samples growth-users "$tests/bench_growth" users 10000 30000 && samples growth-items "$tests/bench_growth" items 1000 10000
            else
                samples growth-users "$tests/bench_growth" users 10000 100000 1000000 ${BENCH_LARGE:+10000000} &&
                    samples growth-items "$tests/bench_growth" items 1000 10000 100000 1000000
            fi
            ;;
        profile) # a build of its own: with frame pointers
            command -v perf >/dev/null || _packages_need 'linux-perf|linux-tools-generic'
            cmake -S "$root" -B "$root/build/profile" -G Ninja -DCMAKE_BUILD_TYPE=Release -DBUILD_TESTING=OFF \
                -DCMAKE_C_FLAGS=-fno-omit-frame-pointer >/dev/null
            cmake --build "$root/build/profile" -j "$(nproc)" >/dev/null
            (build=$root/build/profile && whole profile)
            ;;
        restart) samples restart "$tests/bench_restart" "$([ "$quick" ] && echo 20000 || echo 1000000)" ;;
        redis) samples redis "$tests/bench_redis" ;;
    esac
}

status=0
for name in $names; do
    echo "== $name"
    run "$name" || { echo "run.sh: $name: exit $?" >&2; status=1; }
done
exit "$status"
