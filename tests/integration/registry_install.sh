#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# registry_install.sh -- puts the schema registry of the integration tests into the cache, once.
#
#     ${CROSSREC_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/crossrec}/registry/app/registry.jar
#     ${CROSSREC_CACHE:-...}/registry/registry.jsa      class archive: start in 1.5 s, not 3 s
#
# Apicurio Registry from Maven Central. Needs java (17 or newer), mvn and flock; installs no
# packages. Safe to run at any time and twice at once: everything is made aside and renamed into
# place, under a lock. The archive is made again when java changed. Prints the directory.
set -eu
version=3.0.9 # 3.3 needs java 21
cache=${CROSSREC_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/crossrec}/registry

fail() {
    echo "registry_install: $*" >&2
    exit 1
}
command -v java >/dev/null || fail "java is missing; apt-get install openjdk-17-jre-headless"
mkdir -p "$cache"
exec 9>"$cache/.lock"
flock 9 # the second one waits and then finds everything done
work=$(mktemp -d "$cache/.new-XXXXXX")
server=
cleanup() {
    [ -z "$server" ] || kill -9 "$server" 2>/dev/null || true
    rm -rf "$work"
}
trap cleanup EXIT
trap 'exit 1' HUP INT TERM

# ---- jars ------------------------------------------------------------------------
# The version is written last: it marks a complete directory.
if [ "$(cat "$cache/app/version" 2>/dev/null)" != "$version" ]; then
    command -v mvn >/dev/null || fail "mvn is missing; apt-get install maven"
    # 2.8: newer ones also want the descriptors of its parents, which are not on Central
    mvn -B -q org.apache.maven.plugins:maven-dependency-plugin:2.8:copy \
        "-Dartifact=io.apicurio:apicurio-registry-app:$version:tar.gz:all" \
        "-DoutputDirectory=$work" >"$work/mvn.log" 2>&1 || {
        cat "$work/mvn.log" >&2
        fail "the registry could not be downloaded"
    }
    mkdir "$work/app"
    tar xzf "$work/apicurio-registry-app-$version-all.tar.gz" -C "$work/app"
    mv "$work/app/apicurio-registry-app-$version-runner.jar" "$work/app/registry.jar"
    echo "$version" >"$work/app/version"
    if [ -e "$cache/app" ]; then
        mv "$cache/app" "$work/old"
    fi
    mv "$work/app" "$cache/app"
    rm -f "$cache/registry.jsa" "$cache/registry.jsa.java"
fi

# ---- class archive -----------------------------------------------------------------
# It holds paths, sizes and times of the jars: hence after the rename.
java -version >"$work/java" 2>&1
if [ ! -e "$cache/registry.jsa" ] || ! cmp -s "$work/java" "$cache/registry.jsa.java"; then
    ip=127.8.255.$((2 + $$ % 250))
    java -Xmx256m -XX:TieredStopAtLevel=1 -XX:+UseSerialGC \
        "-XX:ArchiveClassesAtExit=$work/registry.jsa" \
        "-Dquarkus.http.host=$ip" -Dquarkus.http.port=8080 \
        -Dapicurio.storage.kind=sql -Dapicurio.storage.sql.kind=h2 \
        "-Dapicurio.datasource.url=jdbc:h2:file:$work/data/registry" \
        -jar "$cache/app/registry.jar" >"$work/log" 2>&1 9>&- &
    server=$!
    tries=0
    until grep -q 'Using the following RegistryStorage' "$work/log"; do
        tries=$((tries + 1))
        if [ $tries -gt 600 ] || ! kill -0 "$server" 2>/dev/null; then
            cat "$work/log" >&2
            fail "the registry did not start"
        fi
        sleep 0.1
    done
    sleep 1 # until it listens: the more classes the better
    kill -TERM "$server"
    wait "$server" || true
    server=
    [ -s "$work/registry.jsa" ] || {
        cat "$work/log" >&2
        fail "java made no class archive"
    }
    mv "$work/java" "$cache/registry.jsa.java"
    mv "$work/registry.jsa" "$cache/registry.jsa"
fi
echo "$cache"
