#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# check_tidy.sh ROOT BUILD_DIR -- fails when clang-tidy (.clang-tidy) finds something in models/ or
# consumer/. BUILD_DIR has compile_commands.json and the generated headers.
# What clang-tidy finds differs between major versions: 14 (Debian 12) decides, others only tell.
set -eu
root=$1 build=$2
cd "$root"
if ! command -v clang-tidy >/dev/null; then
    echo "tidy: skipped, there is no clang-tidy; type: apt-get install clang-tidy" >&2
    exit 77
fi
if [ ! -f "$build/compile_commands.json" ]; then
    echo "tidy: there is no $build/compile_commands.json; configure with cmake first" >&2
    exit 1
fi
version=$(clang-tidy --version | sed -n 's/.*version \([0-9]*\)\..*/\1/p')
log=$(mktemp "${TMPDIR:-/tmp}/crossrec-tidy.XXXXXX")
trap 'rm -f "$log"' EXIT

# One file a process, two at a time; each prints when it has finished.
status=0
printf '%s\n' models/*.c consumer/*.c | xargs -P 2 -n 1 sh -c '
    found=$(clang-tidy --quiet -p "$0" "$1" 2>&1) || { printf "%s\n" "$found"; exit 1; }
' "$build" >"$log" || status=$?
[ "$status" -ne 0 ] || exit 0
grep -vE '^[0-9]+ warnings? (generated|treated)|^Suppressed |^Use -header-filter' "$log" >&2 || true
[ "$version" = 14 ] && exit 1
echo "tidy: only told, because this is clang-tidy $version and the tree follows 14" >&2
exit 77
