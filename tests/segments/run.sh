#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# run.sh SEGMENTS_TOOL [ARGUMENTS OF lloyd.py] -- segments beside scikit-learn, which lives in a
# virtual environment.
#
# The environment is made once, in ${CROSSREC_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/crossrec}/segments,
# under a lock, and again when requirements.txt or python3 changed.
# Exit status: 0 all agree, 1 not (names and seeds are printed), 77 scikit-learn could not be
# installed: a reason to skip on a laptop, a failure (1) where CI is true.
set -eu
here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)
cache=${CROSSREC_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/crossrec}/segments

[ $# -ge 1 ] || {
    echo "usage: run.sh SEGMENTS_TOOL [--seed N] [--repeats N] [--rows REGEX]" >&2
    exit 2
}
tool=$1
shift

# missing REASON LOG
missing() {
    [ ! -s "${2:-/dev/null}" ] || tail -n 5 "$2" >&2
    if [ "${CI:-}" = true ]; then
        echo "segments: $1" >&2
        exit 1
    fi
    echo "segments: skipped: $1" >&2
    exit 77
}

# made_by: what the environment is made of; it holds a copy once it is complete
made_by() {
    command -v python3
    python3 --version
    cat "$here/requirements.txt"
}

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
        missing "pip could not install scikit-learn" "$cache/install.log"
    fi
    mv "$cache/wanted" "$cache/venv/made-by"
fi
exec 9>&-
exec "$cache/venv/bin/python" -B "$here/lloyd.py" --tool "$tool" "$@"
