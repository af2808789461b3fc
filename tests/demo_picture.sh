#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# demo_picture.sh -- the picture of the live view that README.md has: plays the demo in a tmux of
# 100 x 30 for some seconds and prints what stands there as text.
#
#     tests/demo_picture.sh [CROSSREC [SECONDS [COLUMNS ROWS]]]
#     CROSSREC  build/release/crossrec by default
#
# Needs tmux (apt-get install tmux). To look at it in colour: tmux, then deploy/demo.sh.
set -eu
root=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd)
program=${1:-$root/build/release/crossrec}
seconds=${2:-33}
columns=${3:-100}
rows=${4:-30}
command -v tmux >/dev/null || {
    echo "tmux is missing: apt-get install tmux" >&2
    exit 77
}
socket=crossrec-picture-$$
tm() {
    tmux -L "$socket" -f /dev/null -u "$@"
}
# the demo is asked to end, and has a moment for it: it starts a Redis of its own
cleanup() {
    tm send-keys q 2>/dev/null || true
    tries=0
    while tm has-session 2>/dev/null && [ "$tries" -lt 100 ]; do
        sleep 0.1
        tries=$((tries + 1))
    done
    tm kill-server 2>/dev/null || true
}
trap cleanup EXIT
trap 'exit 1' HUP INT TERM
LC_ALL=C.UTF-8 tm new-session -d -x "$columns" -y "$rows" "LC_ALL=C.UTF-8 '$program' demo"
sleep "$seconds"
tm capture-pane -p
