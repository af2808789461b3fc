#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Rows of a table from the runs of one stream, in turns; see learn.sh.

usage: learn.py NAME <RUNS, lines "ours ... | rank mean 1.0 us p50 1.0 p99 1.0 | ..." or "reference ..."
"""
import os
import os
import re
import statistics
import sys


def values(line, what):
    """Mean and median of `what` on a line; None where it has none."""
    found = re.search(r"\| " + what + r" mean ([0-9.]+) us p50 ([0-9.]+)", line)
    return (float(found.group(1)), float(found.group(2))) if found else None


def spread(numbers):
    """Median of some, and between what they lie."""
    middle = statistics.median(numbers)
    return f"{middle:.2f} ({min(numbers):.2f}..{max(numbers):.2f})"


def put_samples(name, what, mine, other):
    """Appends means and medians to the file of run.sh (sample.h), if there is one."""
    path = os.environ.get("BENCH_SAMPLES")
    with open(path or os.devnull, "a") as f:
        for k, of in enumerate(("", ", medians of calls")):
            for i, m in enumerate(mine):
                yardstick = other[i][k] if i < len(other) and other[i] else "-"
                f.write(f"{what}, {name}{of}\tus CPU\t{m[k]}\t{yardstick}\t-\n")


def note(what, mine, other):
    """Appends medians as samples to the file that $BENCH_SAMPLES names; see sample.h."""
    path = os.environ.get("BENCH_SAMPLES")
    if path:
        with open(path, "a", encoding="utf-8") as f:
            for k, m in enumerate(mine):
                yardstick = other[k][1] if other and other[k] else "-"
                f.write(f"{what}\tus\t{m[1]}\t{yardstick}\t-\n")


def main():
    lines = sys.stdin.read().splitlines()
    ours = [line for line in lines if line.startswith("ours")]
    theirs = [line for line in lines if line.startswith("reference")]
    for what in ("learn", "rank", "lists"):
        mine = [values(line, what) for line in ours]
        row = f"{sys.argv[1]} {what}: us mean {spread([m[0] for m in mine])}"
        row += f" p50 {spread([m[1] for m in mine])}"
        other = [values(line, what) for line in theirs]
        if other and other[0]:
            row += f" | reference mean {spread([o[0] for o in other])}"
            row += f" p50 {spread([o[1] for o in other])}"
            for k, name in enumerate(("means", "medians")):
                row += f" | ratio of {name} {spread([m[k] / o[k] for m, o in zip(mine, other)])}"
            # neither can be better for what another program did to the reference's mean
            row += f" | our mean by its p50 {spread([m[0] / o[1] for m, o in zip(mine, other)])}"
        print(row, flush=True)
        note(f"{what}, {sys.argv[1]}", mine, other)
        put_samples(sys.argv[1], what, mine, other)


if __name__ == "__main__":
    main()
