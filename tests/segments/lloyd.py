# SPDX-License-Identifier: Apache-2.0
"""lloyd.py --tool SEGMENTS_TOOL [--rows REGEX] [--seed N] [--repeats N]

Compares models/segments*.c and models/matching.c with scikit-learn and SciPy.

    inertia      of the segments over the newest WINDOW votes of a stream, at several places of it,
                 divided by that of KMeans(n_init=10) on the same window; both in units of the
                 window's standard deviations (row "raw": as they are). At most 1.05.
    silhouette   as silhouette_score; agreement as adjusted_rand_score
    choice       the silhouettes that segments_auto.h weighs, near those of KMeans
    matching     costs no more than linear_sum_assignment

Exit status 0 or 1; the seed is printed first, a line a row.
"""
import argparse
import json
import re
import subprocess
import sys

import numpy as np
from scipy.optimize import linear_sum_assignment
from sklearn.cluster import KMeans
from sklearn.metrics import adjusted_rand_score, silhouette_score

BOUND = 1.05
WINDOW = 5000
LOOKS = 4


class Tool:
    def __init__(self, path):
        self.path = path

    def run(self, stdin, *args):
        done = subprocess.run([self.path, *map(str, args)], input=stdin, stdout=subprocess.PIPE,
                              check=True, timeout=120)
        return done.stdout.decode()


# ---- streams: (rng, number of points) -> points, in the order of the stream ----------------

def seed_document(rng, n):
    """Its five groups: centre, and the standard deviation of the distance."""
    balls = np.array([[1.2, .7, .4, .5], [.8, .5, .2, .3], [.6, .8, .9, .4], [.3, .6, .5, .2],
                      [.4, .1, .3, .2]])
    mine = balls[rng.integers(0, 5, n)]
    return mine[:, :3] + mine[:, 3:] / np.sqrt(3) * rng.standard_normal((n, 3))


def uniform(rng, n):
    return rng.random((n, 4))


def skewed(rng, n):
    """Long, correlated, of very different scales; money that is log-normal."""
    a, b = rng.standard_normal((2, n))
    c = rng.integers(0, 6, n)
    return np.stack([500 * a + 300 * c, .9 * a + .3 * b, .1 * rng.standard_normal(n) + c % 2,
                     np.exp(.5 * b)], axis=1)


def groups(rng, n, k=8, dims=6, way=0.0, turn=False):
    """k groups of unit width and unequal size; their centres move by `way` times what lies
    between them, on a line, or around a circle and back."""
    start = 2.5 * rng.standard_normal((k, dims))
    end = start + way * (2.5 * rng.standard_normal((k, dims)) - start)
    share = .3 + rng.random(k)
    mine = rng.choice(k, n, p=share / share.sum())
    t = (np.arange(n) / n)[:, None]
    t = .5 - .5 * np.cos(2 * np.pi * t) if turn else t
    return start[mine] * (1 - t) + end[mine] * t + rng.standard_normal((n, dims))


def still(rng, n):
    return groups(rng, n)


def drift(rng, n):
    return groups(rng, n, way=1.0)


def there_and_back(rng, n):
    return groups(rng, n, way=.7, turn=True)


def fewer_groups(rng, n):
    return groups(rng, n, k=5, way=1.0)


# name, stream, k, half-life, points, scaled
ROWS = [
    ("seed document", seed_document, 5, 20000, 100000, True),
    ("seed document, raw", seed_document, 5, 20000, 100000, False),
    ("uniform", uniform, 8, 20000, 40000, True),
    ("skewed", skewed, 6, 20000, 40000, True),
    ("skewed, k 12", skewed, 12, 5000, 40000, True),
    ("still", still, 8, 20000, 60000, True),
    ("still, no decay", still, 12, float("inf"), 60000, True),
    ("drift, half-life 5,000", drift, 8, 5000, 150000, True),
    ("drift, half-life 10,000", drift, 8, 10000, 150000, True),
    ("drift, half-life 20,000", drift, 8, 20000, 150000, True),
    ("drift, k 6 of 8 groups", drift, 6, 20000, 150000, True),
    ("drift there and back", there_and_back, 8, 20000, 150000, True),
    ("drift, more segments than groups", fewer_groups, 8, 10000, 150000, True),
]


def inertia(points, centres):
    d2 = ((points[:, None, :] - centres[None, :, :]) ** 2).sum(axis=2)
    return d2.min(axis=1).sum()


def compare(tool, row, seed):
    _, make, k, half_life, n, scaled = row
    rng = np.random.default_rng(seed)
    points = np.ascontiguousarray(make(rng, n), dtype=np.float32)
    out = tool.run(points.tobytes(), "stream", k, points.shape[1], half_life, seed, 1000,
                   n // LOOKS)
    ratios = []
    for line in map(json.loads, out.splitlines()):
        window = points[max(0, line["at"] - WINDOW):line["at"]].astype(np.float64)
        centres = np.array(line["centroids"])
        assert centres.shape == (k, points.shape[1])
        sigma = window.std(axis=0) if scaled else 1.0
        best = KMeans(k, n_init=10, random_state=seed).fit(window / sigma).inertia_
        ratios.append(inertia(window / sigma, centres / sigma) / best)
    assert len(ratios) == LOOKS
    return ratios, line["seeded"]


def check_inertia(tool, args):
    bad = 0
    for row in ROWS:
        if not re.search(args.rows, row[0]):
            continue
        for seed in range(args.seed, args.seed + args.repeats):
            ratios, seeded = compare(tool, row, seed)
            wrong = max(ratios) > BOUND
            bad += wrong
            print(f"{'FAIL' if wrong else 'ok  '} {row[0]}, seed {seed}: "
                  + " ".join(f"{r:.4f}" for r in ratios) + f"  seeded {seeded} times", flush=True)
    return bad


# ---- measures -------------------------------------------------------------------------------

def check_measures(tool, args):
    rng = np.random.default_rng(args.seed)
    worst = 0.0
    for _ in range(20):
        n, dims, k = rng.integers(50, 300), rng.integers(1, 6), rng.integers(2, 13)
        points = (3 * rng.standard_normal((n, dims))).astype(np.float32)
        a, b = rng.integers(0, k, (2, n), dtype=np.uint8)
        b = np.where(rng.random(n) < .6, a, b)
        out = tool.run(points.tobytes() + a.tobytes() + b.tobytes(), "measure", dims, n)
        s, ari = map(float, out.split())
        worst = max(worst, abs(s - silhouette_score(points.astype(np.float64), a)),
                    abs(ari - adjusted_rand_score(a, b)))
    print(f"{'ok  ' if worst < 1e-6 else 'FAIL'} measures: at most {worst:.1e} from scikit-learn's")
    return worst >= 1e-6


def check_choice(tool, args):
    bad = 0
    rng = np.random.default_rng(args.seed)
    for k in (6, 8, 11):
        while True:  # centres that are groups of their own
            centres = 8 * rng.standard_normal((k, 4))
            apart = np.linalg.norm(centres[:, None] - centres[None], axis=2) + 99 * np.eye(k)
            if apart.min() > 9:
                break
        points = np.repeat(centres, 80, axis=0) + rng.standard_normal((80 * k, 4))
        points = np.ascontiguousarray(rng.permutation(points), dtype=np.float32)
        out = tool.run(points.tobytes(), "choose", 4, len(points), args.seed).split()
        mine = np.array(out[1:], dtype=float).reshape(-1, 3)[:, 1]
        theirs = [silhouette_score(points, KMeans(j, n_init=10, random_state=args.seed)
                                   .fit_predict(points)) for j in range(6, 13)]
        wrong = abs(mine - theirs).max() > .03 or int(out[0]) != 6 + int(np.argmax(theirs))
        bad += wrong
        print(f"{'FAIL' if wrong else 'ok  '} choice: {k} groups, {out[0]} chosen, silhouettes "
              f"within {abs(mine - theirs).max():.3f} of KMeans'")
    return bad


def check_matching(tool, args):
    rng = np.random.default_rng(args.seed)
    worst = 0.0
    for i in range(60):
        n = int(rng.integers(1, 17))
        cost = rng.integers(-9, 9, (n, n)) * 1.0 if i % 2 else 100 * rng.standard_normal((n, n))
        column = [int(c) for c in tool.run(cost.tobytes(), "match", n).split()]
        assert sorted(column) == list(range(n))
        rows, best = linear_sum_assignment(cost)
        worst = max(worst, cost[range(n), column].sum() - cost[rows, best].sum())
    print(f"{'ok  ' if worst < 1e-9 else 'FAIL'} matching: at most {worst:.1e} above SciPy's")
    return worst >= 1e-9


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--tool", required=True)
    parser.add_argument("--rows", default="", metavar="REGEX")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--repeats", type=int, default=1, help="seeds of each stream")
    args = parser.parse_args()
    print(f"seed {args.seed}")
    tool = Tool(args.tool)
    bad = check_matching(tool, args) + check_measures(tool, args) + check_choice(tool, args)
    bad += check_inertia(tool, args)
    print(f"{bad} failed" if bad else "all agree")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
