#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# run.sh CROSSREC [DOC ...] -- takes every example out of docs/redis.md, docs/triggers.md and docs/ask.md and runs
# it as it stands, against `crossrec demo`: what is typed in a shell, Python and Node.
#
# The examples use the ports that users have, 6379 and 9464: so it runs in a network namespace of its own
# where that can be had, else on this machine if both are free. redis-py lives in a virtual environment,
# the Node client in the cache; without npm the examples in Node are left out by name.
# Exit status: 0 all run, 1 not, 77 it cannot be tried here: a reason to skip on a laptop, a failure (1)
# where CI is true.
set -eu
here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)
# shellcheck source=../venv.sh
. "$here/../venv.sh"
crossrec=${1:?usage: run.sh CROSSREC [DOC ...]}
shift
[ $# -gt 0 ] || set -- redis triggers ask
for need in redis-server redis-cli curl; do
    command -v $need >/dev/null || missing docs "$need is missing; apt-get install redis-server curl"
done
venv docs "$here/requirements.txt" redis-py
cache=${CROSSREC_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/crossrec}/docs

node_client() {
    command -v node >/dev/null && command -v npm >/dev/null || return 1
    [ -d "$cache/node/node_modules/redis" ] && return 0
    mkdir -p "$cache/node"
    (cd "$cache/node" && npm install --no-audit --no-fund --silent redis@4.7.0) >"$cache/npm.log" 2>&1
}
node=$cache/node/node_modules
node_client || {
    echo "docs: the examples in Node are left out: there is no npm, or it cannot install redis"
    node=
}

enter=
if unshare -n true 2>/dev/null; then
    enter="unshare -n"
elif ! "$python" -B "$here/docs_test.py" --free; then
    missing docs "port 6379 or 9464 is taken, and there is no right to make a network namespace"
fi
exec $enter "$python" -B "$here/docs_test.py" "$here/../../docs" "$crossrec" "$node" "$@"
