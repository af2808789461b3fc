#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# run.sh -- the consumer in docs/triggers.md, run against a redis-server with redis-py, which lives in
# a virtual environment.
#
# The environment is made once, in ${CROSSREC_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/crossrec}/triggers,
# under a lock, and again when requirements.txt or python3 changed.
# Exit status: 0 it does what the text says, 1 not, 77 redis-py could not be installed: a reason to skip
# on a laptop, a failure (1) where CI is true.
set -eu
here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)
# shellcheck source=../venv.sh
. "$here/../venv.sh"

command -v redis-server >/dev/null || missing triggers "redis-server is missing; apt-get install redis-server"
venv triggers "$here/requirements.txt" redis-py
exec "$python" -B "$here/consumer_test.py" "$here/../../docs/triggers.md"
