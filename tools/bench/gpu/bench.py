"""What tracers cost, side by side. See bench.sh; `bench.py --help` for what can be chosen.

For each workload one process per tracer is started; when all are ready, they are told in turns, in random order, to do a
batch. So the tracers are interleaved within seconds, and a drift of the machine meets all of them. A figure is the median
over the rounds; "added" is the median over the rounds of (tracer - none) in the same round, with its quartiles; "x floor" is that
against what the floor of the same level adds; "bytes/op": the trace's, per kernel (of a graph: at level node), copy and replay in
it; "cpu s": of the tracer's threads; "exit s": from the end of input until the process is gone. New processes for each wave,
since a process's own luck matters; as many waves as fit in the time.
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
# workload: units in a batch, rounds in a wave, waves at most
WORK = {"launch1": (4000, 18, 2), "launch8": (16000, 18, 2), "graph500": (50000, 18, 2), "loads": (50, 60, 3), "sets": (1000, 18, 2),
        "eager": (12, 10, 3), "compile": (25, 10, 2), "graph": (60, 10, 3), "jax": (300, 8, 4)}
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

    def leave(self):
        with contextlib.suppress(OSError):
            self.p.stdin.close()

    def end(self):
        """Seconds until it was gone."""
        start = time.monotonic()
        self.leave()
        try:
            self.p.wait(60)
        except subprocess.TimeoutExpired:
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


class Bench:
    """A workload: its waves, and the table of all of them."""

    def __init__(self, a, name):
        self.a, self.name = a, name
        self.units, self.rounds, self.waves = WORK[name]
        self.rounds = max(5, int(self.rounds * a.scale))
        self.samples, self.longest, self.apart, self.lost, self.facts, self.took = {}, {}, {}, {}, {}, []

    def begin(self):
        """The programs under their tracers, ready, in an order in which the same ones are compared."""
        a, children = self.a, []
        if self.name == "compile" and not self.took:  # one fills the caches
            first = Child(a, "none", self.name, 99)
            first.ready()
            first.end()
        for c in [Child(a, t, self.name, len(self.took) * a.processes + n) for t in tracers_of(a, self.name)
                  for n in range(a.processes)]:
            if c.ready():
                children.append(c)
            else:
                c.end()
                print("  %s: did not start: %s" % (c.tracer, open(c.dir + "/log", errors="replace").read()[-200:].strip()), flush=True)
        cpus = sorted(os.sched_getaffinity(0))[:CPUS]
        for c in children:
            c.pin(cpus)
        return children

    def wave(self):
        children = self.begin()
        for r in range(-2, self.rounds):
            for c in random.sample(children, len(children)):
                if not c.go(self.units):
                    children.remove(c)
                    print("  %s: ended early" % c.tracer, flush=True)
            if r < 0:
                for c in children:  # not the first ones
                    c.samples, c.longest = [], []
        if self.a.where:
            for c in children:
                kept = len(c.samples)
                print("  %s, wave %d: %s" % (c.tracer, len(self.took) + 1, c.where(self.units)), flush=True)
                del c.samples[kept:], c.longest[kept:]
        for c in children:
            self.apart.setdefault(c.tracer, []).append(statistics.median(c.samples))
            self.samples.setdefault(c.tracer, {}).update({(c.number, r): x for r, x in enumerate(c.samples)})
            self.longest.setdefault(c.tracer, []).extend(c.longest)
            self.facts.setdefault(c.tracer, {}).update(cpu=c.threads_cpu(), peak=c.peak())
            if self.took:  # one after the other takes longer; it was measured in the first wave
                c.leave()
        for c in children:
            left = c.end()
            self.facts[c.tracer].setdefault("exit", left)
            size, lost, counted = c.trace()
            self.lost.setdefault(c.tracer, []).append(lost)
            self.facts[c.tracer]["bytes"] = size / counted if counted else 0

    def table(self):
        none = self.samples.get("none", {})
        scale, unit = (1, "ns") if self.name in UNIT and self.name not in ("loads", "sets") else (1e3, "us")
        print("\n%s: %s per %s, %d rounds of %d in %d waves, %.0f s" % (
            self.name, unit, UNIT.get(self.name, "step"), len(none), self.units, len(self.took), sum(self.took)))
        print("  %-16s %9s %19s %7s %9s %19s %8s %9s %9s %8s %7s %7s %6s" % (
            "tracer", "median", "quartiles", "ratio", "added", "quartiles", "x floor", "longest", "bytes/op", "peak MiB", "cpu s", "exit s",
            "lost"))
        added = {t: [x - none[at] for at, x in s.items() if at in none] for t, s in self.samples.items()} if none else {}
        for t in [t for t in self.a.tracers if t in self.samples]:
            s, f = list(self.samples[t].values()), self.facts[t]
            d = added.get(t) or [0]
            floor = added.get("floor:" + t.removeprefix("other:").partition("/")[0])
            against = "%.2f" % (statistics.median(d) / statistics.median(floor)) if floor and statistics.median(floor) > 0 else "-"
            print("  %-16s %9.1f %19s %7.3f %9.1f %19s %8s %9.1f %9.2f %8.0f %7.2f %7.3f %6s" % (
                t, statistics.median(s) / scale, "%.1f..%.1f" % tuple(q / scale for q in quartiles(s)),
                statistics.median([x / none[at] for at, x in self.samples[t].items() if at in none] or [0]) if none else 0,
                statistics.median(d) / scale,
                "%.1f..%.1f" % tuple(q / scale for q in quartiles(d)), against, max(self.longest[t]) / 1e3, f["bytes"], f["peak"],
                f["cpu"], f["exit"], self.lost_by(t)))
        if none and len(self.apart["none"]) > 3:
            print("  of %d processes each, mean of their medians, added, and its 95 %% interval: %s" % (
                len(self.apart["none"]), ", ".join(
                    "%s %.1f [%.1f, %.1f]" % ((t,) + tuple(x / scale for x in mean_difference(m, self.apart["none"])))
                    for t, m in self.apart.items() if t != "none")))

    def lost_by(self, tracer):
        lost = self.lost[tracer]
        return "?" if "?" in lost else "-" if None in lost else sum(lost)


class Long:
    """10^7 launches from 8 threads at full speed: CPU of the tracer's threads, exit, lost, the longest calls. Again: level graph only."""

    name = "long"

    def __init__(self, a):
        self.a, self.waves, self.took, self.lines = a, 4 if a.other else 2, [], []

    def wave(self):
        for t in ("none", "floor:graph", "churn", "other:graph", "graph"):
            if t in self.a.tracers and (not self.took or t.endswith("graph") and not t.startswith("floor")):
                self.lines.append(self.run(t))

    def run(self, t):
        c = Child(self.a, t, "launch8", 10 + len(self.took))
        if not c.ready():
            return "%s: did not start" % t
        c.go(16000)
        cpu, start = c.threads_cpu(), time.monotonic()
        c.longest, c.over = [], [0, 0]
        for _ in range(10):
            c.go(1000000)
        took, cpu, peak = time.monotonic() - start, c.threads_cpu() - cpu, c.peak()
        left = c.end()
        size, lost, _ = c.trace()
        return ("%-11s %8.0f launches/s, tracer's threads %.1f %% of a core (%.0f ns a launch), exit %.3f s, %.2f bytes/launch, peak "
                "%.0f MiB, calls %.2f ms, %.1f, %.2f, lost %s" % (t, 1e7 / took, 100 * cpu / took, cpu * 100, left, size / 1e7, peak,
                                                               max(c.longest) / 1e6, c.over[0] / 10, c.over[1] / 10, lost))

    def table(self):
        print("\nlong: 10^7 launches from 8 threads; exit: seconds from the end of input until the process is gone; calls: the longest "
              "launch, and how many of a million took longer than 0.1 and 1 ms")
        for line in self.lines:
            print("  " + line)


class Startup:
    """Processes from start to end. The first wave's first ones are not counted."""

    name = "startup"
    CASES = {"true": (["/bin/true"], 40),
             "python -c pass": ([sys.executable, "-c", "pass"], 8),
             "import torch, first kernel": ([sys.executable, "-c", "import torch; torch.ones(1, device='cuda').add_(1).item()"], 1)}
    UNDER = ("none", "churn", "graph")

    def __init__(self, a):
        self.a, self.waves, self.took, self.runs = a, max(4, int(7 * a.scale)), [], 0
        self.got = {name: {t: [] for t in self.UNDER} for name in self.CASES}

    def wave(self):
        for name, (cmd, rounds) in self.CASES.items():
            if not self.took:
                self.run("none", cmd)
            for _ in range(rounds):
                for t in random.sample(self.UNDER, len(self.UNDER)):
                    self.got[name][t].append(self.run(t, cmd))

    def run(self, t, cmd):
        """Milliseconds."""
        env = dict(os.environ)
        if t != "none":
            self.runs += 1
            env.update(LD_PRELOAD=self.a.lib, JITNESS_LEVEL=t, JITNESS_OUT="%s/start-%d.jitness" % (self.a.work, self.runs))
        start = time.monotonic()
        subprocess.run(cmd, env=env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        return 1e3 * (time.monotonic() - start)

    def table(self):
        print("\nstart-up: ms from start to end, median and quartiles; added: in the same round")
        for name, got in self.got.items():
            for t, x in got.items():
                d = [p - q for p, q in zip(x, got["none"])]
                print("  %-28s %-6s %9.2f (%.2f..%.2f)  added %7.2f (%.2f..%.2f), %d rounds" % (
                    (name, t, statistics.median(x)) + quartiles(x) + (statistics.median(d),) + quartiles(d) + (len(x),)))


def measure(a, started):
    """Once what was asked for, then again while it fits in the time: as often as a workload wants to, all of them in turns."""
    works = [Long(a) if w == "long" else Startup(a) if w == "startup" else Bench(a, w) for w in a.workloads.split(",")]

    def fits(w):
        return not w.took or len(w.took) < w.waves and time.monotonic() - started + w.took[-1] < 60 * a.minutes

    while any(fits(w) for w in works):
        for w in filter(fits, works):
            begin = time.monotonic()
            w.wave()
            w.took.append(time.monotonic() - begin)
            print("%s, wave %d: %.0f s" % (w.name, len(w.took), w.took[-1]), flush=True)
    for w in works:
        w.table()
    print("\n%.1f minutes" % ((time.monotonic() - started) / 60))
    return {w.name: {t: {"samples": list(s.values()), "lost": w.lost_by(t), **w.facts[t]} for t, s in w.samples.items()}
            for w in works if isinstance(w, Bench)}


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
    p.add_argument("--minutes", type=float, default=8, help="no workload is run again when these are over")
    a, started = p.parse_args(), time.monotonic()
    a.tracers = a.tracers.split(",")
    a.tracers += ["other:" + x for x in LEVELS if a.other and x in a.tracers]
    a.other = a.other and os.path.abspath(a.other)
    a.lib, a.jitness = ROOT + "/build/release/libjitness.so", ROOT + "/build/release/jitness"
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    random.seed(1)
    print("load %s, nsys: %s" % (os.getloadavg()[0], nsys()))
    result = measure(a, started)
    if a.json:
        with open(a.json, "w") as f:
            json.dump(result, f)


main()
