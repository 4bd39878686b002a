"""What tracers cost, side by side. See bench.sh; `bench.py --help` for what can be chosen.

For each workload one process per tracer is started; when all are ready, they are told in turns, in random order, to do a
batch. So the tracers are interleaved within seconds, and a drift of the machine meets all of them. A figure is the median
over the rounds; "added" is the median over the rounds of (tracer - none) in the same round, with its quartiles; "x floor" is that
against what the floor of the same level adds; "bytes/op": the trace's, per kernel (of a graph: at level node), copy and replay in
it. More waves of processes where a process's own luck matters.
"""
import argparse
import contextlib
import glob
import json
import os
import random
import resource
import shutil
import statistics
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.abspath(os.path.join(HERE, "../../.."))
TICK = os.sysconf("SC_CLK_TCK")
CPUS = 8  # the cores that all measured processes share; one works at a time
PYTHON = ("eager", "compile", "graph", "jax")
# workload: units in a batch, rounds in a wave, waves
WORK = {"launch1": (4000, 18, 2), "launch8": (16000, 18, 2), "graph500": (50000, 18, 2), "loads": (50, 60, 1), "sets": (1000, 18, 2),
        "eager": (12, 7, 2), "compile": (25, 7, 1), "graph": (60, 8, 2), "jax": (300, 6, 3)}
UNIT = {"launch1": "launch", "launch8": "launch", "graph500": "node", "loads": "load", "sets": "replay"}
COUNTED = ("kernels", "graph_launches", "memcpys", "memsets")
LEVELS = ("churn", "graph", "node")
TRACERS = ["none"] + ["floor:" + x for x in LEVELS] + list(LEVELS) + ["graph/nostacks", "torch", "torch_cpu", "proton", "nsys"]


def nsys():
    found = shutil.which("nsys") or next(iter(sorted(
        x for p in ("/usr/local/cuda*/bin/nsys", "/opt/nvidia/*/*/bin/nsys", "/opt/nvidia/*/host/*/nsys", "/opt/nvidia/**/nsys",
                    "/usr/local/cuda*/nsight*/**/nsys")
        for x in glob.glob(p, recursive=True) if os.access(x, os.X_OK) and os.path.isfile(x))), None)
    return found


class Child:
    """A workload under a tracer."""

    def __init__(self, a, tracer, workload, number):
        self.tracer, self.number, self.a, self.units = tracer, number, a, 0
        self.dir = os.path.join(a.work, "%s-%s-%d" % (workload, tracer.replace(":", "_").replace("/", "_").replace("+", "_"), number))
        os.makedirs(self.dir, exist_ok=True)
        env = {k: v for k, v in os.environ.items() if not k.startswith("JITNESS_") and k not in ("LD_PRELOAD", "CUDA_INJECTION64_PATH")}
        env["TORCHINDUCTOR_CACHE_DIR"], env["TRITON_CACHE_DIR"] = a.work + "/inductor", a.work + "/triton"
        if workload in PYTHON:
            cmd = [sys.executable, os.path.join(HERE, "steps.py"), workload]
            if tracer in ("torch", "torch_cpu", "proton"):
                cmd += ["--profiler", tracer]
        else:
            cmd = [a.bin + "/loops", workload, a.bin + "/storm.cubin"]
        level, _, option = tracer.removeprefix("other:").partition("/")
        if tracer.startswith("floor:"):
            env["CUDA_INJECTION64_PATH"], env["FLOOR"] = a.bin + "/libfloor.so", tracer[6:]
        elif level in LEVELS:
            env.update(LD_PRELOAD=a.other if tracer.startswith("other:") else a.lib, JITNESS_OUT=self.dir + "/t.jitness", JITNESS_LEVEL=level)
            if option:
                env.update({"nostacks": {"JITNESS_STACKS": "off"}, "nvtx": {"JITNESS_NVTX": "1"}}[option])
        elif tracer == "nsys":
            cmd = [nsys(), "profile", "--trace=cuda", "--sample=none", "--cpuctxsw=none", "-o", self.dir + "/n"] + cmd
        self.log = open(self.dir + "/log", "wb")
        self.p = subprocess.Popen(cmd, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self.log, env=env, cwd=self.dir)
        self.samples, self.longest, self.over = [], [], [0, 0]

    def line(self, word):
        while True:
            text = self.p.stdout.readline().decode()
            if not text:
                return None
            if text.split()[:1] == [word]:
                return text.split()

    def ready(self):
        return self.line("ready") is not None

    def pin(self, cpus):
        """The same cores for all: where the scheduler happened to put a process made a difference of 1.5 (an eager loop)."""
        for t in glob.glob("/proc/%d/task/*" % self.p.pid):
            with contextlib.suppress(OSError):
                os.sched_setaffinity(int(os.path.basename(t)), cpus)

    def go(self, n):
        self.p.stdin.write(b"go %d\n" % n)
        self.p.stdin.flush()
        got = self.line("ns")
        if not got:
            return False
        self.units += n
        self.samples.append(float(got[1]))
        self.longest.append(float(got[2]))
        self.over = [x + int(y) for x, y in zip(self.over, got[3:] or (0, 0))]
        return True

    def where(self, units):
        """In which files the program's threads spend their time, while it goes on."""
        p = subprocess.Popen([self.a.bin + "/where", str(self.p.pid), "3"], stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        while p.poll() is None and self.go(units):
            pass
        return p.communicate()[0].decode().strip()

    def threads_cpu(self):
        """CPU seconds of our own threads, and of all the process."""
        ours = 0
        for t in glob.glob("/proc/%d/task/*" % self.p.pid):
            try:
                stat = open(t + "/stat").read()
                if open(t + "/comm").read().startswith("jitness"):
                    ours += sum(int(x) for x in stat.rpartition(")")[2].split()[11:13])
            except OSError:
                pass
        return ours / TICK

    def peak(self):
        try:
            return next(int(x.split()[1]) / 1024 for x in open("/proc/%d/status" % self.p.pid) if x.startswith("VmHWM"))
        except (OSError, StopIteration):
            return 0

    def end(self):
        """Seconds until it was gone."""
        start = time.monotonic()
        try:
            self.p.stdin.close()
            self.p.wait(60)
        except (OSError, subprocess.TimeoutExpired):
            self.p.kill()
            self.p.wait()
        self.log.close()
        return time.monotonic() - start

    def trace(self):
        """Bytes written; of a trace what it lost, and the kernels, copies and graph replays in it. After end()."""
        size = sum(os.path.getsize(x) for x in glob.glob(self.dir + "/t.jitness/*") + glob.glob(self.dir + "/*.nsys-rep"))
        if not os.path.isdir(self.dir + "/t.jitness"):
            return size, None, 0
        r = subprocess.run([self.a.jitness, "report", "--json", "--no-phases", self.dir + "/t.jitness"], stdout=subprocess.PIPE,
                           stderr=subprocess.DEVNULL)
        try:
            told = json.loads(r.stdout)
            return size, told["session"]["lost_records"], sum(p[k] for p in told["processes"] for k in COUNTED)
        except (ValueError, KeyError):
            return size, "?", 0


def quartiles(x):
    x = sorted(x)
    return x[len(x) // 4], x[(3 * len(x)) // 4]


def tracers_of(a, workload):
    for t in a.tracers:
        if t in ("torch", "torch_cpu") and workload not in ("eager", "compile", "graph"):
            continue
        if t == "proton" and workload not in ("eager", "graph"):
            continue
        if t == "nsys" and (not nsys() or workload in ("loads", "sets", "jax")):
            continue
        yield t


def mean_difference(x, y):
    """Of two sets of processes, with what 95 of 100 pairs of sets drawn from them with replacement would give."""
    drawn = sorted(statistics.fmean(random.choices(x, k=len(x))) - statistics.fmean(random.choices(y, k=len(y))) for _ in range(2000))
    return statistics.fmean(x) - statistics.fmean(y), drawn[50], drawn[1949]


def bench(a, workload):
    units, rounds, waves = WORK[workload]
    rounds = max(5, int(rounds * a.scale))
    all_samples, all_longest, apart, facts = {}, {}, {}, {}
    begin = time.monotonic()
    for wave in range(waves):
        if workload == "compile" and not wave:  # one fills the caches
            first = Child(a, "none", workload, 99)
            first.ready()
            first.end()
        children = [Child(a, t, workload, wave * a.processes + n) for t in tracers_of(a, workload) for n in range(a.processes)]
        for c in list(children):
            if not c.ready():
                c.end()
                children.remove(c)
                print("  %s: did not start: %s" % (c.tracer, open(c.dir + "/log", errors="replace").read()[-200:].strip()), flush=True)
        cpus = sorted(os.sched_getaffinity(0))[:CPUS]
        for c in children:
            c.pin(cpus)
        for r in range(-2, rounds):
            random.shuffle(children)
            for c in list(children):
                if not c.go(units):
                    children.remove(c)
                    print("  %s: ended early" % c.tracer, flush=True)
            if r < 0:
                for c in children:  # not the first ones
                    c.samples, c.longest = [], []
        if a.where:
            for c in children:
                kept = len(c.samples)
                print("  %s, wave %d: %s" % (c.tracer, wave, c.where(units)), flush=True)
                del c.samples[kept:], c.longest[kept:]
        for c in sorted(children, key=lambda c: c.number):  # so that the same one of each tracer is compared
            apart.setdefault(c.tracer, []).append(statistics.median(c.samples))
            all_samples.setdefault(c.tracer, []).extend(c.samples)
            all_longest.setdefault(c.tracer, []).extend(c.longest)
            f = facts.setdefault(c.tracer, {})
            f["cpu"], f["peak"] = c.threads_cpu(), c.peak()
            f["exit"] = c.end()
            size, f["lost"], counted = c.trace()
            f["bytes"] = size / counted if counted else 0
    none = all_samples.get("none")
    unit = UNIT.get(workload, "step")
    scale, name = (1, "ns") if workload in UNIT and workload not in ("loads", "sets") else (1e3, "us")
    print("\n%s: %s per %s, %d rounds of %d, %.0f s" % (workload, name, unit, len(none or []), units, time.monotonic() - begin))
    print("  %-16s %9s %19s %7s %9s %19s %8s %9s %9s %8s %7s %6s" % (
        "tracer", "median", "quartiles", "ratio", "added", "quartiles", "x floor", "longest", "bytes/op", "peak MiB", "cpu s", "lost"))
    added = {t: [x - n for x, n in zip(s, none)] for t, s in all_samples.items()} if none else {}
    for t in [t for t in a.tracers if t in all_samples]:
        s, f = all_samples[t], facts[t]
        d = added.get(t, [0])
        floor = added.get("floor:" + t.removeprefix("other:").partition("/")[0])
        against = "%.2f" % (statistics.median(d) / statistics.median(floor)) if floor and statistics.median(floor) > 0 else "-"
        print("  %-16s %9.1f %19s %7.3f %9.1f %19s %8s %9.1f %9.2f %8.0f %7.2f %6s" % (
            t, statistics.median(s) / scale, "%.1f..%.1f" % tuple(q / scale for q in quartiles(s)),
            statistics.median(x / n for x, n in zip(s, none)) if none else 0, statistics.median(d) / scale,
            "%.1f..%.1f" % tuple(q / scale for q in quartiles(d)), against, max(all_longest[t]) / 1e3, f["bytes"], f["peak"],
            f["cpu"], "-" if f["lost"] is None else f["lost"]), flush=True)
    if none and len(apart["none"]) > 3:
        print("  of %d processes each, mean of their medians, added, and its 95 %% interval: %s" % (len(apart["none"]), ", ".join(
            "%s %.1f [%.1f, %.1f]" % ((t,) + tuple(x / scale for x in mean_difference(m, apart["none"])))
            for t, m in apart.items() if t != "none")), flush=True)
    return {t: {"samples": s, **facts[t]} for t, s in all_samples.items()}


def long_run(a):
    """10^7 launches from 8 threads at full speed: CPU of the writer, exit, lost, the longest calls."""
    print("\nlong: 10^7 launches from 8 threads; exit: seconds from the end of input until the process is gone; calls: the longest "
          "launch, and how many of a million took longer than 0.1 and 1 ms")
    others = ["other:graph", "graph"] * 3 if "other:graph" in a.tracers else []
    for number, t in enumerate([x for x in ("none", "floor:graph", "graph", "churn") if x in a.tracers] + others):
        c = Child(a, t, "launch8", 10 + number)
        if not c.ready():
            print("  %s: did not start" % t)
            continue
        c.go(16000)
        cpu, start = c.threads_cpu(), time.monotonic()
        c.longest, c.over = [], [0, 0]
        for _ in range(10):
            c.go(1000000)
        took, cpu, peak = time.monotonic() - start, c.threads_cpu() - cpu, c.peak()
        left = c.end()
        size, lost, _ = c.trace()
        print("  %-11s %8.0f launches/s, tracer's threads %.1f %% of a core (%.0f ns a launch), exit %.3f s, %.2f bytes/launch, peak "
              "%.0f MiB, calls %.2f ms, %.1f, %.2f, lost %s" % (t, 1e7 / took, 100 * cpu / took, cpu * 100, left, size / 1e7, peak,
                                                             max(c.longest) / 1e6, c.over[0] / 10, c.over[1] / 10, lost), flush=True)


def startup(a):
    """Processes from start to end."""
    cases = {"python -c pass": [sys.executable, "-c", "pass"],
             "import torch, first kernel": [sys.executable, "-c", "import torch; torch.ones(1, device='cuda').add_(1).item()"]}
    print("\nstart-up: ms from start to end, median and quartiles; added: in the same round")
    for name, cmd in cases.items():
        got = {t: [] for t in ("none", "churn", "graph")}
        for r in range(int((40 if "pass" in name else 5) * a.scale) + 1):
            for t in random.sample(list(got), len(got)):
                env = dict(os.environ)
                if t != "none":
                    env.update(LD_PRELOAD=a.lib, JITNESS_LEVEL=t, JITNESS_OUT="%s/start-%d-%s.jitness" % (a.work, r, t))
                start = time.monotonic()
                subprocess.run(cmd, env=env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
                if r:
                    got[t].append(1e3 * (time.monotonic() - start))
        for t, x in got.items():
            d = [p - q for p, q in zip(x, got["none"])]
            print("  %-28s %-6s %9.2f (%.2f..%.2f)  added %7.2f (%.2f..%.2f)" % ((name, t, statistics.median(x)) + quartiles(x) + (
                statistics.median(d),) + quartiles(d)), flush=True)


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--bin", required=True, help="holds loops, libfloor.so, storm.cubin")
    p.add_argument("--work", required=True)
    p.add_argument("--tracers", default=",".join(TRACERS))
    p.add_argument("--workloads", default="launch1,launch8,graph500,sets,loads,eager,compile,graph,jax,long,startup")
    p.add_argument("--scale", type=float, default=1.0, help="of the number of rounds")
    p.add_argument("--processes", type=int, default=1, help="of each tracer in a wave: where a process's own luck matters more than a round's")
    p.add_argument("--where", action="store_true", help="also sample in which libraries the threads of each program spend their time: "
                   "what is too small for a difference of times")
    p.add_argument("--json", help="all samples")
    p.add_argument("--other", help="another build's libjitness.so: the levels that are measured are measured of it too, as other:LEVEL")
    a = p.parse_args()
    a.tracers = a.tracers.split(",")
    a.tracers += ["other:" + x for x in LEVELS if a.other and x in a.tracers]
    a.other = a.other and os.path.abspath(a.other)
    a.lib, a.jitness = ROOT + "/build/release/libjitness.so", ROOT + "/build/release/jitness"
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    random.seed(1)
    print("load %s, nsys: %s" % (os.getloadavg()[0], nsys()))
    result = {}
    for w in a.workloads.split(","):
        if w == "long":
            long_run(a)
        elif w == "startup":
            startup(a)
        else:
            result[w] = bench(a, w)
    if a.json:
        with open(a.json, "w") as f:
            json.dump(result, f)


main()
