#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# demo.sh -- from a fresh clone to the running demo: installs what is missing, builds, plays.
#
#     deploy/demo.sh [FLAGS]                  a synthetic world of two partner platforms
#     deploy/demo.sh --kafka                  the same against a real Apache Kafka, which it
#                                             starts and stops: every event counts exactly once
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

# The files are made once and stay in the cache folder.
completejourney() {
    dir=${XDG_CACHE_HOME:-$HOME/.cache}/crossrec/completejourney
    if ! [ -s "$dir/completejourney.tsv" ]; then
        echo "Fetching completejourney and turning it into an event file (once, about a minute) ..."
    fi
    log=$(mktemp "${TMPDIR:-/tmp}/crossrec-data.XXXXXX")
    sh "$root/tests/data/completejourney.sh" "$dir" >"$log" 2>&1 || say_failed
    rm -f "$log"
}

# ---- a real broker -------------------------------------------------------------------

broker=
demo=
stop_broker() {
    if [ -n "$broker" ]; then
        kill "$broker" 2>/dev/null || true
        wait "$broker" 2>/dev/null || true
    fi
    rm -rf "$work"
}

java_broker() {
    # setsid: Ctrl-C is the demo's; setpriv: it dies with this shell, however that ends
    setsid setpriv --pdeathsig KILL java -Xmx512m -XX:+UseSerialGC -XX:TieredStopAtLevel=1 \
        -Dorg.slf4j.simpleLogger.defaultLogLevel=warn \
        -Dorg.slf4j.simpleLogger.log.kafka.server.KafkaRaftServer=info \
        "-XX:SharedArchiveFile=$cache/kafka.jsa" -Xshare:auto -cp "$cp" "$@"
}

broker_failed() {
    echo "failed"
    tail -n 20 "$work/log" >&2
    exit 1
}

# One node, KRaft, loopback, all of it in a temporary folder. An address of its own: two at once
# do not meet, and 9092 may be taken.
start_broker() {
    printf 'Starting Apache Kafka (the first time it is downloaded with Maven) ... '
    begin=$(date +%s)
    work=$(mktemp -d "${TMPDIR:-/tmp}/crossrec-kafka.XXXXXX")
    trap stop_broker EXIT
    trap 'exit 130' HUP INT TERM
    cache=$(sh "$root/tests/integration/kafka_install.sh" 2>"$work/log") || broker_failed
    cp=$(find "$cache/lib" -name '*.jar' | LC_ALL=C sort | paste -sd:)
    ip=127.9.$(($$ / 250 % 250 + 1)).$(($$ % 250 + 2))
    brokers=$ip:9092
    cat >"$work/server.properties" <<EOF
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@$ip:9093
listeners=PLAINTEXT://$ip:9092,CONTROLLER://$ip:9093
advertised.listeners=PLAINTEXT://$ip:9092
controller.listener.names=CONTROLLER
listener.security.protocol.map=CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT
log.dirs=$work/data
offsets.topic.num.partitions=1
offsets.topic.replication.factor=1
transaction.state.log.num.partitions=1
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
group.initial.rebalance.delay.ms=0
log.cleaner.dedupe.buffer.size=2097152
EOF
    java_broker kafka.tools.StorageTool format -t MkU3OEVBNTcwNTJENDM2Qk \
        -c "$work/server.properties" >"$work/log" 2>&1 || broker_failed
    java_broker kafka.Kafka "$work/server.properties" >"$work/log" 2>&1 </dev/null &
    broker=$!
    tries=0
    until grep -q 'Kafka Server started' "$work/log"; do
        tries=$((tries + 1))
        if [ $tries -gt 600 ] || ! kill -0 "$broker" 2>/dev/null; then
            broker_failed
        fi
        sleep 0.1
    done
    echo "$(($(date +%s) - begin)) s"
}

# In the background of this script, so that signals are passed on; in the foreground of the
# terminal, whose keys it reads. A signal ends `wait`, not the demo.
play_with_broker() {
    start_broker
    exec 3<&0
    "$program" demo "$@" --kafka --brokers "$brokers" <&3 &
    demo=$!
    exec 3<&-
    trap : INT # the terminal sends it to the demo, too
    trap 'kill -TERM $demo 2>/dev/null' HUP TERM
    status=130
    while kill -0 "$demo" 2>/dev/null; do
        status=0
        wait "$demo" || status=$?
    done
    exit $status
}

program=$root/build/release/crossrec
kafka=
for flag in "$@"; do
    [ "$flag" != --kafka ] || kafka=1
    if [ "$flag" = --help ] || [ "$flag" = -h ]; then
        kafka=
        break
    fi
done

need_build_packages
[ -z "$kafka" ] || need_kafka_packages
build

# --kafka and --data completejourney, wherever they stand among the flags; the others stay as they
# are, and what completejourney needs goes before them
real=
n=$#
while [ "$n" -gt 0 ]; do
    flag=$1
    shift
    n=$((n - 1))
    if [ "$flag" = --help ] || [ "$flag" = -h ]; then
        exec "$program" demo --help
    elif [ "$flag" = --kafka ]; then
        continue
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
if [ -n "$real" ]; then
    completejourney
    set -- --data "$dir/completejourney.tsv" --catalogue "$dir/completejourney-catalogue.tsv" "$@"
fi
[ -z "$kafka" ] || play_with_broker "$@"
exec "$program" demo "$@"
