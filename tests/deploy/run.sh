#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# run.sh CROSSREC -- the files of deploy/ that other programs load: alert rules (promtool checks them and
# plays them through), the dashboard (a JSON schema; its queries by promtool), and that both name only
# metrics that there are, and docs/operations.md every alert.
#
# promtool is taken from the PATH, else out of Debian's package prometheus, which is downloaded into the
# cache and not installed. Without one its part is left out by name. PyYAML and jsonschema live in a
# virtual environment. Exit status: 0 all is well, 1 not, 77 no virtual environment: a reason to skip
# on a laptop, a failure (1) where CI is true.
set -eu
here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)
# shellcheck source=../venv.sh
. "$here/../venv.sh"
crossrec=${1:?usage: run.sh CROSSREC}
venv deploy "$here/requirements.txt" "PyYAML and jsonschema"

cache=${CROSSREC_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/crossrec}/promtool
fetch_promtool() {
    command -v apt-get >/dev/null && command -v dpkg-deb >/dev/null || return 1
    work=$(mktemp -d /tmp/crossrec-promtool-XXXXXX)
    if (cd "$work" && apt-get download prometheus && dpkg-deb -x prometheus*.deb x) >"$work/log" 2>&1; then
        mkdir -p "$cache"
        mv "$work/x/usr/bin/promtool" "$cache/promtool.$$" && mv "$cache/promtool.$$" "$cache/promtool"
    fi
    rm -rf "$work"
    [ -x "$cache/promtool" ]
}
promtool=$(command -v promtool || true)
[ -n "$promtool" ] || promtool=$cache/promtool
[ -x "$promtool" ] || fetch_promtool || {
    echo "deploy: promtool is left out: apt-get install prometheus, or put it into the PATH"
    promtool=
}
exec "$python" -B "$here/deploy_test.py" "$here/../.." "$crossrec" "$promtool"
