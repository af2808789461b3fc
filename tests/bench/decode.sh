#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# decode.sh [ROUNDS] -- nanoseconds an event beside avro-c's generic path; see decode.c. Exits 1 if
# it is not ten times as fast.
set -eu
root=$(CDPATH='' cd -- "$(dirname -- "$0")/../.." && pwd)
. "$root/deploy/packages.sh"
need_build_packages
need_test_packages
cd "$root"
cmake --preset bench >/dev/null && cmake --build --preset bench -j "$(nproc)" --target bench_decode >/dev/null
exec build/bench/tests/bench_decode "${1:-21}"
