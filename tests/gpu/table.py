"""Runs the workloads beside this file with and without jitness and prints what was recorded. See table.sh."""
import argparse
import concurrent.futures
import glob
import json
import os
import re
import shutil
import signal
import statistics
import subprocess
import sys
import tarfile
import threading
import time

HERE = os.path.dirname(os.path.abspath(__file__))
T0 = time.time()


class Run:
    """One finished program."""

    def __init__(self, name, rc, out, err, seconds, rss_kb):
        self.name, self.rc, self.out, self.err = name, rc, out, err
        self.seconds, self.rss_kb = seconds, rss_kb
        self.facts = {}
        for line in out.splitlines():
            if line.startswith("{"):
                try:
                    self.facts = json.loads(line)
                except ValueError:
                    pass
        self.rss_kb = max(rss_kb, self.facts.get("vmhwm_kb") or 0)


class Bench:
    def __init__(self, a):
        self.a = a
        self.slots = threading.Semaphore(a.jobs)
        self.jitness = os.path.join(a.root, "build/release/jitness")
        self.bad = 0
        self.clean = {k: v for k, v in os.environ.items()
                      if not k.startswith("JITNESS_") and k not in ("CUDA_INJECTION64_PATH", "LD_PRELOAD", "OUT")}

    def path(self, *parts):
        return os.path.join(self.a.work, *parts)

    def left(self):
        return self.a.seconds - (time.time() - T0)

    # --- programs

    def run(self, name, argv, env=None, timeout=150):
        """Runs argv in its own process group; output to logs/NAME.{out,err}."""
        out, err = self.path("logs", name + ".out"), self.path("logs", name + ".err")
        with self.slots:
            limit = min(timeout, self.left())
            if limit < 5:
                return Run(name, None, "", "not run: no time left", 0, 0)
            t = time.time()
            try:
                with open(out, "wb") as fo, open(err, "wb") as fe:
                    p = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=fo, stderr=fe, cwd=self.a.work,
                                         env={**self.clean, **(env or {})}, start_new_session=True)
            except OSError as e:
                return Run(name, None, "", str(e), 0, 0)
            timer = threading.Timer(limit, self.kill, (p.pid,))
            timer.start()
            _, status, usage = os.wait4(p.pid, 0)
            timer.cancel()
            p.returncode = os.waitstatus_to_exitcode(status)
            self.kill(p.pid)  # what it left behind
        took = time.time() - t
        rc = "time-out" if took >= limit else p.returncode
        texts = [open(f, errors="replace").read() for f in (out, err)]
        return Run(name, rc, *texts, took, usage.ru_maxrss)

    @staticmethod
    def kill(group):
        try:
            os.killpg(group, signal.SIGKILL)
        except (ProcessLookupError, PermissionError):
            pass

    def counter_env(self, name, graph=False):
        d = self.path("count", name)
        os.makedirs(d, exist_ok=True)
        env = {"CUDA_INJECTION64_PATH": self.path("bin/libcount.so"), "COUNT_OUT": d + "/n"}
        return {**env, "COUNT_GRAPH": "1"} if graph else env

    def counts(self, name):
        """Sum over the processes of a counted run, or {}."""
        total = {}
        for f in glob.glob(self.path("count", name, "n.*")):
            for k, v in json.load(open(f)).items():
                total[k] = total.get(k, 0) + v
        return total

    def counted(self, name, argv, env=None, graph=False):
        r = self.run("count-" + name, argv, {**(env or {}), **self.counter_env(name, graph)})
        r.counts = self.counts(name) if r.rc == 0 else {}
        return r

    def jit_env(self):
        carry = os.path.join(self.a.root, "build/carry")
        old = self.clean.get("LD_LIBRARY_PATH")
        return {"LD_LIBRARY_PATH": carry + (":" + old if old else "")}

    def traced(self, name, argv, env=None, level="graph", timeout=150):
        """`jitness run` of argv, which does not see the library path of the command itself."""
        d = self.path("traces", name + ".jitness")
        os.makedirs(os.path.dirname(d), exist_ok=True)
        old = self.clean.get("LD_LIBRARY_PATH")
        unset = ["env", "LD_LIBRARY_PATH=" + old] if old else ["env", "-u", "LD_LIBRARY_PATH"]
        r = self.run("jitness-" + name, [self.jitness, "run", "--redact", "--level", level, "-o", d, "--",
                     *unset, *argv], {**(env or {}), **self.jit_env()}, timeout)
        r.dir = d
        r.bytes = sum(os.path.getsize(f) for f in glob.glob(d + "/*.jnt"))
        r.report_run = self.run("report-" + name, [self.jitness, "report", "--json", d], self.jit_env(), 60)
        try:
            r.report = json.loads(r.report_run.out)
        except ValueError:
            r.report = {}
        self.run("text-" + name, [self.jitness, "report", d], self.jit_env(), 60)
        return r

    # --- reading reports

    @staticmethod
    def total(report, *keys):
        """Sum over processes of p[key][key]...; None when none has it."""
        n, seen = 0, False
        for p in report.get("processes", []):
            for k in keys:
                p = p.get(k) if isinstance(p, dict) else None
            if isinstance(p, (int, float)):
                n, seen = n + p, True
        return n if seen else None

    def recorded(self, report, level):
        """(all kernels, of these listed through graphs)."""
        direct = self.total(report, "kernels")
        if direct is None:
            return None, None
        listed = 0
        if level == "graph":
            for g in report.get("graphs", []):
                listed += (g.get("launches") or 0) * sum(k.get("count", 0) for k in g.get("kernels", []))
        return direct + listed, listed


def size_of(directory):
    return sum(os.path.getsize(os.path.join(d, x)) for d, _, fs in os.walk(directory) for x in fs)


def show(v):
    return "?" if v is None else f"{v:.2f}" if isinstance(v, float) else str(v)


def table(title, head, rows):
    rows = [[show(c) for c in r] for r in rows]
    width = [max(len(r[i]) for r in [head, *rows]) for i in range(len(head))]
    print(f"\n{title}")
    for r in [head, *rows]:
        print(" ".join(c.ljust(w) if i in (0, len(head) - 1) else c.rjust(w)
                       for i, (c, w) in enumerate(zip(r, width))).rstrip())
    sys.stdout.flush()


# --- counts

PY = sys.executable or "python3"


def py(script, *args):
    return [PY, os.path.join(HERE, script), *args]


def group(b, name, argv, levels=("graph",), env=None, profile=False, graphs=False, seed=None, approximate=False):
    """One workload: its independent counts and its traces, as rows. seed: a run that fills caches first."""
    if seed:
        seed = b.counted(name + "-seed", argv, env)
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        count = pool.submit(b.counted, name, argv, env)
        whole = pool.submit(b.counted, name + "-whole", argv, env, True) if graphs else None
        prof = pool.submit(b.run, "profile-" + name, [*argv, "--profile"], env) if profile else None
        traces = {}
        for lv in levels:
            own = dict(env or {})
            traces[lv] = pool.submit(b.traced, f"{name}-{lv}", argv, own, lv)
        count = count.result()
        whole = whole.result() if whole else None
        prof = prof.result() if prof else None
        traces = {lv: f.result() for lv, f in traces.items()}
    return [row(b, name, lv, t, count, whole, prof, approximate) for lv, t in traces.items()]


def row(b, name, level, t, count, whole, prof, approximate):
    c, rep = count.counts, t.report
    indep = {}
    if "kernels_expected" in t.facts:
        indep["known"] = t.facts["kernels_expected"]
    if c:
        indep["counter"] = c["kernels"] + c["graph_kernels"]
    if prof and "profiler" in prof.facts:
        indep["torch.profiler"] = prof.facts["profiler"]["kernels"]
    got, _ = b.recorded(rep, level)
    graphs = b.total(rep, "graph_launches")
    graphs_want = t.facts.get("graph_launches")
    if graphs_want is None and whole and whole.counts:
        graphs_want = whole.counts["graph_launches"]
    lost = (rep.get("session") or {}).get("lost_records")
    invalid = b.total(rep, "invalid_timestamps")
    early = b.total(rep, "early_kernels")
    alone = b.total(rep, "launches", "gpu_work_without_launch")
    jit = b.total(rep, "driver_jit", "compiles")
    direct = b.total(rep, "kernels") or 0
    launches = direct + (graphs or 0)
    why = []
    if t.rc != 0:
        why.append(f"run rc {t.rc}")
    if t.report_run.rc != 0:
        why.append(f"report rc {t.report_run.rc}")
    if got is None or not indep:
        why.append("no count")
    elif got not in (may_be := [indep["known"]] if "known" in indep else list(indep.values())):
        off = min((abs(got - v), got - v) for v in may_be)[1]
        spread = max(may_be) - min(may_be)
        why.append(f"{'' if approximate or spread >= abs(off) else 'FAIL '}differs {off:+d}")
    if graphs_want is not None and graphs != graphs_want:
        why.append(f"graphs {show(graphs)} != {graphs_want}")
    for key in ("memcpys", "memsets"):
        want = t.facts.get(key, c.get(key) if c and level == "graph" else None)
        have = b.total(rep, key)
        if want is not None and have != want:
            why.append(f"{key} {show(have)} != {want}")
    for kernel, n in t.facts.get("kernel_names", {}).items():
        have = sum(k["count"] for k in rep.get("kernels", []) if kernel in k["name"])
        if have != n:
            why.append(f"{kernel} {have} != {n}")
    if lost:
        why.append(f"lost {lost}")
    if invalid:
        why.append(f"invalid {invalid}")
    if early:
        why.append(f"early {early}")
    hard = [w for w in why if not (w.startswith("differs") or approximate and re.match("mem|graphs", w))]
    b.bad += bool(hard)
    return [name, level, got, "/".join(str(v) for v in indep.values()) or None, "+".join(indep), graphs, graphs_want,
            b.total(rep, "modules"), c.get("modules"), jit, c.get("jit_compiles"), lost, invalid, early,
            alone, t.bytes / launches if launches else None, t.seconds,
            ("FAIL " if hard else "~ " if why else "ok ") + ", ".join(why)]


# alone: GPU records whose launch was not seen (copies have no launch callback). indep.: the counter's.
HEAD = ["workload", "level", "kernels", "independent", "source", "graphs", "indep.", "modules", "indep.", "jit",
        "indep.", "lost", "invalid", "early", "alone", "B/launch", "s", "verdict"]


def counts(b):
    cs, ptx = b.path("bin/cuda_static"), b.path("bin/cuda_ptx")
    cache = {m: {"TORCHINDUCTOR_CACHE_DIR": b.path("inductor-" + m), "TRITON_CACHE_DIR": b.path("triton-" + m)}
             for m in ("default", "reduce-overhead")}
    exact_xla = {"XLA_FLAGS": "--xla_gpu_autotune_level=0"}
    jobs = [
        lambda: group(b, "c-compile", py("gpt2_compile.py"), env=cache["default"], profile=True, seed=True),
        lambda: group(b, "c-reduce-overhead", py("gpt2_compile.py", "--mode", "reduce-overhead"),
                      env=cache["reduce-overhead"], profile=True, graphs=True, seed=True),
        lambda: group(b, "c-compile-cold", py("gpt2_compile.py", "--cold", "--shapes", "16"), approximate=True),
        lambda: group(b, "b-eager-loop", py("gpt2_eager.py", "--rounds", "3", "--new", "64"), profile=True),
        lambda: group(b, "b-eager-generate", py("gpt2_eager.py", "--generate"), profile=True),
        lambda: group(b, "d-graph", py("gpt2_graph.py"), levels=("graph", "node"), profile=True, graphs=True),
        lambda: group(b, "e-jax-no-autotune", py("jax_loop.py"), env=exact_xla, graphs=True),
        lambda: group(b, "e-jax", py("jax_loop.py"), graphs=True, approximate=True),
        lambda: group(b, "f-cupy", py("cupy_mix.py")),
        lambda: group(b, "a-eager", [cs, "--eager", "400000", "--threads", "8", "--streams", "16", "--copies", "1000",
                                     "--sets", "1000"]),
        lambda: group(b, "a-graphs", [cs, "--nodes", "2000000", "--threads", "8", "--streams", "8"],
                      levels=("graph", "node")),
        lambda: group(b, "a-one-thread", [cs, "--eager", "400000"]),
        lambda: group(b, "a-ptx-only", [ptx, "--eager", "1000", "--nodes", "5000", "--copies", "7", "--sets", "5"],
                      env={"CUDA_CACHE_DISABLE": "1"}),
    ]
    doctor = b.run("doctor", [b.jitness, "doctor"], b.jit_env(), 30)
    with concurrent.futures.ThreadPoolExecutor(len(jobs)) as pool:
        rows = [r for f in [pool.submit(guard, b, j) for j in jobs] for r in f.result()]
    rows.sort(key=lambda r: r[0])
    table("COUNTS (independent: the same program without jitness)", HEAD, rows)
    print(f"doctor: rc {doctor.rc}: " + " | ".join(doctor.out.splitlines()[:6])[:600])


def guard(b, job):
    try:
        return job()
    except Exception as e:  # one workload must not take the others along
        b.bad += 1
        return [[type(e).__name__] + [None] * (len(HEAD) - 2) + ["FAIL " + str(e)[:80]]]


def memory(b):
    """Host memory and time held, on GPT-2 eager: three runs of each, two programs at a time."""
    argv = py("gpt2_eager.py", "--new", "32")
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        f = []
        for i in range(3):
            f.append(("plain", pool.submit(b.run, f"memory-plain-{i}", argv)))
            f.append(("jitness", pool.submit(b.traced, f"memory-jitness-{i}", argv)))
            f.append(("counter", pool.submit(b.counted, f"memory-{i}", argv)))
        f = [(k, x.result()) for k, x in f]
    kb = {k: [r.rss_kb for w, r in f if w == k and r.rc == 0] for k in ("plain", "jitness", "counter")}
    mib = {k: statistics.median(v) / 1024 if v else None for k, v in kb.items()}
    rows = [[k, mib[k], (mib[k] - mib["plain"]) if mib[k] and mib["plain"] else None,
             " ".join(f"{v / 1024:.0f}" for v in kb[k])] for k in kb]
    table("HOST MEMORY, GPT-2 eager (VmHWM, MiB; counter = CUPTI with a plain client)",
          ["run", "median", "extra", "runs"], rows)
    for k, r in f:
        if k == "jitness" and r.report:
            n = b.total(r.report, "kernels")
            print(f"bytes per launch: {r.bytes} / {n} = {r.bytes / n:.2f}" if n else "no kernels")
    one = [b.path("bin/cuda_static"), "--eager", "200000"]
    held = {"plain": [], "counter": [], "jitness": []}
    for i in range(3):  # one at a time: this is about time
        held["plain"].append(b.run(f"held-plain-{i}", one))
        held["counter"].append(b.counted(f"held-{i}", one))
        held["jitness"].append(b.traced(f"held-{i}", one))
    print("longest single launch call of 200,000, us (three runs):", "; ".join(
        f"{k} " + " ".join(m.group(1) if (m := re.search(r"longest launch call: (\d+)", r.err)) else "?" for r in v)
        for k, v in held.items()))


# --- lifetimes

def lifetimes(b):
    cs = b.path("bin/cuda_static")
    progress = b.path("logs/sigkill-progress")
    missing = {"JITNESS_CUPTI": "/nonexistent/libcupti.so.13"}
    taken = b.counter_env("life-injection-set")
    life = lambda *m: py("life.py", *m)
    n = 2001  # see life.py
    cases = [  # name, argv, env, status, processes with GPU records, kernels
        ("exit", life("plain"), None, 0, 1, n),
        ("os._exit", life("os_exit"), None, 7, 1, n),
        ("sys.exit in a thread", life("sys_exit_thread"), None, 0, 1, n),
        ("exit(3) in a thread", life("libc_exit_thread"), None, 7, 1, n),
        ("uncaught exception", life("exception"), None, 1, 1, n),
        ("SIGTERM", life("sigterm"), None, 143, 1, n),
        ("SIGSEGV", life("segv"), None, 139, 1, n),
        ("SIGKILL after 2 s", life("sigkill", progress), None, 137, 1, None),
        ("fork before CUDA", life("fork_before"), None, 0, 2, 2 * n),
        ("fork after CUDA", life("fork_after"), None, 0, 1, n),
        ("spawn before CUDA", life("spawn_before"), None, 0, 2, 2 * n),
        ("spawn after CUDA", life("spawn_after"), None, 0, 2, 2 * n),
        ("exec after CUDA", life("exec"), None, 7, 1, n),
        ("torch.profiler inside", life("profiler"), None, 0, 1, n),
        ("injection set already", life("plain"), taken, 0, None, None),
        ("no libcupti", life("plain"), missing, 0, None, None),
        ("C++ exit in a thread", [cs, "--eager", "5000", "--end", "thread"], None, 7, 1, 5000),
        ("C++ _exit", [cs, "--eager", "5000", "--end", "_exit"], None, 7, 1, 5000),
        ("C++ quick_exit", [cs, "--eager", "5000", "--end", "quick_exit"], None, 7, 1, 5000),
        ("C++ abort", [cs, "--eager", "5000", "--end", "abort"], None, 134, 1, 5000),
        ("C++ SIGKILL", ["timeout", "-s", "KILL", "5", cs, "--seconds", "60"], None, 137, 1, None),
    ]
    with concurrent.futures.ThreadPoolExecutor(len(cases)) as pool:
        rows = [f.result() for f in [pool.submit(life_row, b, i, *c) for i, c in enumerate(cases)]]
    table("LIFETIMES (plain: without jitness; kernels: recorded/launched)",
          ["case", "rc plain", "rc", "stdout", "report", "procs", "ended", "kernels", "lost", "s", "verdict"], rows)
    print(killed_at(b, progress))


def life_row(b, i, case, argv, env, status, procs, kernels):
    try:
        return life_case(b, f"life{i:02d}-" + re.sub(r"\W+", "_", case), case, argv, env, status, procs, kernels)
    except Exception as e:
        b.bad += 1
        return [case] + [None] * 9 + [f"FAIL {type(e).__name__} {e}"[:80]]


def life_case(b, name, case, argv, env, status, procs, kernels):
    killed = status >= 128
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        # Not twice the same file for the progress of the killed one.
        plain = pool.submit(b.run, name + "-plain", [x + "-plain" if "progress" in x else x for x in argv], None, 100)
        t = b.traced(name, argv, env, timeout=100)
        plain = plain.result()
    rep = t.report
    p = rep.get("processes", [])
    got = b.total(rep, "kernels")
    lost = (rep.get("session") or {}).get("lost_records")
    shell = lambda rc: 128 - rc if isinstance(rc, int) and rc < 0 else rc
    why = []
    # The program's own end, without us, is not ours to judge; only a run that never was is a failure.
    odd = "" if shell(plain.rc) == status else f" (plain run ended {plain.rc}, not {status})"
    if not isinstance(plain.rc, int):
        why.append(f"plain run: {plain.rc or plain.err}")
    if t.rc != shell(plain.rc):
        why.append(f"status {t.rc} != {shell(plain.rc)}")
    if t.out != plain.out:
        why.append("stdout differs")
    if procs is not None:
        if t.report_run.rc != 0:
            why.append(f"report rc {t.report_run.rc}")
        if len(p) != procs:
            why.append(f"{len(p)} processes != {procs}")
        if kernels is not None and got != kernels:
            why.append(f"kernels {show(got)} != {kernels}")
        if not got:
            why.append("no kernels")
        if lost:
            why.append(f"lost {lost}")
        cut = (rep.get("session") or {}).get("truncated_processes")
        if killed and not cut:
            why.append("not said to be cut off")
    b.bad += bool(why)
    said = ""
    if procs is None or "profiler" in case:
        reasons = [x.get("reason") for x in p if x.get("reason")] or [
            line for line in t.err.splitlines() if "jitness" in line]
        said = " said: " + str(reasons[0] if reasons else "nothing")[:110]
        if "profiler" in case:
            said += "".join("; " + line for line in t.err.splitlines() if "GPU rows" in line)
        if "injection" in case:
            n = b.counts("life-injection-set").get("kernels")
            said += f"; the other library counted {show(n)}"
    return [case, plain.rc, t.rc, "same" if t.out == plain.out else "DIFFERS", t.report_run.rc, len(p),
            ",".join(str(x.get("ended")) for x in p), f"{show(got)}/{show(kernels)}", lost, t.seconds,
            ("FAIL " + ", ".join(why) if why else "ok") + odd + said]


def killed_at(b, progress):
    """How much of what had finished before the SIGKILL was recorded."""
    try:
        steps = [line.split() for line in open(progress) if len(line.split()) == 2]
        rep = json.load(open(glob.glob(b.path("logs/report-life*SIGKILL_after_2_s.out"))[0]))
        got, end = b.total(rep, "kernels") or 0, float(steps[-1][0])
        reached = [float(t) for t, n in steps if int(n) <= got]
        return (f"SIGKILL: {steps[-1][1]} kernels had finished, {got} recorded: everything up to "
                f"{(end - reached[-1]) * 1e3:.0f} ms before the kill" if reached else f"SIGKILL: {got} recorded")
    except (OSError, ValueError, IndexError) as e:
        return f"SIGKILL: no progress to compare ({e})"


# --- fixtures

def fixtures(b):
    """Short redacted traces with the counts they must show, for tests/data/real."""
    cs, ptx = b.path("bin/cuda_static"), b.path("bin/cuda_ptx")
    small = ("--layers", "2")
    seed = {"TORCHINDUCTOR_CACHE_DIR": b.path("fx-inductor"), "TRITON_CACHE_DIR": b.path("fx-triton")}
    plans = [  # name, argv, level, env
        ("a_static", [cs, "--eager", "400", "--nodes", "2000", "--threads", "4", "--streams", "8", "--copies", "20",
                      "--sets", "10"], "graph", None),
        ("a_static_node", [cs, "--eager", "40", "--nodes", "1000", "--threads", "2", "--streams", "2"], "node", None),
        ("a_ptx", [ptx, "--eager", "40", "--copies", "4", "--sets", "2"], "graph", {"CUDA_CACHE_DISABLE": "1"}),
        ("a_killed", ["timeout", "-s", "KILL", "3", cs, "--eager", "1000", "--seconds", "60"], "graph", None),  # its journal may be too large to keep
        ("b_eager", py("gpt2_eager.py", *small, "--prompts", "9,27", "--new", "6"), "graph", None),
        ("c_compile", py("gpt2_compile.py", *small, "--steps", "3", "--cold"), "graph", None),
        ("c_reduce_overhead", py("gpt2_compile.py", *small, "--shapes", "16", "--steps", "6", "--mode",
                                 "reduce-overhead"), "graph", seed),
        ("d_graph", py("gpt2_graph.py", *small, "--replays", "20"), "graph", None),
        ("d_graph_node", py("gpt2_graph.py", *small, "--replays", "5"), "node", None),
        ("e_jax", py("jax_loop.py", "--steps", "5"), "graph", {"XLA_FLAGS": "--xla_gpu_autotune_level=0"}),
        ("f_cupy", py("cupy_mix.py", "--steps", "10"), "graph", None),
        ("life_fork", py("life.py", "fork_before"), "graph", None),
    ]

    def one(name, argv, level, env):
        if env is seed:
            b.run("fx-seed-" + name, argv, env)
        count = b.counted("fx-" + name, argv, env) if name != "a_killed" else None
        t = b.traced(name, argv, env, level)
        got, listed = b.recorded(t.report, level)
        truth = {"level": level, "lost": 0}
        if count and count.counts:
            c = count.counts
            truth.update(kernels=c["kernels"] + c["graph_kernels"], memcpys=c["memcpys"], memsets=c["memsets"],
                         source="count_inject")
        if "kernels_expected" in t.facts:
            truth.update({k: t.facts[k] for k in ("memcpys", "memsets", "graph_launches")},
                         kernels=t.facts["kernels_expected"], source="known")
        elif "graph_launches" in t.facts:
            truth["graph_launches"] = t.facts["graph_launches"]
        if name == "life_fork":
            truth.update(kernels=4002, source="known", processes=2)
        # A second run is not the same program when it compiles for the first time.
        truth["exact"] = got == truth.get("kernels")
        truth["recorded"] = got
        if os.path.isdir(t.dir):
            with open(t.dir[: -len(".jitness")] + ".truth.json", "w") as f:
                json.dump(truth, f, indent=1, sort_keys=True)
                f.write("\n")
        size = size_of(t.dir)
        good = t.report_run.rc == 0 and got and (truth["exact"] or name in ("a_killed", "c_compile"))
        b.bad += not good
        return [name, level, got, truth.get("kernels"), truth.get("source"), size, t.rc,
                "ok" if good else "FAIL"]

    def safe(plan):
        try:
            return one(*plan)
        except Exception as e:
            b.bad += 1
            return [plan[0], plan[2]] + [None] * 5 + [f"FAIL {type(e).__name__} {e}"[:80]]

    with concurrent.futures.ThreadPoolExecutor(len(plans)) as pool:
        rows = [f.result() for f in [pool.submit(safe, p) for p in plans]]
    table("FIXTURES", ["session", "level", "kernels", "independent", "source", "bytes", "rc", "verdict"], rows)
    with tarfile.open(os.path.join(b.a.out, "fixtures.tar"), "w") as tar:
        for name, *_ in plans:
            if size_of(b.path("traces", name + ".jitness")) > 400 << 10:
                print(f"left out, too large: {name}")
                continue
            for end in (".jitness", ".truth.json"):
                if os.path.exists(b.path("traces", name + end)):
                    tar.add(b.path("traces", name + end), name + end)
    print("fixtures.tar:", os.path.getsize(os.path.join(b.a.out, "fixtures.tar")), "bytes (2 MiB allowed)")


def keep_traces(b):
    """As many of the other traces as fit, smallest first, for looking at them later."""
    room = 12 << 20
    with tarfile.open(os.path.join(b.a.out, "traces.tar"), "w") as tar:
        for d in sorted(glob.glob(b.path("traces/*.jitness")), key=size_of):
            if size_of(d) < room:
                room -= size_of(d)
                tar.add(d, os.path.basename(d))


def main():
    p = argparse.ArgumentParser()
    for o in ("root", "work", "out", "gpu"):
        p.add_argument("--" + o)
    p.add_argument("--jobs", type=int)
    p.add_argument("--seconds", type=float)
    p.add_argument("what", nargs="+", choices=("all", "counts", "memory", "lifetimes", "fixtures"))
    b = Bench(p.parse_args())
    print("GPU:", b.a.gpu)
    todo = [("counts", counts), ("memory", memory), ("lifetimes", lifetimes), ("fixtures", fixtures)]
    for name, part in todo:
        if name in b.a.what or "all" in b.a.what:
            t = time.time()
            try:
                part(b)
            except Exception as e:
                b.bad += 1
                print(f"{part.__name__} stopped: {type(e).__name__}: {e}")
            print(f"({part.__name__}: {time.time() - t:.0f} s)", flush=True)
    keep_traces(b)
    shutil.rmtree(b.path("count"), ignore_errors=True)
    print(f"{'ok' if not b.bad else f'{b.bad} not ok'}; {time.time() - T0:.0f} s in all")
    sys.exit(1 if b.bad else 0)


if __name__ == "__main__":
    main()
