#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# scale.sh [EVENTS.tsv [--rate N]... [--limit N]] -- what an event costs in bytes and CPU by a real run,
# where the log of the shared model ends by a simulation, and what that means for 10 million users, a
# billion, and a million events a second: docs/scaling.md. See scale.h. Without a file it takes a year of
# real purchases (tests/data/completejourney.sh). Minutes; not part of tests/run.sh.
set -eu
root=$(CDPATH='' cd -- "$(dirname -- "$0")/../.." && pwd)
. "$root/deploy/packages.sh"
need_build_packages
need_test_packages
cd "$root"
sh tests/integration/kafka_install.sh >/dev/null
if [ $# -eq 0 ]; then
    data=$(sh tests/data/completejourney.sh "${TMPDIR:-/tmp}/crossrec-completejourney" | grep 'journey.tsv$')
    set -- "$data" --rate 100 --rate 1000 --limit 10000
fi
cmake --preset bench >/dev/null && cmake --build --preset bench -j "$(nproc)" --target crossrec bench_scale >/dev/null
exec build/bench/tests/bench_scale "$@"
