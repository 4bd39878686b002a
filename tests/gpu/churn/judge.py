"""Holds a session's report against what the traced program knew of itself (the JSON line of work.py and c_loads.c).

judge.py JITNESS DIR: for every NAME.jitness of DIR with its NAME.truth.json; prints `ok NAME` or `not ok NAME: why`.
NAME is ROW-cold or ROW-warm.
"""
import collections
import glob
import json
import os
import subprocess
import sys

COLD_WARM = ["compile_default", "compile_reduce_overhead", "compile_max_autotune", "triton_user", "triton_in_compile",
             "jiterator", "jax_jit", "cupy_mix", "nvrtc_c", "ptx_c", "extension"]
ONCE = ["eager_matmul", "eager_softmax", "eager_conv", "cuda_graph", "graphs_3", "graphs_dynamic", "graphs_limit",
        "graphs_break", "graphs_two_models"]
# Origins whose modules have to be cached, not compiled, in the second run.
RUNTIME = {"inductor", "triton", "jiterator", "cupy", "ptx_jit"}
HEAD = "%-25s %-4s %-46s %-11s %3s %4s %-26s %3s %5s  %s"


def report(jitness, session):
    out = subprocess.run([jitness, "report", "--json", session], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    return json.loads(out.stdout) if out.stdout else None


def trigger(c):
    p = (c.get("trigger") or {}).get("python")
    return "%s:%d" % (os.path.basename(p["file"]), p["line"]) if p else None


def line_known(line, lines):
    """A redacted trace keeps the line's number only."""
    return line in lines or bool(line) and line.startswith("<path>") and line.split(":")[1] in [x.split(":")[1] for x in lines]


class Judge:
    def __init__(self):
        self.bad = self.modules = self.unknown = self.wrong = 0

    def judge(self, row, warm, rc, facts, r):
        """What is wrong with this row, as short texts."""
        wrong = []
        if rc != 0 or not facts:
            return ["exit status %s" % rc]
        modules = r["modules"]
        may, must = set(facts["may"]), facts.get("must", {})
        for m in modules:
            want = {must[k] for k in m["kernels"] if k in must}
            ok = m["origin"] in want if want else m["origin"] in may
            if m["origin"] == "unknown":
                self.unknown += 1
            elif not ok:
                self.wrong += 1
                wrong.append("module %s (%s) is called %s" % (m["module"], (m["kernels"] or ["-"])[0][:40], m["origin"]))
        self.modules += len(modules)
        seen = {k for m in modules for k in m["kernels"]}
        missing = [k for k in must if k not in seen and must[k] not in ("inductor",)]
        if missing:
            wrong.append("not seen: %s" % missing[0])
        own = [m for m in modules if m["image"] != "fatbin"]  # a library's own code is loaded, whatever its origin
        by = {p["pid"]: p.get("modules_by") for p in r["processes"]}
        # Level churn: without CUPTI nobody sees what the driver's JIT did with PTX.
        own = [m for m in own if not (by[m["pid"]] == "entry points" and m["image"] == "ptx" and m["how"] == "unknown")]
        if "fresh" in facts:  # kernels whose cubins the compiler wrote during this run
            fresh = collections.Counter(facts["fresh"])
            made = {(m["kernels"][0], m["hash"]) for m in own
                    if m["origin"] in ("inductor", "triton") and m["how"] == "compiled"}
            for kernel, _ in made:
                fresh[kernel] -= 1
            if min(fresh.values(), default=0) < 0:
                wrong.append("%s compiled, but no cubin of it was written" % min(fresh, key=fresh.get))
            own = [m for m in own if m["kernels"] and m["kernels"][0] not in facts["fresh"]] if warm else own
        if warm:
            late = [m for m in own if m["origin"] in RUNTIME and m["how"] != "cached"]
            if late:
                wrong.append("%d modules %s in the second run, not cached" % (len(late), late[0]["how"]))
        elif row in COLD_WARM:
            fresh = [m for m in own if m["origin"] in RUNTIME | {"nvrtc"} and m["how"] != "compiled"]
            if fresh:
                wrong.append("%d modules %s in the first run, not compiled" % (len(fresh), fresh[0]["how"]))
        episodes = [c for c in r["compiles"] if c["origin"] == "inductor"]
        if "graphs" in facts and not row.startswith("compile_reduce") and len(episodes) != facts["graphs"]:
            wrong.append("%d Inductor episodes, Dynamo counted %d graphs" % (len(episodes), facts["graphs"]))
        elif "graphs" in facts and len([e for e in episodes if e["modules"]]) != facts["graphs"]:
            wrong.append("%d Inductor episodes with modules, Dynamo counted %d" % (len(episodes), facts["graphs"]))
        origins = set(must.values()) & RUNTIME
        for c in r["compiles"]:
            if c["origin"] in origins and facts.get("lines") and c["modules"]:
                line = trigger(c)
                if not line_known(line, facts["lines"]):
                    wrong.append("trigger %s of episode %s is not one of %s" % (line, c["id"], facts["lines"][:3]))
        if "hook" in facts:
            h = facts["hook"]
            n = len([m for m in modules if m["origin"] in ("triton", "inductor")])
            if n < h["compiled"] + h["cached"]:
                wrong.append("%d Triton modules, its listener saw %d" % (n, h["compiled"] + h["cached"]))
            if h["compiled"] and sum(c["end_ns"] - c["start_ns"] for c in r["compiles"] if c["origin"] == "triton") == 0:
                wrong.append("Triton's compiles have no duration")
        if "quiet" in facts:
            a, b = facts["quiet"]
            n = len([c for c in r["compiles"] if c["start_ns"] < b and c["end_ns"] > a])
            if n:
                wrong.append("%d episodes while nothing new was used" % n)
        if facts.get("captures") and not any(c["origin"] == "cuda_graph" for c in r["compiles"]):
            wrong.append("the captured graph is in no episode")
        wrong += [n["text"] for p in r["processes"] for n in p["notes"] if "cuGetProcAddress" in n["text"]]
        if r["session"]["lost_records"]:
            wrong.append("%d records lost" % r["session"]["lost_records"])
        return wrong

    def line(self, row, warm, rc, facts, r):
        wrong = self.judge(row, warm, rc, facts, r) if r else ["exit status %s, no session" % rc]
        self.bad += bool(wrong)
        modules = r["modules"] if r else []
        by = collections.Counter(m["origin"] for m in modules)
        how = collections.Counter(m["how"] for m in modules)
        episodes = r["compiles"] if r else []
        own = [c for c in episodes if c["origin"] in set(facts.get("must", {}).values()) | {"xla", "cuda_graph"}] or episodes
        top = max(own, key=lambda c: c["end_ns"] - c["start_ns"], default=None)
        print(HEAD % (row, "warm" if warm else "cold", " ".join("%s:%d" % x for x in by.most_common()),
                      "%d/%d/%d" % (how["compiled"], how["cached"], how["loaded"]), len(episodes), facts.get("graphs", "-"),
                      (trigger(top) or "-")[:26] if top else "-", by["unknown"], how["unknown"],
                      "; ".join(wrong) or "ok"), flush=True)

    def total(self):
        print("%d modules, %d with a wrong origin, %d unknown (%.1f %%)" % (
            self.modules, self.wrong, self.unknown, 100.0 * self.unknown / max(1, self.modules)))
        self.bad += self.wrong > 0 or self.unknown * 50 > self.modules


if __name__ == "__main__":
    j = Judge()
    for session in sorted(glob.glob(sys.argv[2] + "/*.jitness")):
        name = os.path.basename(session)[:-8]
        row, _, how = name.rpartition("-")
        with open(session[:-8] + ".truth.json") as f:
            facts = json.load(f)
        r = report(sys.argv[1], session)
        why = j.judge(row, how == "warm", 0, facts, r) if r else ["no report"]
        print("not ok %s: %s" % (name, "; ".join(why)) if why else "ok %s" % name)
        j.bad += bool(why)
    enough = j.unknown * 50 <= j.modules
    print("%s unknown origins: %d of %d modules" % ("ok" if enough else "not ok", j.unknown, j.modules))
    sys.exit(bool(j.bad) or not enough)
