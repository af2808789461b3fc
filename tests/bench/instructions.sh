#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# instructions.sh PROGRAM -- instructions of decoding and mapping an event, learning one, and ranking a list,
# as callgrind counts them; fails where one needs more than its bound: about 1.6 times what -O2, 2.4 times
# what a release needed when the bounds were set; lower them when a path became shorter. The same on every machine, whatever runs beside it. 77 (skipped) without valgrind.
# PROGRAM is bench_instructions of an optimised build without sanitizers.
set -eu
if ! command -v valgrind >/dev/null; then
    echo 'instructions: skipped: valgrind is not installed'
    exit 77
fi
dir=$(mktemp -d "${TMPDIR:-/tmp}/crossrec-instructions.XXXXXX")
trap 'rm -rf "$dir"' EXIT
trap 'exit 1' HUP INT TERM

status=0
check() { # FUNCTION BOUND
    if ! OPENBLAS_NUM_THREADS=1 valgrind --tool=callgrind --callgrind-out-file="$dir/out" --collect-atstart=no \
        --toggle-collect="$1" "$program" >"$dir/stdout" 2>"$dir/stderr"; then
        cat "$dir/stderr" >&2
        exit 1
    fi
    collected=$(sed -n 's/.*Collected *: *\([0-9]*\).*/\1/p' "$dir/stderr")
    times=$(sed -n "s/^$1 //p" "$dir/stdout")
    each=$((collected / times))
    echo "$1: $each instructions each, at most $2"
    [ "$each" -gt 0 ] && [ "$each" -le "$2" ] || status=1
}

program=$1
check count_decode 1400
check count_learn 320000
check count_rank 345000
exit "$status"
