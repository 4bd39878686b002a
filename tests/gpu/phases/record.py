"""Runs the rows of work.py under jitness, several at once, and says what was recorded beside what the rows know. See phases.sh.

record.py --root DIR --work DIR ... [ROW]...   runs; in DIR: sessions/, truth/, logs/, cache/
record.py --pack --work DIR --out DIR          packs what phases.sh exported to redacted/, with truth/ and logs/

A row is ok when it ended with 0, its truth is whole and the trace has its kernels and lost nothing.
"""
import argparse
import collections
import concurrent.futures
import json
import os
import signal
import subprocess
import sys
import tarfile
import threading
import time

HERE = os.path.dirname(os.path.abspath(__file__))
T0 = time.time()
# The slowest first: they decide when the last one ends.
ROWS = ["gpt2_compile", "generate_static", "gpt2_reduce_overhead", "jax_decode", "moe_eager", "no_cache", "speculative",
        "many_requests", "two_threads", "nosync", "gpt2_eager", "llama_eager", "batch8", "generate_dynamic", "graph_decode",
        "continuous", "prompts_alone", "chunked", "dummy_first", "train_loop", "diffusion", "classifier", "gemm_loop"]
# With nothing beside: when JAX learns that a step is done is in no call of the driver, and late on a busy machine.
ALONE = {"jax_decode", "jax_small"}
ASKED = ["jax_small"]  # run only when named: what cannot be told well, docs/accuracy.md says why
LABELS = {"prefill", "decode", "verify", "pass", "mixed", "warmup"}
HEAD = "%-21s %6s %6s  %-52s %8s %8s %6s %7s  %s"


def truth_errors(t, row):
    """What is wrong with a truth file, as short texts."""
    wrong, last = [], {}
    if t.get("workload") != row:
        wrong.append("truth is of %s" % t.get("workload"))
    if not t.get("passes") and not t.get("runs"):
        wrong.append("no passes")
    for p in t.get("passes", []) + t.get("runs", []):
        if not 0 < p["start_ns"] < p["end_ns"]:
            wrong.append("a pass ends before it starts")
        if p["start_ns"] < last.get(p["thread"], 0):
            wrong.append("passes of a thread overlap")
        last[p["thread"]] = p["end_ns"]
        if p.get("label", "pass") not in LABELS or p["tokens"] < 1 or p["batch"] < 1:
            wrong.append("strange pass: %s" % p)
    return wrong[:2]


def median_ms(passes):
    ms = sorted((p["end_ns"] - p["start_ns"]) / 1e6 for p in passes)
    return ms[len(ms) // 2]


def summary(t):
    """How many passes of each label, and their median."""
    by = collections.defaultdict(list)
    for p in t.get("passes", []):
        by[p["label"]].append(p)
    parts = ["%d %s %.2f ms" % (len(x), label, median_ms(x)) for label, x in by.items()]
    if t.get("runs"):
        parts.append("%d runs %.1f ms" % (len(t["runs"]), median_ms(t["runs"])))
    return ", ".join(parts)


def tree_bytes(d):
    return sum(os.path.getsize(os.path.join(at, f)) for at, _, files in os.walk(d) for f in files)


class Record:
    def __init__(self, a):
        self.a, self.bad = a, 0
        self.jitness = os.path.join(a.root, "build/release/jitness")
        self.clean = {k: v for k, v in os.environ.items()
                      if not k.startswith("JITNESS_") and k not in ("CUDA_INJECTION64_PATH", "LD_PRELOAD", "OUT")}
        self.lock = threading.Lock()
        for d in ("sessions", "truth", "logs"):
            os.makedirs(os.path.join(a.work, d), exist_ok=True)

    def environment(self, row):
        d = os.path.join(self.a.work, "cache", row)
        os.makedirs(d, exist_ok=True)
        return {**self.clean, "HOME": d, "TORCHINDUCTOR_CACHE_DIR": d + "/inductor", "TRITON_CACHE_DIR": d + "/triton",
                "CUDA_CACHE_PATH": d + "/cuda", "XLA_PYTHON_CLIENT_PREALLOCATE": "false",
                "TORCHINDUCTOR_COMPILE_THREADS": "4", "OMP_NUM_THREADS": "4",
                "PHASES_TRUTH": os.path.join(self.a.work, "truth", row + ".json")}

    def run(self, row):
        """(exit status, seconds)"""
        argv = [sys.executable, HERE + "/work.py", row, "--scale", str(self.a.scale)]
        if not self.a.bare:
            argv = [self.jitness, "run", "-o", self.session(row), "--", *argv]
        log, left = os.path.join(self.a.work, "logs", row), self.a.seconds - (time.time() - T0)
        if left < 20:
            return "no time left", 0
        t = time.time()
        with open(log + ".out", "wb") as out, open(log + ".err", "wb") as err:
            p = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=out, stderr=err, env=self.environment(row),
                                 cwd=self.a.work, start_new_session=True)
            try:
                rc = p.wait(min(self.a.limit, left))
            except subprocess.TimeoutExpired:
                rc = "time-out"
            took = time.time() - t
            try:
                os.killpg(p.pid, signal.SIGKILL)  # the group is the row's own: what it left behind, or all of it
            except ProcessLookupError:
                pass
            p.wait()
        return rc, took

    def session(self, row):
        return os.path.join(self.a.work, "sessions", row + ".jitness")

    def report(self, row):
        """(kernels, launches, lost records) or None"""
        try:
            r = subprocess.run([self.jitness, "report", "--json", self.session(row)], stdin=subprocess.DEVNULL, timeout=120,
                               stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
            r = json.loads(r.stdout)
            return (sum(p["kernels"] for p in r["processes"]),
                    sum(p["launches"]["count"] for p in r["processes"]) + sum(p["graph_launches"] for p in r["processes"]),
                    r["session"]["lost_records"])
        except (OSError, ValueError, KeyError, subprocess.TimeoutExpired):
            return None

    def row(self, row):
        rc, took = self.run(row)
        wrong, t = [] if rc == 0 else ["exit status %s" % rc], {}
        try:
            with open(os.path.join(self.a.work, "truth", row + ".json")) as f:
                t = json.load(f)
            wrong += truth_errors(t, row)
        except (OSError, ValueError, KeyError) as e:
            wrong.append("truth: %s" % e.__class__.__name__)
        trace = None if self.a.bare or rc == "no time left" else self.report(row)
        if not self.a.bare:
            if trace is None:
                wrong.append("no report")
            elif trace[2]:
                wrong.append("lost records")
            elif trace[1] < len(t.get("passes", [])):
                wrong.append("fewer launches than passes")
        size = "%.1f" % (tree_bytes(self.session(row)) / 1e6) if os.path.isdir(self.session(row)) else "-"
        with self.lock:
            self.bad += bool(wrong)
            print(HEAD % (row, rc, "%.1f" % took, summary(t)[:52] if t else "-", *(trace or "---"), size,
                          "; ".join(wrong) or "ok"), flush=True)
            if rc not in (0, "no time left"):
                with open(os.path.join(self.a.work, "logs", row + ".err"), errors="replace") as f:
                    print("".join("    " + x for x in f.readlines()[-6:]), end="", flush=True)

    def all(self, rows):
        print(HEAD % ("row", "status", "s", "truth: passes, median", "kernels", "launches", "lost", "MB", "verdict"))
        with concurrent.futures.ThreadPoolExecutor(self.a.jobs) as pool:
            list(pool.map(self.row, [x for x in rows if x not in ALONE]))
        for row in [x for x in rows if x in ALONE]:
            self.row(row)
        print("%d rows, %d bad" % (len(rows), self.bad))


def pack(work, out, limit):
    """sessions.tar.gz: traces are compressed already, so sizes on disk are what they cost. Over the limit the largest
    sessions lose their journals first, then the largest sessions are left out whole; the truth always stays."""
    files, left_out = {}, []
    for top in ("redacted", "truth", "logs"):
        for at, _, names in os.walk(os.path.join(work, top)):
            for f in names:
                path = os.path.join(at, f)
                files[os.path.relpath(path, work)] = os.path.getsize(path)

    def session(path):
        return path.split(os.sep)[1] if path.startswith("redacted") else None

    sizes = collections.Counter()
    for path, size in files.items():
        sizes[session(path)] += size
    sizes.pop(None, None)
    for only_journals in (True, False):
        for name, _ in sizes.most_common():
            if sum(files.values()) <= limit:
                break
            gone = [p for p in files if session(p) == name and (not only_journals or p.endswith(".jnj"))]
            if gone:
                left_out.append("%s of %s (%.1f MB)" % ("journals" if only_journals else "all", name,
                                                        sum(files.pop(p) for p in gone) / 1e6))
    with tarfile.open(os.path.join(out, "sessions.tar.gz"), "w:gz", compresslevel=6) as tar:
        for path in sorted(files):
            tar.add(os.path.join(work, path), path)
    print("packed: %d files, %.1f MB, sessions.tar.gz %.1f MB; left out: %s" % (
        len(files), sum(files.values()) / 1e6, os.path.getsize(os.path.join(out, "sessions.tar.gz")) / 1e6,
        ", ".join(left_out) or "nothing"))


if __name__ == "__main__":
    p = argparse.ArgumentParser()
    p.add_argument("--work", required=True, help="directory for everything that is written")
    p.add_argument("--root", default=os.path.join(HERE, "../../.."))
    p.add_argument("--gpu", default="")
    p.add_argument("--jobs", type=int, default=6, help="rows at once")
    p.add_argument("--seconds", type=float, default=480, help="after these no row runs on")
    p.add_argument("--limit", type=float, default=170, help="seconds for one row")
    p.add_argument("--scale", type=float, default=1.0, help="how much of each row runs")
    p.add_argument("--bare", action="store_true", help="without jitness: to try the rows")
    p.add_argument("--pack", action="store_true")
    p.add_argument("--out")
    p.add_argument("--pack-limit", type=float, default=40e6)
    p.add_argument("rows", nargs="*")
    a = p.parse_args()
    if a.pack:
        pack(a.work, a.out, a.pack_limit)
        sys.exit(0)
    unknown = set(a.rows) - set(ROWS + ASKED)
    if unknown:
        p.error("no such row: %s (rows: %s)" % (", ".join(sorted(unknown)), " ".join(ROWS + ASKED)))
    print("GPU: " + a.gpu)
    r = Record(a)
    r.all([x for x in ROWS + ASKED if x in (a.rows or ROWS)])
    sys.exit(r.bad > 0)
