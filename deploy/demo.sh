#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# demo.sh -- from a fresh clone to the running demo: installs what is missing, builds, plays.
#
#     deploy/demo.sh [FLAGS]                  a synthetic world of two partner platforms
#     deploy/demo.sh --data completejourney   a year of real purchases, 1.4 million lines
#     deploy/demo.sh --help                   all flags
#
# Everything it starts it ends; the packages and the build (build/release) stay.
set -eu
root=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd)
# shellcheck source=packages.sh
. "$root/deploy/packages.sh"

log=
say_failed() {
    echo "failed"
    echo "The last lines of what was printed:" >&2
    tail -n 30 "$log" >&2
    rm -f "$log"
    exit 1
}

# A build folder that was made elsewhere (a moved clone) is made again.
configure() {
    if [ -f "$root/build/release/build.ninja" ] &&
        grep -qxF "CMAKE_HOME_DIRECTORY:INTERNAL=$root" "$root/build/release/CMakeCache.txt"; then
        return 0
    fi
    rm -rf "$root/build/release"
    (cd "$root" && cmake --preset release)
}

compile() {
    (cd "$root" && cmake --build --preset release --target crossrec)
}

# Nothing that it is made of is newer; ninja decides, this only says whether it will take time.
up_to_date() {
    [ -x "$root/build/release/crossrec" ] &&
        [ -z "$(cd "$root" && find CMakeLists.txt models consumer schemas \
            -newer build/release/crossrec -type f)" ]
}

build() {
    log=$(mktemp "${TMPDIR:-/tmp}/crossrec-build.XXXXXX")
    trap 'rm -f "$log"' EXIT
    trap 'exit 130' HUP INT TERM
    shown=
    if ! up_to_date; then
        shown=1
        printf 'Building crossrec ... '
    fi
    begin=$(date +%s)
    { configure && compile; } >"$log" 2>&1 || say_failed
    [ -z "$shown" ] || echo "$(($(date +%s) - begin)) s"
    rm -f "$log"
    trap - EXIT HUP INT TERM
}

# completejourney FLAGS: the files are made once and stay in the cache folder.
completejourney() {
    dir=${XDG_CACHE_HOME:-$HOME/.cache}/crossrec/completejourney
    if ! [ -s "$dir/completejourney.tsv" ]; then
        echo "Fetching completejourney and turning it into an event file (once, about a minute) ..."
    fi
    log=$(mktemp "${TMPDIR:-/tmp}/crossrec-data.XXXXXX")
    sh "$root/tests/data/completejourney.sh" "$dir" >"$log" 2>&1 || say_failed
    rm -f "$log"
    exec "$root/build/release/crossrec" demo --data "$dir/completejourney.tsv" \
        --catalogue "$dir/completejourney-catalogue.tsv" "$@"
}

need_build_packages
build

# --data completejourney, wherever it stands among the flags; the others stay as they are
real=
n=$#
while [ "$n" -gt 0 ]; do
    flag=$1
    shift
    n=$((n - 1))
    if [ "$flag" = --help ] || [ "$flag" = -h ]; then
        exec "$root/build/release/crossrec" demo --help
    elif [ "$flag" = --data=completejourney ]; then
        real=1
    elif [ "$flag" = --data ] && [ "$n" -gt 0 ] && [ "$1" = completejourney ]; then
        real=1
        shift
        n=$((n - 1))
    else
        set -- "$@" "$flag"
    fi
done
[ -z "$real" ] || completejourney "$@"
exec "$root/build/release/crossrec" demo "$@"
