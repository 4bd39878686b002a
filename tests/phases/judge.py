#!/usr/bin/env python3
"""Compares the passes that jitness found with the truth that the programs wrote.

judge.py [--jitness CMD | --found CMD] [--verbose] [--require] DIR

DIR holds redacted/NAME.jitness and truth/NAME.json (tests/gpu/phases/work.py says what is in it). Per workload:
passes of the truth, passes found, F1 of the boundaries, labels right / abstained / wrong / invented, and how far median and
p99 of the latencies lie from the truth's (in percent, worst label of those with 8 passes or more; p99: 100).

A found pass belongs to a true one of its thread when the launches of both are mostly the same: the overlap of the two
spans is at least half of both (the truth's span is cut to the found one's first launch and last wait where nothing else of
the thread lies between). Runs (passes without a synchronisation between them) are counted: each must hold as many passes as
it has, every surplus or missing one is an error. A truth label `pass` allows `pass` only; `verify` allows decode, mixed and
pass; a step that recomputes the whole sequence allows prefill and decode. `warmup` (a call nobody asked for) allows warmup, and
prefill and decode where the pass is counted as warm. `pass` where the truth knows better is an abstention.
"""
import argparse
import bisect
import collections
import json
import os
import subprocess
import sys

ALLOWED = {"verify": {"decode", "mixed", "prefill"}, "pass": set()}


def found_passes(command, path):
    r = subprocess.run(command + [path], stdout=subprocess.PIPE)
    if r.returncode:
        raise SystemExit("judge: '%s %s' ended with %d" % (" ".join(command), path, r.returncode))
    text = r.stdout.decode()
    if text.lstrip().startswith("{"):
        return json.loads(text)["passes"]
    rows = [line.split(",") for line in text.splitlines() if line]
    return [dict(zip(rows[0], row)) for row in rows[1:]]


def normal(p):
    """One found pass, whichever command told it."""
    def number(*names):
        for n in names:
            if n in p and p[n] != "":
                return int(p[n])
        raise SystemExit("judge: a pass without %s: %s" % ("/".join(names), p))

    if "start_s" in p:  # the CSV of `jitness phases --passes`
        start = round(float(p["start_s"]) * 1e9)
        p = dict(p, start_ns=start, host_start_ns=round(float(p["launch_s"]) * 1e9), end_ns=start + round(float(p["wall_ms"]) * 1e6))
    return {"thread": number("thread", "tid"), "start": number("start_ns", "wall_start_ns", "wall_start"),
            "host": number("host_start_ns", "host_start"), "end": number("end_ns", "end"), "label": p["label"],
            "warmup": str(p.get("warmup", "")).lower() in ("true", "1", "yes"), "shape": p.get("shape")}


def quantile(values, q):
    values = sorted(values)
    return values[min(len(values) - 1, int(q * len(values)))]


def match(truth, found):
    """Pairs of (truth, found), one to one: the best overlap of spans first."""
    pairs = []
    by_thread = collections.defaultdict(list)
    for f in sorted(found, key=lambda f: f["host"]):
        by_thread[f["thread"]].append(f)
    for t in truth:
        mine = by_thread.get(t["thread"], [])
        starts = [f["host"] for f in mine]
        for f in mine[max(0, bisect.bisect(starts, t["start_ns"]) - 3):bisect.bisect(starts, t["end_ns"]) + 1]:
            both = min(t["end_ns"], f["end"]) - max(t["start_ns"], f["host"])
            either = max(t["end_ns"], f["end"]) - min(t["start_ns"], f["host"])
            # what a pass does on the host before its first launch is its own
            lead = max(0, f["host"] - t["start_ns"])
            # what the host does after the last launch, where the trace has no wait, leaves nothing to compare
            alone = both >= 0.8 * (f["end"] - f["host"]) and sum(t["start_ns"] <= h < t["end_ns"] for h in starts[
                bisect.bisect_left(starts, t["start_ns"]):bisect.bisect_left(starts, t["start_ns"]) + 3]) == 1
            if both > 0 and (alone or either > lead and both / (either - lead) >= 0.5):
                pairs.append((both / either, id(t), id(f), t, f))
    used, result = set(), []
    for _, a, b, t, f in sorted(pairs, key=lambda p: -p[0]):
        if a not in used and b not in used:
            used |= {a, b}
            result.append((t, f))
    return result


def allowed(t):
    if t.get("recompute"):
        return {"prefill", "decode"}
    return ALLOWED.get(t["label"], {t["label"]})


def judge(name, truth, found):
    passes = truth.get("passes", [])
    r = collections.Counter()
    r["truth"], errors = len(passes), {}
    found = [normal(p) for p in found]
    pairs = match(passes, found)
    hit, taken = len(pairs), {id(f) for _, f in pairs}
    wrong = []
    r["found"] = len(found)
    for t, f in pairs:
        if f["label"] == "pass":
            r["plain" if t["label"] == "pass" else "abstained"] += 1
        elif f["label"] in allowed(t) or t["label"] == "warmup" and f["warmup"]:
            r["right"] += 1
        else:
            r["wrong"] += 1
            wrong.append((t, f))
    invented = sum(f["label"] != "pass" for f in found if id(f) not in taken)
    extra = [f for f in found if id(f) not in taken]
    for run in truth.get("runs", []):
        inside = [f for f in extra if f["thread"] == run["thread"] and run["start_ns"] <= f["host"] < run["end_ns"]]
        want = run["prefill"] + run["decode"]
        r["truth"] += want
        hit += min(want, len(inside))
        labels = collections.Counter(f["label"] for f in inside)
        for label in ("prefill", "decode"):
            r["right"] += min(run[label], labels[label])
            r["wrong"] += max(0, labels[label] - run[label])
        r["abstained"] += labels["pass"]
        invented -= labels["prefill"] + labels["decode"]
    r["invented"] = invented
    f1 = 2 * hit / (r["truth"] + r["found"]) if r["truth"] + r["found"] else 1
    by = collections.defaultdict(list)
    for t, f in pairs:
        by[t["label"]].append(((t["end_ns"] - t["start_ns"]), f["end"] - f["start"]))
    for label, both in by.items():
        if len(both) < 8:
            continue
        for key, q in (("median", 0.5), ("p99", 0.99)):
            if key == "p99" and len(both) < 100:
                continue
            true, seen = (quantile([b[i] for b in both], q) for i in (0, 1))
            e = 100 * (seen / true - 1)
            if abs(e) > abs(errors.get(key, 0)):
                errors[key] = e
    return r, f1, errors, wrong, pairs, extra


def main():
    p = argparse.ArgumentParser()
    p.add_argument("dir")
    p.add_argument("--jitness", default="jitness", help="its `phases --passes` is read")
    p.add_argument("--found", help="another command that prints passes")
    p.add_argument("--only")
    p.add_argument("--verbose", action="store_true")
    p.add_argument("--require", action="store_true", help="end with 1 where a number misses a limit of docs/accuracy.md")
    a = p.parse_args()
    command = a.found.split() if a.found else [a.jitness, "phases", "--passes"]
    bad = 0
    print("%-22s %6s %6s %6s %6s %6s %6s %6s %8s %8s" % ("workload", "truth", "found", "F1", "right", "abst", "wrong", "inv",
                                                        "median%", "p99%"))
    for f in sorted(os.listdir(os.path.join(a.dir, "truth"))):
        name = f[:-5]
        trace = os.path.join(a.dir, "redacted", name + ".jitness")
        if not f.endswith(".json") or not os.path.isdir(trace) or (a.only and name not in a.only.split(",")):
            continue
        with open(os.path.join(a.dir, "truth", f)) as t:
            truth = json.load(t)
        r, f1, errors, wrong, pairs, extra = judge(name, truth, found_passes(command, trace))
        print("%-22s %6d %6d %6.3f %6d %6d %6d %6d %8s %8s" % (
            name, r["truth"], r["found"], f1, r["right"], r["abstained"], r["wrong"], r["invented"],
            *("%+.1f" % errors[k] if k in errors else "-" for k in ("median", "p99"))), flush=True)
        if a.verbose:
            for t, f in wrong[:12]:
                print("   wrong: request %s %s tokens %s, said %s (%s)" % (t["request"], t["label"], t["tokens"], f["label"],
                                                                         f["shape"]))
            missed = {id(t) for t, _ in pairs}
            for t in [t for t in truth.get("passes", []) if id(t) not in missed][:12]:
                print("   missed: request %s %s tokens %s %.3f ms at +%.3f ms" % (
                    t["request"], t["label"], t["tokens"], (t["end_ns"] - t["start_ns"]) / 1e6,
                    (t["start_ns"] - truth["setup_ns"]) / 1e6))
            for f in extra[:12] if not truth.get("runs") else []:
                print("   extra: %s %s %.3f ms at +%.3f ms" % (f["label"], f["shape"], (f["end"] - f["host"]) / 1e6,
                                                              (f["host"] - truth["setup_ns"]) / 1e6))
        labelled = r["right"] + r["wrong"]
        known = labelled + r["abstained"]
        bad += (f1 < 0.99 or (labelled and r["wrong"] * 100 > labelled) or r["invented"] > 0 or
                (known and r["abstained"] * 10 > known) or abs(errors.get("median", 0)) > 2 or abs(errors.get("p99", 0)) > 3)
    if bad:
        print("judge: %d workloads miss a limit" % bad)
    return 1 if bad and a.require else 0


if __name__ == "__main__":
    sys.exit(main())
