#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# run.sh CROSSREC -- the snippets of docs/pseudonyms.md, taken out of it, and `crossrec pseudonym`: do
# all four make the same pseudonyms?
#
# Java is compiled by the JDK if there is one, else by the compiler that tests/integration/foreign_install.sh
# put into the cache. A language that is not here is left out by name; exit status 77 if fewer than
# two are left, 1 where one differs, or where CI is true and one is missing.
set -eu
here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)
doc=$here/../../docs/pseudonyms.md
crossrec=${1:?usage: run.sh CROSSREC}
cache=${CROSSREC_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/crossrec}/foreign
dir=$(mktemp -d /tmp/crossrec-pseudonyms-XXXXXX)
trap 'rm -rf "$dir"' EXIT

snippet() { awk -v tag="\`\`\`$1" '$0 == tag {on = 1; next} /^```/ {on = 0} on' "$doc"; }

# Ids of any script, quotes, long ones; keys with and without line ends, also one that is no UTF-8.
printf '%s\n' u690 'o'"'"'brien "x"' 'ünï-用户-😀' ' spaces  inside' a >"$dir/ids"
awk 'BEGIN { for (k = 0; k < 255; k++) printf "x"; print "" }' >>"$dir/ids"
printf '0123456789abcdef' >"$dir/bare.key"
printf 'a key of a partner, with spaces \n' >"$dir/unix.key"
printf 'a key that was written elsewhere\r\n' >"$dir/dos.key"
printf '\377\376\001\200 bytes, of which one line end is kept\n\n' >"$dir/bytes.key"
awk 'BEGIN { for (k = 0; k < 1024; k++) printf "k" }' >"$dir/long.key"

{
    snippet python
    cat <<'X'
import sys
for key in sys.argv[2:]:
    for line in open(sys.argv[1], encoding="utf-8", newline="\n"):
        print(pseudonym(key, line[:-1]))
X
} >"$dir/pseudonym.py"
{
    snippet js
    cat <<'X'
const lines = readFileSync(process.argv[2], "utf8").split("\n").slice(0, -1);
for (const key of process.argv.slice(3)) for (const id of lines) console.log(pseudonym(key, id));
X
} >"$dir/pseudonym.js"
{
    echo 'public class Pseudonym {'
    snippet java
    cat <<'X'
    public static void main(String[] a) throws Exception {
        for (int k = 1; k < a.length; k++)
            for (String id : java.nio.file.Files.readAllLines(java.nio.file.Path.of(a[0])))
                System.out.println(pseudonym(java.nio.file.Path.of(a[k]), id));
    }
}
X
} >"$dir/Pseudonym.java"

n=0 missing=''
left_out() {
    missing="$missing $1"
    echo "pseudonyms: $1 is left out: $2"
}
# compare NAME: what it printed with what crossrec prints
compare() {
    if cmp -s "$dir/crossrec.out" "$dir/$1.out"; then
        n=$((n + 1))
        echo "pseudonyms: $1 agrees in $(wc -l <"$dir/$1.out") names"
    else
        echo "pseudonyms: $1 DIFFERS (crossrec left)" >&2
        diff "$dir/crossrec.out" "$dir/$1.out" | head >&2
        exit 1
    fi
}

for key in "$dir"/*.key; do
    while IFS= read -r id; do
        "$crossrec" pseudonym food "$id" --set privacy.key.food="$key" | sed 's/.*://'
    done <"$dir/ids"
done >"$dir/crossrec.out" 2>"$dir/crossrec.err"
grep -q 'chmod 600' "$dir/crossrec.err" # the keys are readable by others: it says so

if command -v python3 >/dev/null; then
    python3 "$dir/pseudonym.py" "$dir/ids" "$dir"/*.key >"$dir/python.out"
    compare python
else
    left_out python "apt-get install python3"
fi
if command -v node >/dev/null; then
    node "$dir/pseudonym.js" "$dir/ids" "$dir"/*.key >"$dir/node.out"
    compare node
else
    left_out node "apt-get install nodejs"
fi
if command -v javac >/dev/null; then
    javac -encoding UTF-8 -d "$dir" "$dir/Pseudonym.java"
elif command -v java >/dev/null && ls "$cache"/lib/*.jar >/dev/null 2>&1; then
    java -cp "$cache/lib/*" org.eclipse.jdt.internal.compiler.batch.Main -source 17 -target 17 \
        -encoding UTF-8 -warn:none -d "$dir" "$dir/Pseudonym.java"
fi
if [ -e "$dir/Pseudonym.class" ]; then
    java -Dfile.encoding=UTF-8 -cp "$dir" Pseudonym "$dir/ids" "$dir"/*.key >"$dir/java.out"
    compare java
else
    left_out java "no compiler: a JDK, or tests/integration/foreign_install.sh"
fi

[ -z "$missing" ] || [ "${CI:-}" != true ] || { echo "pseudonyms: CI needs all three" >&2 && exit 1; }
[ "$n" -ge 2 ] || exit 77
