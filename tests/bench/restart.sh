#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# restart.sh [USERS] -- seconds to the first event: cold, warm, after kill -9, taken over; with
# 1,000,000 users (default) about four minutes, 4 GB of memory and 4 GB of disk. See restart.c; the
# figures of docs/scaling.md. Exits 1 if a warm restart with a million users takes 2 s or more. Not part of
# tests/run.sh. RESTART_LOGS=1 shows the daemons' logs.
set -eu
root=$(CDPATH='' cd -- "$(dirname -- "$0")/../.." && pwd)
. "$root/deploy/packages.sh"
need_build_packages
need_test_packages
cd "$root"
sh tests/integration/kafka_install.sh >/dev/null
cmake --preset bench >/dev/null && cmake --build --preset bench -j "$(nproc)" --target crossrec bench_restart >/dev/null
exec build/bench/tests/bench_restart "${1:-1000000}"
