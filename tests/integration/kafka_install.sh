#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# kafka_install.sh -- puts the broker of the integration tests into the cache, once.
#
#     ${CROSSREC_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/crossrec}/kafka/lib/*.jar
#     ${CROSSREC_CACHE:-...}/kafka/kafka.jsa      class archive: start in 0.5 s, not 1.3 s
#
# Needs java (17 or newer), mvn and flock; installs no packages. Safe to run at any time and
# twice at once: everything is made aside and renamed into place, under a lock. The archive
# is made again when java changed, the jars when kafka_pom.xml changed. Prints the directory.
set -eu
here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)
cache=${CROSSREC_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/crossrec}/kafka
node_id=MkU3OEVBNTcwNTJENDM2Qk

fail() {
    echo "kafka_install: $*" >&2
    exit 1
}
command -v java >/dev/null || fail "java is missing; apt-get install openjdk-17-jre-headless"
mkdir -p "$cache"
exec 9>"$cache/.lock"
flock 9 # the second one waits and then finds everything done
work=$(mktemp -d "$cache/.new-XXXXXX")
broker=
cleanup() {
    [ -z "$broker" ] || kill -9 "$broker" 2>/dev/null || true
    rm -rf "$work"
}
trap cleanup EXIT
trap 'exit 1' HUP INT TERM

# ---- jars ------------------------------------------------------------------------
# The pom is copied beside the jars last: it marks a complete directory and its version.
if ! cmp -s "$here/kafka_pom.xml" "$cache/lib/pom.xml"; then
    command -v mvn >/dev/null || fail "mvn is missing; apt-get install maven"
    mvn -B -q -f "$here/kafka_pom.xml" dependency:copy-dependencies -DincludeScope=runtime \
        "-DoutputDirectory=$work/lib" >"$work/mvn.log" 2>&1 || {
        cat "$work/mvn.log" >&2
        fail "the jars could not be downloaded"
    }
    cp "$here/kafka_pom.xml" "$work/lib/pom.xml"
    if [ -e "$cache/lib" ]; then
        mv "$cache/lib" "$work/old"
    fi
    mv "$work/lib" "$cache/lib"
    rm -f "$cache/kafka.jsa" "$cache/kafka.jsa.java"
fi

# ---- class archive -----------------------------------------------------------------
# It holds paths, sizes and times of the jars in this order: hence after the rename.
java -version >"$work/java" 2>&1
if [ ! -e "$cache/kafka.jsa" ] || ! cmp -s "$work/java" "$cache/kafka.jsa.java"; then
    cp=$(find "$cache/lib" -name '*.jar' | LC_ALL=C sort | paste -sd:)
    ip=127.7.255.$((2 + $$ % 250))
    cat >"$work/server.properties" <<EOF
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@$ip:9093
listeners=PLAINTEXT://$ip:9092,CONTROLLER://$ip:9093
advertised.listeners=PLAINTEXT://$ip:9092
controller.listener.names=CONTROLLER
listener.security.protocol.map=CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT
log.dirs=$work/data
log.cleaner.dedupe.buffer.size=2097152
EOF
    jvm="-Xmx128m -XX:TieredStopAtLevel=1 -XX:+UseSerialGC"
    # shellcheck disable=SC2086
    java $jvm -cp "$cp" kafka.tools.StorageTool format -t $node_id \
        -c "$work/server.properties" >"$work/log" 2>&1 || {
        cat "$work/log" >&2
        fail "the broker's directory could not be formatted"
    }
    # shellcheck disable=SC2086
    java $jvm "-XX:ArchiveClassesAtExit=$work/kafka.jsa" \
        -Dorg.slf4j.simpleLogger.defaultLogLevel=warn \
        -Dorg.slf4j.simpleLogger.log.kafka.server.KafkaRaftServer=info \
        -cp "$cp" kafka.Kafka "$work/server.properties" >"$work/log" 2>&1 9>&- &
    broker=$!
    tries=0
    until grep -q 'Kafka Server started' "$work/log"; do
        tries=$((tries + 1))
        if [ $tries -gt 600 ] || ! kill -0 "$broker" 2>/dev/null; then
            cat "$work/log" >&2
            fail "the broker did not start"
        fi
        sleep 0.1
    done
    kill -TERM "$broker"
    wait "$broker" || true
    broker=
    [ -s "$work/kafka.jsa" ] || {
        cat "$work/log" >&2
        fail "java made no class archive"
    }
    mv "$work/java" "$cache/kafka.jsa.java"
    mv "$work/kafka.jsa" "$cache/kafka.jsa"
fi
echo "$cache"
