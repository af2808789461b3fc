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
# shellcheck source=../venv.sh
. "$here/../venv.sh"

[ $# -ge 1 ] || {
    echo "usage: run.sh SEGMENTS_TOOL [--seed N] [--repeats N] [--rows REGEX]" >&2
    exit 2
}
tool=$1
shift

venv segments "$here/requirements.txt" scikit-learn
exec "$python" -B "$here/lloyd.py" --tool "$tool" "$@"
