# SPDX-License-Identifier: Apache-2.0
"""intake.py -- CPU an event from poll to a validated, merged, deduplicated event, without learning, beside a
bare librdkafka consumer of the same topics, in turns.

    tests/bench/run.sh intake
    python3 tests/bench/intake.py FOLDER OUT [--pairs N] [--events N]

FOLDER is a build (crossrec, tests/bench_intake). The topics have 4 partitions each and are filled before.
"""
import argparse
import os
import subprocess
import sys
import tempfile

import path
import report
import stand


def cost(s, tool, side, n):
    out = subprocess.run([tool, side, s.brokers, str(n)], check=True, capture_output=True, text=True).stdout.split()
    return float(out[0]) / float(out[1]) / 1000


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("build")
    p.add_argument("out")
    p.add_argument("--pairs", type=int, default=5)
    p.add_argument("--events", type=int, default=1000000)
    a = p.parse_args()
    tool = os.path.join(a.build, "tests/bench_intake")
    r = report.Report("intake", "bare librdkafka: poll, destroy")
    with stand.Stand(os.path.join(a.build, "crossrec")) as s, tempfile.NamedTemporaryFile(suffix=".tsv") as f:
        path.make_events("zipf", a.events, f.name)
        s.create_topics(f.name, path.PARTITIONS)
        s.fill(f.name)
        for k in range(a.pairs):
            theirs = cost(s, tool, "bare", a.events)
            ours = cost(s, tool, "ours", a.events)
            r.add("poll to deduplicated event", "us CPU/event", ours, theirs)
            print(f"  {k + 1}: {ours:.3f} us beside {theirs:.3f} us", flush=True)
    r.finish(a.out)


if __name__ == "__main__":
    sys.exit(main())
