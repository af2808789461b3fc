#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# bare.sh [DISTRIBUTION...] [-- COMMAND] -- CI where nothing is installed yet: a fresh clone of HEAD in a root
# that debootstrap has just made, of each distribution in turn. Not part of tests/run.sh.
#
#     tests/bare.sh                                  bookworm and trixie (Debian 12, 13): half an hour each
#     tests/bare.sh trixie -- tests/run.sh --quick   one of them, another command
#
# Needs root, debootstrap, and 8 GB in TMPDIR. What was printed is in build/bare-logs. Each root is removed
# in the end, and what still runs in it is ended.
set -eu
root=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd)
distributions='' command=.ci/run
while [ $# -gt 0 ]; do
    case $1 in
        --) shift && command="$*" && break ;;
        -h | --help) sed -n '4,11s/^# \{0,1\}//p' "$0" && exit 0 ;;
        -*) echo "bare.sh: unknown argument $1; try tests/bare.sh --help" >&2 && exit 2 ;;
        *) distributions="$distributions $1" && shift ;;
    esac
done
if [ "$(id -u)" != 0 ] || ! command -v debootstrap >/dev/null; then
    echo "bare.sh: must be run as root, with debootstrap installed: apt-get install debootstrap" >&2
    exit 2
fi
logs=$root/build/bare-logs
mkdir -p "$logs"
dir=

# Nothing is removed while this machine's own files are still mounted in it.
remove() {
    [ -n "$dir" ] || return 0
    for p in /proc/[0-9]*; do
        [ "$(readlink "$p/root" 2>/dev/null)" != "$dir" ] || kill -9 "${p#/proc/}" 2>/dev/null || true
    done
    sleep 1
    for m in dev/pts dev sys proc; do
        ! mountpoint -q "$dir/$m" || umount "$dir/$m" || { echo "bare.sh: $dir is left: unmount $dir/$m" >&2 && return 0; }
    done
    rm -rf --one-file-system "$dir"
    dir=
}
trap remove EXIT
trap 'exit 130' INT TERM

# make DISTRIBUTION: a root with a clone in it, which trusts whom this machine trusts
make() {
    debootstrap --variant=minbase "$1" "$dir"
    mkdir -p "$dir/usr/local/share/ca-certificates"
    cp -r /usr/local/share/ca-certificates/. "$dir/usr/local/share/ca-certificates/"
    cp /etc/resolv.conf /etc/hosts "$dir/etc/"
    git clone -q "$root" "$dir/crossrec"
    for m in proc sys dev dev/pts; do
        mount --bind "/$m" "$dir/$m"
    done
}

status=0
for name in ${distributions:-bookworm trixie}; do
    log=$logs/$name.log
    dir=$(mktemp -d "${TMPDIR:-/tmp}/crossrec-bare-XXXXXX")
    chmod 755 "$dir"
    echo "== $name: $command (tail -f $log)"
    if make "$name" >"$log" 2>&1 &&
        chroot "$dir" env -i HOME=/root PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
            LANG=C.UTF-8 sh -c "cd /crossrec && exec $command" >>"$log" 2>&1; then
        tail -n 1 "$log"
    else
        tail -n 40 "$log"
        status=1
    fi
    remove
done
exit "$status"
