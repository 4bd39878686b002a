#!/usr/bin/env python3
"""Counts the passes that jitness finds in the timed regions of the audit's sessions: one for each call of the model.

passes.py [--jitness CMD] [--only A4,E] DIR

DIR holds truth/VARIANT.json (truth.py) and redacted/VARIANT.jitness. A pass lies in the region that holds the middle between its
first launch and its end. For each variant, mode and kind: regions, calls in them, passes found, how many of them are matched (at
most as many in a region as it has calls), regions in which the count is exact, and the labels of the passes. Last, the passes that
lie in no region, and F1 = 2 matched / (calls + found, those outside after the set-up too). Regions of warm-ups count as well.
"""
import argparse
import bisect
import collections
import csv
import io
import json
import os
import subprocess


def passes_of(jitness, session):
    r = subprocess.run([jitness, "phases", "--passes", session], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, check=True)
    result = []
    for p in csv.DictReader(io.StringIO(r.stdout.decode())):
        launch = round(float(p["launch_s"]) * 1e9)
        end = round(float(p["start_s"]) * 1e9 + float(p["wall_ms"]) * 1e6)
        result.append((launch, max(end, launch + 1), p["label"]))
    return result


def judge(truth, passes):
    """({(mode, kind): counter}, {(mode, kind): labels}, passes outside)"""
    regions = sorted(truth["regions"], key=lambda r: r["start_ns"])
    starts = [r["start_ns"] for r in regions]
    inside, outside = collections.defaultdict(list), []
    setup = truth["modes"][0]["end_ns"]
    for p in passes:
        middle = (p[0] + p[1]) // 2
        i = bisect.bisect_right(starts, middle) - 1
        if i >= 0 and middle < regions[i]["end_ns"]:
            inside[i].append(p)
        elif middle >= setup:
            outside.append(p)
    counts, labels = collections.defaultdict(collections.Counter), collections.defaultdict(collections.Counter)
    for i, r in enumerate(regions):
        key, n = (r["mode"], r["kind"]), len(inside[i])
        counts[key].update(regions=1, calls=r["calls"], found=n, matched=min(n, r["calls"]), exact=n == r["calls"])
        labels[key].update(p[2] for p in inside[i])
    return counts, labels, outside


def main():
    p = argparse.ArgumentParser()
    p.add_argument("dir")
    p.add_argument("--jitness", default="jitness")
    p.add_argument("--only", default="")
    a = p.parse_args()
    print("%-4s %-9s %-7s %7s %7s %7s %7s %6s  %s" % ("", "mode", "kind", "regions", "calls", "found", "matched", "exact", "labels"))
    for f in sorted(os.listdir(os.path.join(a.dir, "truth"))):
        name = f[:-5]
        if a.only and name not in a.only.split(","):
            continue
        with open(os.path.join(a.dir, "truth", f)) as t:
            truth = json.load(t)
        counts, labels, outside = judge(truth, passes_of(a.jitness, os.path.join(a.dir, "redacted", name + ".jitness")))
        total = collections.Counter()
        for key, c in counts.items():
            total.update(c)
            print("%-4s %-9s %-7s %7d %7d %7d %7d %6d  %s" % (
                name, *key, c["regions"], c["calls"], c["found"], c["matched"], c["exact"],
                ", ".join("%s %d" % x for x in labels[key].most_common())))
        print("%-4s outside %d, F1 %.3f" % (name, len(outside), 2 * total["matched"] / max(
            1, total["calls"] + total["found"] + len(outside))), flush=True)


if __name__ == "__main__":
    main()
