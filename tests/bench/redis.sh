#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# redis.sh [RECS [USERS [key=value...]]] -- recs of ten items a second to one Redis, round trips a
# pipeline, memory of a rec; see redis.c. About a quarter of a minute. Exits 1 if a target of DESIGN.md
# is missed.
set -eu
root=$(CDPATH='' cd -- "$(dirname -- "$0")/../.." && pwd)
. "$root/deploy/packages.sh"
need_build_packages
need_test_packages
cd "$root"
cmake --preset bench >/dev/null && cmake --build --preset bench -j "$(nproc)" --target bench_redis >/dev/null
exec build/bench/tests/bench_redis "$@"
