#!/usr/bin/env python3
"""Holds what jitness says of the audit's sessions against what the programs know of themselves.

table.py [--jitness CMD] [--want "VARIANT ..."] DIR

DIR holds truth/VARIANT.json (truth.py says what is in it) and redacted/VARIANT.jitness, or, made by jitness before,
json/VARIANT.phases.json, .passes.csv and .report.json of the commands phases --json, phases --passes and report --json. For each
variant: what was believed, what its compiler counted against jitness's episodes of origin inductor, and for each mode and length of prompt the verdicts of the passes that lie
in the program's timed regions. A region counts with every pass that shares at least half of the shorter one's time with it; a pass has the
verdict of its row. A line is ok when 90 % of the regions have a pass and 90 % of the passes a verdict that the truth allows:

  compiled       compiled; cached after a run with the same caches
  graph          graph: CUDA graphs of the framework's own kernels
  eager          fallback when another length of the same kind was compiled in the same mode; else eager (or fallback, when anything in
                 the process was compiled)
  in part        mixed
  in pieces      mixed or compiled
  lost           eager, fallback or mixed: it was compiled in pieces, and the limit left less than half of them
  now and then   mixed; or compiled for as many of the passes as the calls that were (within 10 %), the rest eager or fallback

Also: a pass outside the warm-up in which Dynamo compiled nothing must not be slow because of `compile`. Times: ms, medians of a region;
a region's time by jitness is the sum of its passes. Exit status: 0 all ok, 1 something differs, 2 usage.
"""
import argparse
import bisect
import collections
import concurrent.futures
import csv
import io
import json
import os
import re
import subprocess
import sys

MAY_FAIL = {"A6", "A6t", "A7", "A8"}  # decoding with a growing cache from a CUDA graph: PyTorch refuses it
ENOUGH = 0.9
SAME = {"A2": "L1", "A3": "L2"}


def percentile(values, q):
    """numpy's linear rule."""
    values = sorted(values)
    at = (len(values) - 1) * q
    low = int(at)
    return values[low] + (values[min(low + 1, len(values) - 1)] - values[low]) * (at - low)


def ask(jitness, directory, name):
    """(phases, passes, report), parsed."""
    def one(kind, arguments):
        made = os.path.join(directory, "json", name + kind)
        if os.path.exists(made):
            with open(made, newline="") as f:
                return f.read()
        session = os.path.join(directory, "redacted", name + ".jitness")
        if not os.path.isdir(session):
            raise OSError("no session")
        r = subprocess.run(jitness + arguments + [session], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                           stderr=subprocess.PIPE, timeout=300)
        if r.returncode:
            raise OSError("jitness %s ended with %d: %s" % (arguments[0], r.returncode, r.stderr.decode()[-200:].strip()))
        return r.stdout.decode()

    return (json.loads(one(".phases.json", ["phases", "--json"])),
            list(csv.DictReader(io.StringIO(one(".passes.csv", ["phases", "--passes"])))),
            json.loads(one(".report.json", ["report", "--json"])))


def verdict_name(row):
    v = row.get("verdict")
    if isinstance(v, dict):
        v = v.get("verdict") or v.get("kind") or v.get("name")
    return re.split(r"[^a-z]", v or "none", maxsplit=1)[0]


def with_verdicts(phases, passes):
    """[(start ns, end ns, wall ms, verdict, tail reason)] by start; the start is the first launch."""
    rows = {(str(r["pid"]), r["name"], r["shape"]): verdict_name(r) for r in phases["phases"]}
    result = []
    for p in passes:
        start = round(float(p["launch_s"]) * 1e9)
        end = round(float(p["start_s"]) * 1e9 + float(p["wall_ms"]) * 1e6)
        result.append((start, max(end, start + 1), float(p["wall_ms"]), rows.get((p["pid"], p["label"], p["shape"]), "none"),
                       p["tail_reason"]))
    return sorted(result)


def place(regions, passes):
    """Passes of each region, by its index."""
    inside = collections.defaultdict(list)
    order = sorted(range(len(regions)), key=lambda i: regions[i]["start_ns"])
    ends = [regions[i]["end_ns"] for i in order]  # regions do not overlap
    for p in passes:
        for i in order[bisect.bisect_right(ends, p[0]):]:
            r = regions[i]
            both = min(r["end_ns"], p[1]) - max(r["start_ns"], p[0])
            if both <= 0:
                break
            if 2 * both >= min(r["end_ns"] - r["start_ns"], p[1] - p[0]):
                inside[i].append(p)
    return inside


# --- the truth


def compiled_calls(regions):
    """Calls that were replays, or in which Inductor's kernels were launched."""
    return sum(min(r["calls"], r["replays"]) or (r["calls"] if r["inductor"] else 0) for r in regions)


def ran(t, regions):
    """How the calls of these regions were run."""
    if not t["hooks"] and t["backend"]:
        return "unknown"
    calls, on = sum(r["calls"] for r in regions), compiled_calls(regions)
    if on < (1 - ENOUGH) * calls:
        return "eager"
    if on < ENOUGH * calls:
        return "now and then"
    if t.get("part") == "pieces":  # launches of Inductor's kernels, against the call with the most
        most = max(r["inductor"] / r["calls"] for r in t["regions"] if r["calls"])
        return "in pieces" if sum(r["inductor"] for r in regions) >= 0.5 * most * calls else "lost"
    return {"module": "in part"}.get(t.get("part"), "compiled" if t["inductor"] else "graph")


def allowed(t, how, siblings, anything):
    """siblings: how the other lengths of the mode and kind were run; anything: in the process was compiled."""
    if how == "eager":
        return {"fallback"} if "compiled" in siblings else {"eager", "fallback"} if anything else {"eager"}
    return {"compiled": {"cached"} if t["warm"] else {"compiled"}, "graph": {"graph"}, "in part": {"mixed"},
            "in pieces": {"mixed", "compiled"}, "lost": {"eager", "fallback", "mixed"}, "now and then": {"mixed", "compiled", "cached", "eager", "fallback"}}.get(how, set())


# --- a variant


class Variant:
    def __init__(self, name, truth, phases, passes, report):
        self.name, self.t, self.bad, self.lines = name, truth, 0, []
        self.passes, self.report = with_verdicts(phases, passes), report
        self.regions = truth["regions"]
        self.inside = place(self.regions, self.passes)

    def say(self, text, wrong=None):
        self.bad += bool(wrong)
        self.lines.append("  " + text + ("" if wrong is None else "  DIFFERS: " + wrong if wrong else "  ok"))

    def compiles(self):
        """Graphs that Dynamo counted, Inductor episodes that jitness saw."""
        modes = self.t["modes"]
        episodes = [0] * len(modes)
        ends = [m["end_ns"] for m in modes]
        for c in self.report["compiles"]:
            if c["origin"] == "inductor" and c["modules"]:
                episodes[min(bisect.bisect_left(ends, c["end_ns"]), len(modes) - 1)] += 1
        graphs = [m["graphs"] if self.t["inductor"] else 0 for m in modes]
        if self.t.get("part") == "pieces":  # alike pieces share their code, and some have no kernel of their own
            graphs = [min(g, e) if e else g for g, e in zip(graphs, episodes)]
        counted = ", ".join("%s %d%s" % (m["mode"], m["graphs"], " (limit reached)" if m["limit"] else "") for m in modes)
        self.say("Dynamo's graphs: %s. Inductor's by jitness: %s" % (
            counted, ", ".join("%s %d" % (m["mode"], n) for m, n in zip(modes, episodes))),
            "" if graphs == episodes else "%s expected" % ", ".join(map(str, graphs)))
        for m in modes:
            if m["error"]:
                self.say("%s failed: %s" % (m["mode"], m["error"][:110]), "" if self.name in MAY_FAIL else "it should not")

    def groups(self):
        """(mode, kind) -> {tokens: [index of region]}, measured ones only, in the order of the run."""
        result = {}
        for i, r in enumerate(self.regions):
            if r["rep"] >= 0:
                result.setdefault((r["mode"], r["kind"]), {}).setdefault(r["tokens"], []).append(i)
        return result

    def line(self, regions, may):
        """(verdicts in words, host ms, jitness ms, what is wrong)"""
        verdicts, host, seen = collections.Counter(), [], []
        for i in regions:
            r = self.regions[i]
            host.append((r["end_ns"] - r["start_ns"]) / 1e6)
            if self.inside[i]:
                seen.append(sum(p[2] for p in self.inside[i]))
            verdicts.update(p[3] for p in self.inside[i])
        n = sum(verdicts.values())
        words = " ".join(v if 100 * c >= 99.5 * n else "%s %.0f%%" % (v, 100 * c / n) for v, c in verdicts.most_common(3)
                         if 100 * c >= 0.5 * n) or "-"
        mine = [self.regions[i] for i in regions]
        wrong, on = "", compiled_calls(mine) / sum(r["calls"] for r in mine)
        if len(seen) < ENOUGH * len(regions):
            wrong = "a pass in %d of %d regions only" % (len(seen), len(regions))
        elif sum(verdicts[v] for v in may) < ENOUGH * n:
            wrong = "%s expected" % " or ".join(sorted(may)) if may else "the truth is not known"
        elif "compiled" in may and "eager" in may and n and not verdicts["mixed"]:
            got = (verdicts["compiled"] + verdicts["cached"]) / n
            wrong = "" if abs(got - on) <= 0.1 else "%.0f %% compiled, %.0f %% expected" % (100 * got, 100 * on)
        return words, percentile(host, 0.5), percentile(seen, 0.5) if seen else None, wrong

    def verdicts(self):
        groups = self.groups()
        how = {key: {n: ran(self.t, [self.regions[i] for i in g]) for n, g in by.items()} for key, by in groups.items()}
        anything = any(h not in ("eager", "unknown") for by in how.values() for h in by.values()) or any(
            m["graphs"] for m in self.t["modes"] if self.t["inductor"])
        for key, by in groups.items():
            lines = []
            for n, regions in by.items():
                h = how[key][n]
                words, host, seen, wrong = self.line(regions, allowed(self.t, h, set(how[key].values()) - {h}, anything))
                if lines and lines[-1][1:4] == [h, words, wrong]:
                    lines[-1][0].append(n)
                    lines[-1][4] += len(regions)
                else:
                    lines.append([[n], h, words, wrong, len(regions), [], []])
                lines[-1][5].append(host)
                lines[-1][6].append(seen)
            for tokens, h, words, wrong, n, host, seen in lines:
                self.say("%-9s %-7s %-25s %-12s n=%-4d %-13s %-13s %-22s" % (
                    *key, ",".join(map(str, tokens)), h, n, span(host), span([s for s in seen if s is not None]), words), wrong)
        return how

    def tail(self, how):
        """Which prompts the slow samples of the mode belong to, by the program's clock and by jitness's passes."""
        for key in (("prefill", "prefill"), ("serve", "prefill")):
            by = self.groups().get(key, {})
            kinds = set(how.get(key, {}).values())
            odd = {n for n, h in how.get(key, {}).items() if len(kinds) > 1 and h == "eager"}
            if key[0] == "serve" and len(by) == 2 and kinds == {"eager"}:
                odd = {max(by)}
            if not odd:
                continue
            for who, ms in (("the program's clock", lambda i: (self.regions[i]["end_ns"] - self.regions[i]["start_ns"]) / 1e6),
                            ("jitness", lambda i: sum(p[2] for p in self.inside[i]))):
                every = {i: ms(i) for n in by for i in by[n] if self.inside[i]}
                rest = [v for i, v in every.items() if self.regions[i]["tokens"] not in odd]
                if not rest:
                    continue
                slow = sorted(every, key=every.get)[-max(1, len(every) // 20):]
                self.say("tail of %s by %s: p50 %.3f p99 %.3f max %.3f ms; without the prompts of %s: p50 %.3f p99 %.3f ms; "
                         "they are %d of the slowest %d" % (
                             key[1], who, percentile(every.values(), 0.5), percentile(every.values(), 0.99), max(every.values()),
                             ",".join(map(str, sorted(odd))), percentile(rest, 0.5), percentile(rest, 0.99),
                             sum(self.regions[i]["tokens"] in odd for i in slow), len(slow)))
        blamed = sum(p[4] == "compile" for i, r in enumerate(self.regions) if r["rep"] >= 0 and not r["graphs"]
                     for p in self.inside[i])
        if blamed:
            self.say("slow passes", "%d blamed on compilation, and nothing was compiled" % blamed)

    def all(self):
        t = self.t
        self.lines.append("%s%s  label: %s. It is: %s" % (self.name, " = " + SAME[self.name] if self.name in SAME else "",
                                                         t["label"], t["is"]))
        self.compiles()
        if self.report["session"]["lost_records"]:
            self.say("lost records: %d" % self.report["session"]["lost_records"], "none expected")
        self.tail(self.verdicts())
        return self


def span(values):
    if not values:
        return "-"
    low, high = min(values), max(values)
    return "%.3g" % high if "%.3g" % low == "%.3g" % high else "%.3g-%.3g" % (low, high)


def judge(jitness, directory, name):
    """(lines, how many differ)"""
    try:
        with open(os.path.join(directory, "truth", name + ".json")) as f:
            truth = json.load(f)
        v = Variant(name, truth, *ask(jitness, directory, name)).all()
        return v.lines, v.bad
    except FileNotFoundError:
        return ["%s  DIFFERS: no truth: it did not get that far" % name], 1
    except Exception as e:  # one variant's files must not end the table
        return ["%s  DIFFERS: %s: %s" % (name, type(e).__name__, e)], 1


def main():
    p = argparse.ArgumentParser()
    p.add_argument("dir")
    p.add_argument("--jitness", default="jitness")
    p.add_argument("--want", default="", help="variants that must be there")
    p.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="sessions at once")
    a = p.parse_args()
    truth = os.path.join(a.dir, "truth")
    there = [f[:-5] for f in os.listdir(truth) if f.endswith(".json")] if os.path.isdir(truth) else []
    names = sorted(set(there) | set(a.want.split()), key=lambda n: ("EALN".find(n[0]), n))
    if not names:
        print("table: nothing in %s" % truth, file=sys.stderr)
        return 2
    print("  %-9s %-7s %-25s %-12s %-6s %-13s %-13s %s" % ("mode", "kind", "prompts", "truth", "", "program ms", "jitness ms",
                                                          "verdict"))
    bad = lines = 0
    with concurrent.futures.ThreadPoolExecutor(a.jobs) as pool:
        for text, differs in pool.map(lambda n: judge(a.jitness.split(), a.dir, n), names):
            print("\n".join(x.rstrip() for x in text), flush=True)
            bad += differs
            lines += sum(x.endswith("  ok") or "  DIFFERS: " in x for x in text)
    print("%d variants, %d lines, %d differ" % (len(names), lines, bad))
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
