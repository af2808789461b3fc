#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What the recommendations are worth on real streams: the tables of docs/models.md.

usage: quality.py CROSSREC STREAMS [--only NAME] [--completejourney DIR]

Runs `CROSSREC eval` over the streams that lie in STREAMS as NAME.tsv or NAME.tsv.xz (coco, grocery,
food-kitchen, completejourney: the sample) and, with --completejourney, over the whole of it as
tests/data/completejourney.sh makes it, and prints a row a run as Markdown.
"""
import argparse
import json
import lzma
import os
import shutil
import subprocess
import sys
import tempfile

# name of the row, stream, flags, slice
ROWS = [
    ("coco", "coco", [], None),
    ("grocery", "grocery", [], None),
    ("food-kitchen", "food-kitchen", [], None),
    ("food-kitchen: cold target", "food-kitchen", [], "cold target"),
    ("food-kitchen, links permuted: cold target", "food-kitchen", ["--permute-links", "1"],
     "cold target"),
    ("completejourney sample", "completejourney", [], None),
    ("completejourney sample, repeats", "completejourney", ["--repeats"], None),
    ("completejourney sample, repeats: repeat orders", "completejourney", ["--repeats"],
     "repeat orders"),
    ("coco, 4 tasks", "coco", ["--tasks", "4"], None),
    ("grocery, 4 tasks", "grocery", ["--tasks", "4"], None),
    ("coco, whole days", "coco", ["--day-batches"], None),
    ("grocery, whole days", "grocery", ["--day-batches"], None),
    ("food-kitchen, whole days", "food-kitchen", ["--day-batches"], None),
]
WHOLE = [
    ("completejourney whole, repeats, by order", ["--repeats", "--orders"], None),
    ("... repeat orders", ["--repeats", "--orders"], "repeat orders"),
]
CONTENT = ["--repeats", "--shuffle-orders", "1", "--to", "400000", "--from", "160000"]
MODELS = ["ranker", "twin", "linear", "together", "factors", "popular-1d", "popular-7d"]


def stream_path(folder, name, scratch):
    """The stream as a plain file; None if it is not there."""
    plain = os.path.join(folder, name + ".tsv")
    if os.path.exists(plain):
        return plain
    if not os.path.exists(plain + ".xz"):
        return None
    out = os.path.join(scratch, name + ".tsv")
    if not os.path.exists(out):
        with lzma.open(plain + ".xz") as source, open(out, "wb") as target:
            shutil.copyfileobj(source, target)
    return out


class Runs:
    """Runs of eval, each once."""

    def __init__(self, crossrec):
        self.crossrec = crossrec
        self.done = {}

    def get(self, path, flags):
        key = (path, *flags)
        if key not in self.done:
            command = [self.crossrec, "eval", "--json", "-", *flags, path]
            print("+ " + " ".join(command), file=sys.stderr)
            result = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
                                    check=True)
            self.done[key] = json.loads(result.stdout)
        return self.done[key]


def print_row(name, report, of):
    part = report["all"] if of is None else report["all"]["slices"][of]
    models = part["models"]
    best = report["all"]["best_baseline"]
    cells = [f"{models[m]['recall@10']:.4f}"[1:] if models.get(m, {}).get("n") else "-"
             for m in MODELS]
    chi2 = models[best]["chi2"]
    print(f"| {name} | {models['ranker']['n']:,} | **{cells[0]}** | {' | '.join(cells[1:])} "
          f"| {best} {chi2:,.0f} |", flush=True)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("crossrec")
    parser.add_argument("streams")
    parser.add_argument("--only", default="")
    parser.add_argument("--completejourney")
    args = parser.parse_args()
    runs = Runs(args.crossrec)
    print("| stream | n | " + " | ".join(MODELS) + " | chi2 against |")
    print("|---|" + "---|" * (len(MODELS) + 2))
    with tempfile.TemporaryDirectory(prefix="crossrec-quality-") as scratch:
        for name, stream, flags, of in ROWS:
            path = stream_path(args.streams, stream, scratch)
            if path and args.only in name:
                print_row(name, runs.get(path, flags), of)
    if not args.completejourney:
        return
    path = os.path.join(args.completejourney, "completejourney.tsv")
    catalogue = ["--catalogue", os.path.join(args.completejourney, "completejourney-catalogue.tsv"),
                 "--category", "type"]
    for name, flags, of in WHOLE:
        if args.only in name:
            print_row(name, runs.get(path, flags), of)
    for name, flags in (("shuffled lines, no content", CONTENT),
                        ("shuffled lines, content", CONTENT + catalogue)):
        for of in (None, "new pairs", "items < 5 events", "repeat orders"):
            if args.only in name:
                print_row(f"{name}: {of or 'all'}", runs.get(path, flags), of)


if __name__ == "__main__":
    main()
