#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# learn.sh [--rounds N] [--reference FILE] [STREAM.tsv...] -- CPU time of learning an event and of
# ranking a list, beside the reference (one C file, FILE: ../shared/reference/rank.c unless it is said),
# built with the flags in its header and run on the same streams, in turns; see learn.c. Without streams:
# worlds of 10,000 items and of a million, and coco where it is at hand. ROUNDS: 5.
#
# A ratio is our mean by the reference's mean of the same round, and our median by its median: the
# reference reads a clock that goes on while others have the CPU, so that on a busy machine its means
# grow and only the medians compare. Printed: median of the rounds, and the least and largest.
set -eu
root=$(CDPATH='' cd -- "$(dirname -- "$0")/../.." && pwd)
. "$root/deploy/packages.sh"
rounds=5
reference=$root/../shared/reference/rank.c
while [ $# -gt 0 ]; do
    case $1 in
    --rounds) rounds=$2; shift 2 ;;
    --reference) reference=$2; shift 2 ;;
    --*) sed -n '4,10s/^# //p' "$0" >&2; exit 2 ;;
    *) break ;;
    esac
done
need_build_packages
need_test_packages
cd "$root"
cmake --preset bench >/dev/null && cmake --build --preset bench -j "$(nproc)" --target bench_learn >/dev/null
ours=build/bench/tests/bench_learn
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
if [ $# -eq 0 ]; then
    "$ours" --world 10000 200000 "$work/items-10k.tsv"
    "$ours" --world 1000000 2000000 "$work/items-1M.tsv"
    set -- "$work/items-10k.tsv" "$work/items-1M.tsv"
    if [ -f "$root/../shared/data/coco.tsv.xz" ]; then
        xz -dc "$root/../shared/data/coco.tsv.xz" >"$work/coco.tsv"
        set -- "$work/coco.tsv" "$@"
    fi
fi
if [ -f "$reference" ]; then
    gcc -O3 -march=native -ffast-math -fno-finite-math-only -w -o "$work/reference" "$reference" -lm
else
    echo "learn.sh: left out: the reference; there is no $reference" >&2
fi
for stream in "$@"; do
    : >"$work/runs"
    k=0
    while [ $k -lt "$rounds" ]; do
        "$ours" "$stream" | sed 's/^/ours /' >>"$work/runs"
        if [ -x "$work/reference" ]; then
            "$work/reference" "$stream" | sed -n '1s/^/reference /p' >>"$work/runs"
        fi
        k=$((k + 1))
    done
    python3 "$root/tests/bench/learn.py" "$(basename "$stream" .tsv)" <"$work/runs"
done
