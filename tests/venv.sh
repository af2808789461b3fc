# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=sh
#
# venv.sh -- a Python virtual environment for a test, made once in the cache, under a lock, and again
# when its requirements or python3 changed. To be sourced:
#
#     . tests/venv.sh
#     missing NAME REASON [LOG]        ends the script: 77, a reason to skip on a laptop; where CI is
#                                      true 1, a failure
#     venv NAME REQUIREMENTS LIBRARY   sets $python; LIBRARY is what a message calls them
#
# The cache is ${CROSSREC_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/crossrec}/NAME.

missing() {
    [ ! -s "${3:-/dev/null}" ] || tail -n 5 "$3" >&2
    if [ "${CI:-}" = true ]; then
        echo "$1: $2" >&2
        exit 1
    fi
    echo "$1: skipped: $2" >&2
    exit 77
}

# _venv_made_by REQUIREMENTS: what the environment is made of; it holds a copy once it is complete
_venv_made_by() {
    command -v python3
    python3 --version
    cat "$1"
}

venv() {
    _cache=${CROSSREC_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/crossrec}/$1
    command -v flock >/dev/null || missing "$1" "flock is missing; apt-get install util-linux"
    python3 -c 'import venv, ensurepip' >/dev/null 2>&1 ||
        missing "$1" "python3 with its venv module is missing; apt-get install python3-venv"
    mkdir -p "$_cache"
    exec 9>"$_cache/.lock"
    flock 9 # the second one waits and then finds everything done
    _venv_made_by "$2" >"$_cache/wanted"
    if ! cmp -s "$_cache/wanted" "$_cache/venv/made-by"; then
        rm -rf "$_cache/venv"
        if ! { python3 -m venv "$_cache/venv" && "$_cache/venv/bin/python" -m pip install --quiet \
            --disable-pip-version-check -r "$2"; } >"$_cache/install.log" 2>&1; then
            missing "$1" "pip could not install $3" "$_cache/install.log"
        fi
        mv "$_cache/wanted" "$_cache/venv/made-by"
    fi
    exec 9>&-
    python=$_cache/venv/bin/python
}
