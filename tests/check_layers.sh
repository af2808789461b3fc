#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# check_layers.sh ROOT -- fails when an #include breaks the dependency rules.
#   1. models/ includes the C standard library, <cblas.h> and "models" headers; room.c alone asks for
#      huge pages, which changes no result.
#   2. Each third-party header is included by one .c file of consumer/, and by no .h file.
#   3. The pipeline includes no adapter: it sees ports.h.
set -eu
cd "$1"
bad=0
complain() {
    echo "layers: $*" >&2
    bad=1
}

allowed='<(assert|errno|float|inttypes|limits|math|stdalign|stdarg|stdatomic|stdbool|stddef|stdint|stdio|stdlib|string|cblas)\.h>'
found=$(grep -nE '^#include <' models/*.[ch] | grep -vE "$allowed" |
    grep -vE '^models/room\.c:[0-9]+:#include <sys/mman\.h>$' || true)
[ -z "$found" ] || complain "models/ may not include: $found"

for inc in $(grep -hoE '^#include "[^"]+"' models/*.[ch] | cut -d'"' -f2 | sort -u); do
    [ -f "models/$inc" ] || complain "models/ includes \"$inc\", which is not in models/"
done

for lib in librdkafka/ avro hiredis/ microhttpd jansson sodium ini.h curl/ lmdb; do
    users=$(grep -lE "^#include <$lib" models/*.[ch] consumer/*.[ch] 2>/dev/null || true)
    n=$(printf '%s' "$users" | grep -c . || true)
    [ "$n" -le 1 ] || complain "<$lib...> belongs in one file, not: $users"
    case $users in *.h*) complain "<$lib...> leaks through a header: $users" ;; esac
done

for file in intake letter merge task publish publisher committer instance instance_input \
    instance_tasks instance_publish rec; do
    for adapter in kafka redis http avro; do
        found=$(grep -nE "^#include \"$adapter\.h\"" "consumer/$file.c" "consumer/$file.h" \
            2>/dev/null || true)
        [ -z "$found" ] || complain "the pipeline may not include an adapter: $found"
    done
done
exit $bad
