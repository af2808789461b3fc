# SPDX-License-Identifier: Apache-2.0
"""seed_case.py DIR -- what batch programs make of the data of seed_case.c, beside what it made.

Segments: inertia of the online centroids on all points, beside scikit-learn's KMeans(5, n_init=10).
Lists: recall@10 of the held-out choices, without the items a user had taken. The truncated SVD is
scipy's svds(k=10) of the sparse 1,000 x N matrix of choices, A = U S V'. A user's vector is a row of V
and an item's a row of U, each times a power of S. The cosine's order of one user's items depends on how
much of S the item's vector has, so each usual way is tried, and the best of them is the yardstick:

    US, V     items times S, users as they are      U, VS     the projection: TruncatedSVD.transform()
    US^.5, VS^.5     S divided                      U, V      no S at all

Exit status 1 if inertia is more than 1.05 times KMeans', or recall is below that of the cosine.
"""
import sys
import time

import numpy as np
from scipy import sparse
from scipy.sparse.linalg import svds
from sklearn.cluster import KMeans

ITEMS, LIST, GROUPS, COMPONENTS = 1000, 10, 5, 10
CHUNK = 4096  # users whose scores are in memory at once
INERTIA_MOST = 1.05


class Data:
    def __init__(self, folder):
        def read(name, kind, width):
            return np.fromfile(f"{folder}/{name}", dtype=kind).reshape(-1, width)

        self.points = read("points.f32", "<f4", 3).astype(np.float64)
        self.centroids = read("centroids.f32", "<f4", 3).astype(np.float64)
        self.heldout = read("heldout.u32", "<u4", 1)[:, 0]
        self.lists = read("lists.u32", "<u4", LIST)
        self.best = read("best.u32", "<u4", LIST)
        self.users = len(self.points)
        user, item = read("train.u32", "<u4", 2).T
        self.events = len(user)
        self.taken = sparse.csr_matrix(
            (np.ones(self.events), (user, item)), shape=(self.users, ITEMS))
        with open(f"{folder}/seconds.txt", encoding="ascii") as lines:
            self.seconds = {name: float(s) for name, s in (line.split() for line in lines)}


# ---- segments ------------------------------------------------------------------------------------

def inertia(points, centroids):
    d2 = ((points[:, None, :] - centroids[None, :, :]) ** 2).sum(axis=2)
    return d2.min(axis=1).sum()


def segments(data):
    start = time.perf_counter()
    theirs = KMeans(GROUPS, n_init=10, random_state=0).fit(data.points).inertia_
    seconds = time.perf_counter() - start
    ours = inertia(data.points, data.centroids)
    ratio = ours / theirs
    print(f"segments of {data.users} points, inertia")
    print(f"  {'KMeans(5, n_init=10)':34} {theirs:12.2f} {seconds:9.2f} s")
    print(f"  {'online, one pass over the events':34} {ours:12.2f} {data.seconds['segments']:9.2f} s")
    print(f"  ratio {ratio:.4f}, at most {INERTIA_MOST}: {'yes' if ratio <= INERTIA_MOST else 'NO'}")
    return ratio <= INERTIA_MOST


# ---- lists ---------------------------------------------------------------------------------------

def top(data, score):
    """Everyone's LIST best items that were not taken; score(a, b): of users a..b-1, (b - a, ITEMS)."""
    lists = np.empty((data.users, LIST), dtype=np.uint32)
    for a in range(0, data.users, CHUNK):
        b = min(a + CHUNK, data.users)
        s = score(a, b)
        s[data.taken[a:b].nonzero()] = -np.inf
        lists[a:b] = np.argpartition(-s, LIST, axis=1)[:, :LIST]
    return lists


def unit(rows):
    return rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-12)


def hits(data, lists):
    return (lists == data.heldout[:, None]).any(axis=1)


def difference(a, b):
    """Of two recalls over the same users, and its sampling error."""
    d = a.astype(float) - b.astype(float)
    return d.mean(), d.std() / np.sqrt(len(d))


def show(name, hit, seconds=None):
    p = hit.mean()
    error = np.sqrt(p * (1 - p) / len(hit))
    print(f"  {name:34} {p:8.4f} +- {error:.4f}" + ("" if seconds is None else f" {seconds:9.2f} s"))


def by_svd(data):
    """Hits by cosine (the best way), its name, hits by the plain product, seconds of one side."""
    start = time.perf_counter()
    u, s, vt = svds(data.taken.T.tocsr(), k=COMPONENTS, random_state=0)
    v = vt.T
    svd_s = time.perf_counter() - start
    ways = {"US, V": (u * s, v), "U, VS": (u, v * s), "U, V": (u, v),
            "US^.5, VS^.5": (u * np.sqrt(s), v * np.sqrt(s))}
    found = {}
    for name, (items, users) in ways.items():
        start = time.perf_counter()
        items, users = unit(items), unit(users)
        found[name] = hits(data, top(data, lambda a, b, i=items, u=users: u[a:b] @ i.T))
        lists_s = time.perf_counter() - start
    best = max(found, key=lambda name: found[name].mean())
    product = hits(data, top(data, lambda a, b: (v[a:b] * s) @ u.T))
    return found, best, product, svd_s + lists_s


def lists(data):
    found, best, product, svd_s = by_svd(data)
    counts = np.asarray(data.taken.sum(axis=0))[0]
    popular = hits(data, top(data, lambda a, b: np.tile(counts, (b - a, 1))))
    ours = hits(data, data.lists)
    ours_s = data.seconds["learn"] + data.seconds["lists"]
    print(f"lists of {data.users} users, {data.events} events of {ITEMS} items, recall@{LIST}")
    show("popularity", popular)
    for name, hit in found.items():
        show(f"SVD({COMPONENTS}), cosine, {name}", hit, svd_s if name == best else None)
    show(f"SVD({COMPONENTS}), plain product", product)
    show("learner, event by event", ours, ours_s)
    show("the most that can be expected", hits(data, data.best))
    print(f"  learner: {1e6 * data.seconds['learn'] / data.events:.1f} us an event, "
          f"{1e6 * data.seconds['lists'] / data.users:.1f} us a list; "
          f"{ours_s / svd_s:.1f} times the wall time of SVD and cosine")
    for name, hit in (("the best cosine", found[best]), ("the plain product", product)):
        d, error = difference(ours, hit)
        print(f"  above {name} by {d:+.4f} +- {error:.4f}")
    good = ours.mean() >= found[best].mean()
    print(f"  at least as good as SVD with cosine: {'yes' if good else 'NO'}")
    return good


def main():
    data = Data(sys.argv[1])
    good = [segments(data), lists(data)]
    return 0 if all(good) else 1


if __name__ == "__main__":
    sys.exit(main())
