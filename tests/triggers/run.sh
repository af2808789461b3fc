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
cache=${CROSSREC_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/crossrec}/triggers

# missing REASON LOG
missing() {
    [ ! -s "${2:-/dev/null}" ] || tail -n 5 "$2" >&2
    if [ "${CI:-}" = true ]; then
        echo "triggers: $1" >&2
        exit 1
    fi
    echo "triggers: skipped: $1" >&2
    exit 77
}

# made_by: what the environment is made of; it holds a copy once it is complete
made_by() {
    command -v python3
    python3 --version
    cat "$here/requirements.txt"
}

command -v redis-server >/dev/null || missing "redis-server is missing; apt-get install redis-server"
command -v flock >/dev/null || missing "flock is missing; apt-get install util-linux"
python3 -c 'import venv, ensurepip' >/dev/null 2>&1 ||
    missing "python3 with its venv module is missing; apt-get install python3-venv"
mkdir -p "$cache"
exec 9>"$cache/.lock"
flock 9 # the second one waits and then finds everything done
made_by >"$cache/wanted"
if ! cmp -s "$cache/wanted" "$cache/venv/made-by"; then
    rm -rf "$cache/venv"
    if ! { python3 -m venv "$cache/venv" && "$cache/venv/bin/python" -m pip install --quiet \
        --disable-pip-version-check -r "$here/requirements.txt"; } >"$cache/install.log" 2>&1; then
        missing "pip could not install redis-py" "$cache/install.log"
    fi
    mv "$cache/wanted" "$cache/venv/made-by"
fi
exec 9>&-
exec "$cache/venv/bin/python" -B "$here/consumer_test.py" "$here/../../docs/triggers.md"
