# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=sh
#
# packages.sh -- installs the Debian and Ubuntu packages that are missing. To be sourced:
#
#     . deploy/packages.sh
#     need_build_packages      what crossrec is built of, and redis-server
#     need_kafka_packages      what a real Kafka broker needs
#     need_test_packages       what the tests need besides
#
# If all of them are there, apt is not touched. Otherwise they are installed as root or by
# sudo, and one line says so; without either, a message says what to type, and the status
# is 1. Names are taken as this release has them: a|b means a, or where there is no a, b.
# Known to work on Debian 12 and 13 and on Ubuntu 24.04.

CROSSREC_BUILD_PACKAGES='build-essential cmake ninja-build pkg-config|pkgconf
    librdkafka-dev libavro-dev libhiredis-dev libopenblas-pthread-dev|libopenblas-dev
    libmicrohttpd-dev libjansson-dev libsodium-dev libinih-dev liblmdb-dev
    libcurl4-openssl-dev|libcurl4-gnutls-dev redis-server'
CROSSREC_KAFKA_PACKAGES='default-jre-headless|openjdk-17-jre-headless|openjdk-21-jre-headless
    maven ca-certificates'
CROSSREC_TEST_PACKAGES='libcmocka-dev clang clang-format clang-tidy
    default-jre-headless|openjdk-17-jre-headless|openjdk-21-jre-headless
    maven python3 python3-venv nodejs ca-certificates openssl gnuplot-nox xz-utils curl valgrind'

need_build_packages() {
    # shellcheck disable=SC2086 # a list of words
    _packages_need $CROSSREC_BUILD_PACKAGES
}

need_kafka_packages() {
    # shellcheck disable=SC2086
    _packages_need $CROSSREC_KAFKA_PACKAGES
}

need_test_packages() {
    # shellcheck disable=SC2086
    _packages_need $CROSSREC_TEST_PACKAGES
}

# _packages_have a|b: one of them is installed
_packages_have() {
    for _p in $(printf '%s' "$1" | tr '|' ' '); do
        case $(dpkg-query -W -f '${db:Status-Status}' "$_p" 2>/dev/null) in
            installed) return 0 ;;
        esac
    done
    return 1
}

# _packages_pick a|b: prints the first that this release has; if apt knows neither, the first
_packages_pick() {
    for _p in $(printf '%s' "$1" | tr '|' ' '); do
        if apt-cache policy "$_p" 2>/dev/null | grep -q 'Candidate: [^(]'; then
            echo "$_p"
            return 0
        fi
    done
    echo "${1%%|*}"
}

_packages_missing() {
    for _m in "$@"; do
        _packages_have "$_m" || printf '%s ' "$_m"
    done
}

_packages_names() {
    _n=
    for _m in "$@"; do
        _n="$_n $(_packages_pick "$_m")"
    done
    echo "${_n# }"
}

# _packages_apt LOG ARGS: apt-get, quiet, asking nothing
_packages_apt() {
    _log=$1
    shift
    # shellcheck disable=SC2086 # empty, or one word
    $_sudo env DEBIAN_FRONTEND=noninteractive NEEDRESTART_MODE=l \
        apt-get -y -o DPkg::Lock::Timeout=120 "$@" >>"$_log" 2>&1 </dev/null
}

# A redis-server that comes with the package would run as a service from now on. Nobody asked
# for one here: demo and tests start their own.
_packages_quiet_redis() {
    case " $1 " in *" redis-server "*) ;; *) return 0 ;; esac
    if [ -d /run/systemd/system ] && command -v systemctl >/dev/null 2>&1; then
        # shellcheck disable=SC2086
        $_sudo systemctl disable --now redis-server >/dev/null 2>&1 || true
    elif [ -x /etc/init.d/redis-server ]; then
        # shellcheck disable=SC2086
        $_sudo /etc/init.d/redis-server stop >/dev/null 2>&1 || true
    fi
}

_packages_need() {
    if ! command -v apt-get >/dev/null 2>&1 || ! command -v dpkg-query >/dev/null 2>&1; then
        echo "crossrec: no apt-get here; the tools and libraries that must be there:" >&2
        echo "  $*" | tr '\n' ' ' >&2
        echo >&2
        return 0 # cmake says what it does not find
    fi
    # shellcheck disable=SC2046 # a list of words
    set -- $(_packages_missing "$@")
    [ $# -gt 0 ] || return 0

    _sudo=
    if [ "$(id -u)" -ne 0 ]; then
        _sudo=sudo # asks for the password here, not in the middle
        if ! command -v sudo >/dev/null 2>&1 || ! sudo -v; then
            echo "crossrec: packages are missing, and this is neither root nor sudo; type as root:" >&2
            echo "  apt-get update && apt-get install $(_packages_names "$@")" >&2
            return 1
        fi
    fi

    _log=$(mktemp "${TMPDIR:-/tmp}/crossrec-apt.XXXXXX") || return 1
    _begin=$(date +%s)
    printf 'Installing %s packages with apt (once) ... ' "$#"
    _packages_apt "$_log" update || true # what is known already may do
    _names=$(_packages_names "$@")
    # shellcheck disable=SC2086 # a list of words
    if ! _packages_apt "$_log" install --no-install-recommends $_names; then
        echo "failed"
        tail -n 20 "$_log" >&2
        rm -f "$_log"
        echo "crossrec: apt could not install them; try yourself:" >&2
        echo "  ${_sudo:+sudo }apt-get update && ${_sudo:+sudo }apt-get install $_names" >&2
        return 1
    fi
    _packages_quiet_redis "$_names"
    rm -f "$_log"
    echo "$(($(date +%s) - _begin)) s"
}
