#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# run.sh -- deploy/redis-acl.conf in a real redis-server: what each user may do and, command by command,
# key by key, what he may not. redis-py lives in a virtual environment, that of tests/triggers.
# Exit status: 0 it holds, 1 not, 77 there is no Redis 7 or no redis-py: a reason to skip on a laptop, a
# failure (1) where CI is true.
set -eu
here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)
# shellcheck source=../venv.sh
. "$here/../venv.sh"

command -v redis-server >/dev/null || missing acl "redis-server is missing; apt-get install redis-server"
venv triggers "$here/../triggers/requirements.txt" redis-py
exec "$python" -B "$here/acl_test.py" "$here/../../deploy/redis-acl.conf"
