#!/usr/bin/env python3
"""tools/tr120/table.py on made-up sessions: right verdicts are ok, and each kind of wrong one is found.

A session is made from a truth as A4 has it: prompts of 1 and 9 tokens are compiled in prefill, 51 is not, decode is not.
"""
import csv
import json
import os
import subprocess
import sys
import tempfile

TABLE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../tools/tr120/table.py")
MS = 1000000
COLUMNS = ["start_s", "wall_ms", "label", "confidence", "shape", "thread", "gpu_busy_ms", "host_gap_ms", "queue_ms", "kernels",
           "graph_launches", "warmup", "tail_reason", "pid", "launch_s"]


class Made:
    """compiled: lengths whose prefill is compiled. names, episodes and the rest: what jitness says, right by default."""

    def __init__(self, compiled=(1, 9), warm=False, part=None, backend="inductor"):
        self.t = {"variant": "A4", "program": "tr120", "label": "transformers-gpu-compile", "is": "made up", "backend": backend,
                  "inductor": backend == "inductor", "part": part, "warm": warm, "hooks": True, "modes": [], "regions": []}
        self.passes, self.compiles, at = [], [], 10 ** 12
        on = "cached" if warm else "graph" if backend == "cudagraphs" else "mixed" if part else "compiled"
        off = "fallback" if compiled and backend == "inductor" and not part else "eager"
        self.verdicts = {**{"s%d" % n: on if n in compiled else off for n in (1, 9, 51)}, "s2": "eager"}
        self.add_mode("setup", at, at + 50 * MS, 1 if compiled else 0)
        at += 50 * MS
        for mode in ("prefill", "kv_decode"):
            start = at
            for n in (1, 9, 51):
                for rep in range(-1, 20):
                    if rep == -1 and mode == "prefill" and n in compiled:
                        at += 400 * MS
                    at = self.region(mode, "prefill", n, rep, at, 1 if n in compiled else 3, n in compiled)
                    if mode == "kv_decode":
                        at = self.region(mode, "decode", n, rep, at, 3, False, calls=8)
            self.add_mode(mode, start, at, len(compiled) if mode == "prefill" else 0)

    def add_mode(self, name, start, end, graphs):
        self.t["modes"].append({"mode": name, "start_ns": start, "end_ns": end, "graphs": graphs, "limit": 0, "counters": {},
                                "error": None})
        self.compiles += [{"origin": "inductor", "modules": [1], "end_ns": start + (i + 1) * MS} for i in range(
            graphs if self.t["inductor"] else 0)]

    def region(self, mode, kind, tokens, rep, at, ms, replayed, calls=1):
        self.t["regions"].append({"mode": mode, "kind": kind, "tokens": tokens, "prompt": tokens, "rep": rep, "calls": calls,
                                  "start_ns": at, "end_ns": at + calls * ms * MS, "graphs": 0, "replays": int(replayed),
                                  "inductor": 0})
        for i in range(calls):
            launch, wall = at + i * ms * MS + MS // 10, ms - 0.15
            self.passes.append(dict.fromkeys(COLUMNS, 0) | {
                "start_s": "%.9f" % (launch / 1e9), "launch_s": "%.9f" % (launch / 1e9), "wall_ms": "%.6f" % wall, "pid": 7,
                "label": kind, "shape": "s2" if kind == "decode" else "s%d" % tokens, "tail_reason": ""})
        return at + calls * ms * MS + MS // 10

    def write(self, directory):
        os.makedirs(directory + "/truth")
        os.makedirs(directory + "/json")
        with open(directory + "/truth/A4.json", "w") as f:
            json.dump(self.t, f)
        rows = sorted({(p["label"], p["shape"]) for p in self.passes})
        with open(directory + "/json/A4.phases.json", "w") as f:
            json.dump({"phases": [{"pid": 7, "name": n, "shape": s, "verdict": self.verdicts[s]} for n, s in rows]}, f)
        with open(directory + "/json/A4.passes.csv", "w", newline="") as f:
            w = csv.DictWriter(f, COLUMNS)
            w.writeheader()
            w.writerows(self.passes)
        with open(directory + "/json/A4.report.json", "w") as f:
            json.dump({"session": {"lost_records": 0}, "compiles": self.compiles}, f)


def table(made, *more):
    with tempfile.TemporaryDirectory() as d:
        made.write(d)
        r = subprocess.run([sys.executable, TABLE, *more, d], stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        return r.returncode, r.stdout.decode()


def case(name, made, status, *texts, more=()):
    got, out = table(made, *more)
    missing = [t for t in texts if t not in out]
    if got == status and not missing:
        print("ok " + name)
    else:
        print(out + "not ok %s: status %d instead of %d%s" % (name, got, status, ", no '%s'" % missing[0] if missing else ""))


def changed(change, **how):
    made = Made(**how)
    change(made)
    return made


def drop(made, keep):
    made.passes = [p for i, p in enumerate(made.passes) if p["label"] != "prefill" or i % 10 < keep]


def shift(made):
    """All passes 2 ms later: into other regions."""
    for p in made.passes:
        p["launch_s"] = p["start_s"] = "%.9f" % (float(p["start_s"]) + 0.002)


case("right verdicts", Made(), 0, "0 differ", "they are 3 of the slowest 3", "1,9 ", "fallback")
case("right: eager", Made(compiled=()), 0, "0 differ")
case("right: caches of a run before", Made(warm=True), 0, "cached")
case("right: CUDA graphs alone", Made(backend="cudagraphs", compiled=(1, 9, 51)), 0, "graph")
case("right: a part of the model", Made(part="module", compiled=(1, 9, 51)), 0, "mixed")
case("fallback called compiled", changed(lambda m: m.verdicts.update(s51="compiled")), 1, "DIFFERS: fallback expected", "2 differ")
case("fallback called eager", changed(lambda m: m.verdicts.update(s51="eager")), 1, "DIFFERS: fallback expected")
case("compiled called eager", changed(lambda m: m.verdicts.update(s9="eager")), 1, "DIFFERS: compiled expected")
case("decode called compiled", changed(lambda m: m.verdicts.update(s2="compiled")), 1, "DIFFERS: eager or fallback expected")
case("decode called unknown", changed(lambda m: m.verdicts.update(s2="unknown")), 1, "DIFFERS")
case("no verdict", changed(lambda m: m.verdicts.update(s1=None)), 1, "none")
case("a verdict as an object", changed(lambda m: m.verdicts.update(s1={"verdict": "compiled", "evidence": []})), 0)
case("eager called fallback", changed(lambda m: m.verdicts.update(s2="fallback"), compiled=()), 1, "DIFFERS: eager expected")
case("cached called compiled", changed(lambda m: m.verdicts.update(s1="compiled"), warm=True), 1, "DIFFERS: cached expected")
case("graph called compiled", changed(lambda m: m.verdicts.update(s1="compiled"), backend="cudagraphs", compiled=(1, 9, 51)), 1,
     "DIFFERS: graph expected")
case("a part called compiled", changed(lambda m: m.verdicts.update(s1="compiled"), part="module", compiled=(1, 9, 51)), 1,
     "DIFFERS: mixed expected")
case("an episode missing", changed(lambda m: m.compiles.pop()), 1, "DIFFERS: 1, 2, 0 expected")
case("an episode in the wrong mode", changed(lambda m: m.compiles[-1].update(end_ns=10 ** 15)), 1, "DIFFERS: 1, 2, 0 expected")
case("passes missing", changed(lambda m: drop(m, 8)), 1, "regions only")
case("passes elsewhere", changed(shift), 1, "DIFFERS")
case("blamed on compilation", changed(lambda m: m.passes[-1].update(tail_reason="compile")), 1, "nothing was compiled")
case("the program failed", changed(lambda m: m.t["modes"][-1].update(error="RuntimeError: x")), 1, "DIFFERS: it should not")
case("counts unknown", changed(lambda m: m.t.update(hooks=False)), 1, "the truth is not known")
case("a variant missing", Made(), 1, "E  DIFFERS", more=("--want", "A4 E"))
