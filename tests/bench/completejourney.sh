#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# completejourney.sh [SAMPLE] -- 1.4 million real purchases through a real Kafka and Redis; see
# completejourney.c. Tests 1 order in SAMPLE (default 1). Minutes, not part of tests/run.sh.
set -eu
root=$(CDPATH='' cd -- "$(dirname -- "$0")/../.." && pwd)
. "$root/deploy/packages.sh"
need_build_packages
need_test_packages
cd "$root"
sh tests/integration/kafka_install.sh >/dev/null
data=$(sh tests/data/completejourney.sh "${TMPDIR:-/tmp}/crossrec-completejourney" | grep 'journey.tsv$')
cmake --preset bench >/dev/null && cmake --build --preset bench -j "$(nproc)" >/dev/null
exec build/bench/tests/bench_completejourney "$data" "${1:-1}"
