"""Runs the programs of work.py and c_loads.c under jitness, cold and warm, and holds the report against what they know
of themselves. See churn.sh."""
import argparse
import collections
import concurrent.futures
import json
import os
import statistics
import subprocess
import sys
import threading
import time

from judge import COLD_WARM, HEAD, ONCE, Judge, report

HERE = os.path.dirname(os.path.abspath(__file__))
T0 = time.time()


class Matrix(Judge):
    def __init__(self, a):
        super().__init__()
        self.a = a
        self.jitness = os.path.join(a.root, "build/release/jitness")
        self.clean = {k: v for k, v in os.environ.items()
                      if not k.startswith("JITNESS_") and k not in ("CUDA_INJECTION64_PATH", "LD_PRELOAD", "OUT", "LEVEL")}
        self.level = ("--level", os.environ["LEVEL"]) if os.environ.get("LEVEL") else ()
        self.lock = threading.Lock()

    def caches(self, row):
        d = os.path.join(self.a.work, "cache", row)
        return {"HOME": d, "TORCHINDUCTOR_CACHE_DIR": d + "/inductor", "TRITON_CACHE_DIR": d + "/triton",
                "CUDA_CACHE_PATH": d + "/cuda", "CUPY_CACHE_DIR": d + "/cupy",
                "XLA_PYTHON_CLIENT_PREALLOCATE": "false",
                "TORCH_CUDA_ARCH_LIST": self.a.arch[:-1] + "." + self.a.arch[-1] if self.a.arch else ""}

    def command(self, row):
        if row == "nvrtc_c":
            return [self.a.work + "/bin/c_loads", "nvrtc"]
        if row == "ptx_c":
            return [self.a.work + "/bin/c_loads", "ptx", self.a.work + "/bin/c_kernel.ptx"]
        return [sys.executable, HERE + "/work.py", row]

    def run(self, name, argv, env=None, limit=170, options=()):
        """(status, last JSON line, session directory)"""
        session = os.path.join(self.a.work, "sessions", name + ".jitness")
        left = self.a.seconds - (time.time() - T0)
        if left < 20:
            return "no time left", {}, session
        os.makedirs(os.path.dirname(session), exist_ok=True)
        log = os.path.join(self.a.work, "logs", name)
        try:
            with open(log + ".out", "wb") as out, open(log + ".err", "wb") as err:
                rc = subprocess.run([self.jitness, "run", *options, "-o", session, "--", *argv], stdout=out, stderr=err,
                                    stdin=subprocess.DEVNULL, env={**self.clean, **(env or {})}, cwd=self.a.work,
                                    timeout=min(limit, left)).returncode
        except subprocess.TimeoutExpired:
            rc = "time-out"
        facts = {}
        for line in open(log + ".out", errors="replace"):
            if line.startswith("{"):
                facts = json.loads(line)
        return rc, facts, session

    def row(self, row):
        env, lines = self.caches(row), []
        for warm in (False, True) if row in COLD_WARM else (False,):
            if row == "jax_jit":
                env["JAX_COMPILATION_CACHE_DIR"] = env["HOME"] + "/jax"
                env["JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS"] = "0"
                env["JAX_PERSISTENT_CACHE_MIN_ENTRY_SIZE_BYTES"] = "-1"
            rc, facts, session = self.run("%s-%s" % (row, "warm" if warm else "cold"), self.command(row), env, options=self.level)
            lines.append((row, warm, rc, facts, report(self.jitness, session)))
        with self.lock:
            for x in lines:
                self.line(*x)

    def matrix(self, only):
        print(HEAD % ("program", "", "modules by origin", "how c/c/l", "ep.", "grph", "trigger of the longest", "unk",
                      "how?", "verdict"))
        rows = [r for r in COLD_WARM[2:3] + COLD_WARM[:2] + COLD_WARM[3:] + ONCE if not only or r in only]
        with concurrent.futures.ThreadPoolExecutor(self.a.jobs) as pool:
            list(pool.map(self.row, rows))
        self.total()

    def stress(self):
        rc, facts, session = self.run("stress", [sys.executable, self.a.root + "/tests/host/stress.py",
                                                 self.a.work + "/bin/c_kernel.cubin", str(self.a.stress), "torch"], limit=self.a.stress + 60, options=self.level)
        r = report(self.jitness, session) if rc == 0 else None
        ok = bool(r) and not facts["errors"] and facts["loads"] > 0 and facts["opens"] > 0
        self.bad += not ok
        print("stress: 64 threads for %g s: status %s, %s, %s records lost: %s" % (
            self.a.stress, rc, facts, r["session"]["lost_records"] if r else "?", "ok" if ok else "BAD"), flush=True)

    def interleaved(self, argv, kinds, repeats, skip=0):
        """{kind: [(median, p99) in us of each run]}; a kind is a tuple of options of jitness run."""
        runs = collections.defaultdict(list)
        for i in range(repeats):
            for kind in kinds:
                rc, facts, _ = self.run("cost-%s-%d" % ("-".join(kind).strip("-"), i), argv, options=kind)
                if rc == 0:
                    ns = sorted(facts["ns"][skip:])
                    runs[kind].append((statistics.median(ns) / 1e3, ns[len(ns) * 99 // 100] / 1e3))
        return runs

    def cost(self):
        modes = [("--stacks", s) for s in ("off", "native", "python", "all")]
        runs = self.interleaved([sys.executable, HERE + "/stack_cost.py", self.a.work + "/bin/c_kernel.cubin", "2000"], modes, 3, 200)
        base = statistics.median(x[0] for x in runs[modes[0]]) if runs else 0
        print("a module load under 40 Python frames, us: median of three runs' medians (each), p99, added")
        for kind, x in runs.items():
            mid = statistics.median(v[0] for v in x)
            print("  %-18s %7.2f  (%s)  p99 %7.2f  added %6.2f" % (
                " ".join(kind), mid, " ".join("%.2f" % v[0] for v in x), statistics.median(v[1] for v in x), mid - base), flush=True)
            self.bad += kind == modes[-1] and mid - base > 100
        modes = [("--level", "churn", "--stacks", "off"), ("--level", "churn", "--stacks", "all"), ("--stacks", "off"), ("--stacks", "all")]
        print("a launch from C, us: median of five interleaved runs' medians (lowest to highest)")
        for kind, x in self.interleaved([self.a.work + "/bin/c_loads", "launches", self.a.work + "/bin/c_kernel.ptx"], modes, 5).items():
            mids = sorted(v[0] for v in x)
            print("  %-32s %6.3f  (%.3f to %.3f)" % (" ".join(kind), statistics.median(mids), mids[0], mids[-1]), flush=True)


if __name__ == "__main__":
    p = argparse.ArgumentParser()
    for name, kind in (("root", str), ("work", str), ("arch", str), ("gpu", str), ("jobs", int), ("seconds", float), ("stress", float)):
        p.add_argument("--" + name, type=kind, required=True)
    p.add_argument("what", nargs="*")
    m = Matrix(p.parse_args())
    print("GPU: " + m.a.gpu)
    named = [w for w in m.a.what if w in COLD_WARM + ONCE]
    if named or not m.a.what or "matrix" in m.a.what:
        m.matrix(named)
    if not m.a.what or "cost" in m.a.what:
        m.cost()
    if not m.a.what or "stress" in m.a.what:
        m.stress()
    print("%d bad" % m.bad)
    sys.exit(m.bad > 0)
