#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# soak.sh -- does memory grow? Two instances under load, a third one that joins and leaves every
# minute, so that whole tasks move; the resident memory of the two every 10 s: what is theirs
# (RssAnon; the checkpoints' pages, which are mapped files, come and go as the kernel likes).
#
#     tests/fault/soak.sh                   30 minutes
#     tests/fault/soak.sh --minutes N       N minutes, 6 at least
#         --rate N      events a second (400)
#         --build DIR   a build that is there already, instead of the release preset's
#         --keep        logs and samples stay in /tmp/crossrec-soak-*
#
# Real Kafka, real Redis, state = kafka with checkpoints. 600 users and 200 items, so that everything
# that may grow with them (histories, sets, pairs) has grown after the first half: that is the
# warm-up. Of the rest the slope is printed, by least squares, with its standard error; and the mean
# of the last quarter minus that of the third. Exit status 1 if of an instance
#
#     the slope is above BOUND KB a minute (0.2 % of its memory, 256 at least) by two standard
#     errors and the last quarter is above the third by more than the same bound times its minutes,
#
# or if it ended, undid what it should not, or is behind when the load has ended. 77: no server.
set -eu
here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)
root=$(CDPATH='' cd -- "$here/../.." && pwd)
minutes=30 rate=400 build='' keep=''
while [ $# -gt 0 ]; do
    case $1 in
        -h | --help) sed -n '3,23s/^# \{0,1\}//p' "$0" && exit 0 ;;
        --minutes) minutes=$2 && shift ;;
        --rate) rate=$2 && shift ;;
        --build) build=$2 && shift ;;
        --keep) keep=yes ;;
        *) echo "soak.sh: what is $1? See --help" >&2 && exit 2 ;;
    esac
    shift
done
[ "$minutes" -ge 6 ] || minutes=6
for need in java redis-server curl awk; do
    command -v $need >/dev/null || { echo "soak.sh: $need is missing" >&2 && exit 77; }
done
if [ -z "$build" ]; then
    build=$root/build/release
    (cd "$root" && cmake --preset release && cmake --build --preset release --target crossrec) >/dev/null
fi
crossrec=$build/crossrec
jars=$(sh "$root/tests/integration/kafka_install.sh")/lib
dir=$(mktemp -d /tmp/crossrec-soak-XXXXXX)
pids=''
finish() {
    for p in $pids; do kill -9 "$p" 2>/dev/null || true; done
    [ -n "$keep" ] || rm -rf "$dir"
}
trap finish EXIT
trap 'exit 1' HUP INT TERM

# ---- servers -------------------------------------------------------------------------------------
ip=127.8.$(($$ % 250 + 1)).$(($$ / 250 % 250 + 1))
cat >"$dir/server.properties" <<X
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@$ip:9093
listeners=PLAINTEXT://$ip:9092,CONTROLLER://$ip:9093
advertised.listeners=PLAINTEXT://$ip:9092
controller.listener.names=CONTROLLER
listener.security.protocol.map=CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT
log.dirs=$dir/kafka
auto.create.topics.enable=false
offsets.topic.num.partitions=1
offsets.topic.replication.factor=1
transaction.state.log.num.partitions=1
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
group.initial.rebalance.delay.ms=0
group.min.session.timeout.ms=1000
log.cleaner.dedupe.buffer.size=2097152
X
cp=$(find "$jars" -name '*.jar' | LC_ALL=C sort | paste -sd:)
java -cp "$cp" kafka.tools.StorageTool format -t MkU3OEVBNTcwNTJENDM2Qk \
    -c "$dir/server.properties" >"$dir/format.log" 2>&1
java -Xmx256m -XX:+UseSerialGC -Dorg.slf4j.simpleLogger.defaultLogLevel=warn -cp "$cp" kafka.Kafka \
    "$dir/server.properties" >"$dir/kafka.log" 2>&1 &
pids="$pids $!"
redis-server --port 0 --unixsocket "$dir/redis.sock" --save '' >"$dir/redis.log" 2>&1 &
pids="$pids $!"

cat >"$dir/crossrec.ini" <<X
[crossrec]
group = soak
state = kafka
[kafka]
bootstrap.servers = $ip:9092
session.timeout.ms = 6000
heartbeat.interval.ms = 500
[redis]
address = unix:$dir/redis.sock
[domain.course]
repeats = yes
[domain.food]
repeats = yes
X

# ---- load ----------------------------------------------------------------------------------------
# A user's next item is near his last ones, so that pairs are learned and not only noise.
awk -v n=$((minutes * 60 * rate)) -v rate="$rate" -v now="$(date +%s)" 'BEGIN {
    srand(1)
    for (k = 0; k < n; k++) {
        u = int(rand() * 600)
        d = rand() < 0.5 ? "course" : "food"
        printf "%.3f\t%s\tu%d\t%s%d\n", now + k / rate, d, u, substr(d, 1, 1),
               (u * 7 + int(rand() * rand() * 100)) % 100
    }
}' >"$dir/events.tsv"
at=0
until "$crossrec" replay "$dir/events.tsv" --limit 1 --create 4 --config "$dir/crossrec.ini" \
    >"$dir/create.log" 2>&1; do
    at=$((at + 1))
    [ $at -lt 60 ] || { cat "$dir/create.log" >&2 && exit 1; }
    sleep 0.5
done

# start NUMBER: an instance; its pid in $pid
start() {
    "$crossrec" run --config "$dir/crossrec.ini" --set instance.id="i$1" --set http.address="$ip:946$1" \
        --set state.dir="$dir/state$1" >>"$dir/log$1" 2>&1 &
    pid=$!
    pids="$pids $pid"
}
start 1 && one=$pid
start 2 && two=$pid
"$crossrec" replay "$dir/events.tsv" --rate "$rate" --config "$dir/crossrec.ini" >"$dir/replay.log" 2>&1 &
load=$!
pids="$pids $load"

# ---- the soak ------------------------------------------------------------------------------------
resident() { awk '/^RssAnon/ {print $2}' "/proc/$1/status" 2>/dev/null || echo 0; }
metric() { curl -s --max-time 5 "http://$ip:946$1/metrics" | awk -v m="^$2[{ ]" '$0 ~ m {s += $2} END {printf "%.0f", s}'; }
alive() { kill -0 "$1" 2>/dev/null; }
echo "seconds   RSS 1, KB   RSS 2, KB   tasks 1   tasks 2   lag"
began=$(date +%s)
third='' rounds=0
while now=$(($(date +%s) - began)) && [ $now -lt $((minutes * 60)) ]; do
    alive "$one" && alive "$two" || { echo "an instance ended:" && tail -n 5 "$dir"/log[12] && exit 1; }
    printf '%7d %11d %11d %9s %9s %5s\n' $now "$(resident "$one")" "$(resident "$two")" \
        "$(metric 1 'crossrec_tasks{state="running"}')" "$(metric 2 'crossrec_tasks{state="running"}')" \
        "$(($(metric 1 crossrec_lag_records) + $(metric 2 crossrec_lag_records)))" | tee -a "$dir/samples"
    if [ -z "$third" ] && [ $((now % 60)) -ge 20 ] && [ $((now % 60)) -lt 40 ]; then
        start 3 && third=$pid && rounds=$((rounds + 1))
    elif [ -n "$third" ] && [ $((now % 60)) -ge 40 ]; then
        [ $((rounds % 3)) -eq 0 ] && kill -9 "$third" || kill "$third" # every third time unasked
        wait "$third" 2>/dev/null || true
        third=''
    fi
    sleep $((10 - ($(date +%s) - began) % 10))
done
[ -z "$third" ] || { kill "$third" && wait "$third" || true; }
wait "$load" || { cat "$dir/replay.log" >&2 && exit 1; }
at=0
while lag=$(($(metric 1 crossrec_lag_records) + $(metric 2 crossrec_lag_records))) && [ "$lag" -gt 0 ]; do
    at=$((at + 1))
    [ $at -lt 60 ] || { echo "FAILED: $lag records behind a minute after the load has ended" && exit 1; }
    sleep 1
done

# ---- the verdict ---------------------------------------------------------------------------------
echo
echo "$rounds times a third instance joined and left (every third time by kill -9); $((minutes * 60 * rate)) events"
code=0
for k in 1 2; do
    awk -v k=$k -v total=$((minutes * 60)) '
        { t = $1 / 60; v = $(k + 1) }
        $1 >= total / 2 { n++; x += t; y += v; xx += t * t; xy += t * v; yy += v * v }
        $1 >= total / 2 && $1 < total * 3 / 4 { n3++; s3 += v }
        $1 >= total * 3 / 4 { n4++; s4 += v }
        END {
            sxx = xx - x * x / n; slope = (xy - x * y / n) / sxx
            rest = yy - y * y / n - slope * slope * sxx
            error = sqrt((rest > 0 ? rest : 0) / (n - 2) / sxx)
            mean = y / n; bound = mean * 0.002 > 256 ? mean * 0.002 : 256
            rise = s4 / n4 - s3 / n3; may = bound * total / 4 / 60
            grows = slope - 2 * error > bound && rise > may
            printf "instance %d: %.0f KB, slope %+.0f +- %.0f KB/min after %.0f min (bound %.0f), last quarter %+.0f KB (bound %.0f): %s\n",
                   k, mean, slope, error, total / 120, bound, rise, may, grows ? "GROWS" : "flat"
            exit grows
        }' "$dir/samples" || code=1
done
exit $code
