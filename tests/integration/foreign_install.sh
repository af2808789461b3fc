#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# foreign_install.sh -- puts the foreign clients of test_foreign into the cache, once.
#
#     ${CROSSREC_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/crossrec}/foreign/venv/bin/python
#     ${CROSSREC_CACHE:-...}/foreign/lib/*.jar       avro, kafka-clients, a Java compiler
#     ${CROSSREC_CACHE:-...}/foreign/classes         tests/foreign/Produce.java, compiled
#
# confluent-kafka and fastavro from PyPI in a virtual environment, Java's from Maven Central. Needs
# python3 with venv, java (17 or newer, a JRE will do), mvn and flock; installs no packages. Safe
# to run at any time and twice at once: everything is made under a lock, what marks it as complete
# last. A part is made again when what it is made of changed. Prints the directory.
#
# Exit status: 0 all is there; 77 something cannot be had, with the reason: a reason to skip on a
# laptop, a failure (1) where CI is set.
set -eu
here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)
foreign=$here/../foreign
cache=${CROSSREC_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/crossrec}/foreign

# missing REASON [LOG]
missing() {
    [ ! -s "${2:-/dev/null}" ] || tail -n 8 "$2" >&2
    if [ -n "${CI:-}" ]; then
        echo "foreign_install: FAILED: $1" >&2
        exit 1
    fi
    echo "foreign_install: SKIPPED: $1" >&2
    exit 77
}
command -v flock >/dev/null || missing "flock is missing; apt-get install util-linux"
command -v java >/dev/null || missing "java is missing; apt-get install openjdk-17-jre-headless"
python3 -c 'import venv, ensurepip' >/dev/null 2>&1 ||
    missing "python3 with its venv module is missing; apt-get install python3-venv"
mkdir -p "$cache"
exec 9>"$cache/.lock"
flock 9 # the second one waits and then finds everything done
work=$(mktemp -d "$cache/.new-XXXXXX")
trap 'rm -rf "$work"' EXIT
trap 'exit 1' HUP INT TERM

# ---- Python -----------------------------------------------------------------------
# Made in place, as its scripts know where it is; the marker is written last. Wheels only: a
# source build of librdkafka would take minutes and then fail for want of something.
{
    command -v python3
    python3 --version
    cat "$foreign/requirements.txt"
} >"$work/made-by"
if ! cmp -s "$work/made-by" "$cache/venv/made-by"; then
    rm -rf "$cache/venv"
    python3 -m venv "$cache/venv" >"$work/log" 2>&1 ||
        missing "python3 cannot make a virtual environment" "$work/log"
    if ! "$cache/venv/bin/python" -m pip install --quiet --disable-pip-version-check \
        --only-binary :all: -r "$foreign/requirements.txt" >"$work/log" 2>&1; then
        if grep -qi 'no matching distribution' "$work/log"; then
            missing "pip found no wheel of it for $(python3 --version) on $(uname -m): PyPI has none \
or is out of reach" "$work/log"
        fi
        missing "pip could not install confluent-kafka and fastavro" "$work/log"
    fi
    mv "$work/made-by" "$cache/venv/made-by"
fi

# ---- jars -------------------------------------------------------------------------
# The pom is copied beside the jars last: it marks a complete directory and its version.
if ! cmp -s "$here/foreign_pom.xml" "$cache/lib/pom.xml"; then
    command -v mvn >/dev/null || missing "mvn is missing; apt-get install maven"
    mvn -B -q -f "$here/foreign_pom.xml" dependency:copy-dependencies -DincludeScope=runtime \
        "-DoutputDirectory=$work/lib" >"$work/log" 2>&1 ||
        missing "the jars could not be downloaded from Maven Central" "$work/log"
    cp "$here/foreign_pom.xml" "$work/lib/pom.xml"
    rm -rf "$cache/lib" "$cache/classes"
    mv "$work/lib" "$cache/lib"
fi

# ---- Produce.java -------------------------------------------------------------------
if ! cmp -s "$foreign/Produce.java" "$cache/classes/Produce.java"; then
    if ! java -cp "$cache/lib/*" org.eclipse.jdt.internal.compiler.batch.Main -source 17 \
        -target 17 -warn:none -d "$work/classes" "$foreign/Produce.java" >"$work/log" 2>&1; then
        cat "$work/log" >&2
        echo "foreign_install: FAILED: tests/foreign/Produce.java does not compile" >&2
        exit 1
    fi
    cp "$foreign/Produce.java" "$work/classes/Produce.java"
    rm -rf "$cache/classes"
    mv "$work/classes" "$cache/classes"
fi
echo "$cache"
