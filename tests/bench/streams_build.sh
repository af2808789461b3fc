#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# streams_build.sh -- builds tests/bench/kafka-streams in the cache, once, and prints its class path:
#
#     ${CROSSREC_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/crossrec}/bench-streams
#
# Needs java (17 or newer), mvn and flock. Made again when its sources or the schemas change.
set -eu
root=$(CDPATH='' cd -- "$(dirname -- "$0")/../.." && pwd)
source=$root/tests/bench/kafka-streams
cache=${CROSSREC_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/crossrec}/bench-streams
mkdir -p "$cache"
exec 9>"$cache/.lock"
flock 9 # the second one waits and then finds everything done

stamp=$(cd "$root" && find tests/bench/kafka-streams tests/bench/streams_build.sh schemas/CourseView.avsc \
    schemas/FoodOrder.avsc -type f | LC_ALL=C sort | xargs cksum | cksum)
if [ "$stamp" != "$(cat "$cache/stamp" 2>/dev/null)" ]; then
    rm -rf "$cache/work" "$cache/stamp"
    mkdir -p "$cache/work/schemas"
    cp -r "$source/." "$cache/work/"
    for name in CourseView FoodOrder; do # times are numbers: see pom.xml
        sed 's/, *"logicalType": *"timestamp-millis"//' "$root/schemas/$name.avsc" >"$cache/work/schemas/$name.avsc"
    done
    if ! (cd "$cache/work" && mvn -B -q -DskipTests "-Dschemas=$cache/work/schemas" package) >"$cache/mvn.log" 2>&1; then
        cat "$cache/mvn.log" >&2
        exit 1
    fi
    echo "$stamp" >"$cache/stamp"
fi
echo "$cache/work/target/bench.jar:$(find "$cache/work/target/lib" -name '*.jar' | LC_ALL=C sort | paste -sd:)"
