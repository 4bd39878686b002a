#!/usr/bin/env python3
"""bench.py --build DIR --out DIR LAUNCHES...: what tracing and reading cost, as tables (`make bench`).

Encoder and callbacks: ns of CPU, bytes and, with valgrind, instructions; with strace, system calls. Decoder: each command on
generated traces (gen_trace) of LAUNCHES launches: events a second of CPU and of wall time, events being
the trace's records, the peak of resident memory, and how time grows with the length (exponent 1: linear).
Traces are written below --out once and read from the page cache; --old JITNESS runs another build by
turns, for ratios. Prints to stdout; exit 1 with a sentence when something fails.
"""
import argparse
import json
import math
import os
import re
import shutil
import statistics
import subprocess
import sys
import time

COMMANDS = ["timeline", "report --no-phases", "phases", "report"]
REAL = "tests/data/real"
# Recorded with many launches; the rest of tests/data/real is mostly loads and strings.
REAL_TRACES = ["gpt2_eager", "gpt2_compile", "generate_static", "no_cache", "train_loop"]
ENCODE_ROWS = 300000
CALLBACKS = 20000
LOADS = 1000
# Part of a load, and the function whose instructions it is.
LOAD_PARTS = {"all": "callbacks_receive", "new": "callbacks_receive", "stack": "stack_take", "image": "image_inspect",
              "hash": "hash64", "list": "image_kernels", "update": "callbacks_receive",
              "counted": "cuGraphExecKernelNodeSetParams_v2_wrapper"}


def fail(text):
    sys.exit(f"bench: {text}")


def run(command):
    """Wall and CPU seconds, peak MiB."""
    null = [(os.POSIX_SPAWN_OPEN, 1, "/dev/null", os.O_WRONLY, 0)]
    start = time.monotonic()
    pid = os.posix_spawnp(command[0], command, os.environ, file_actions=null)
    _, status, used = os.wait4(pid, 0)
    wall = time.monotonic() - start
    if status:
        fail(f"'{' '.join(command)}' ended with {os.waitstatus_to_exitcode(status)}")
    return wall, used.ru_utime + used.ru_stime, used.ru_maxrss / 1024


def output(command):
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    if done.returncode:
        fail(f"'{' '.join(command)}' ended with {done.returncode}: {done.stderr.strip()}")
    return done.stdout, done.stderr


def instructions(command, function):
    """Of all calls of `function`, as callgrind counts them; None without valgrind."""
    if not shutil.which("valgrind"):
        return None
    text = output(["valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null",
                   f"--toggle-collect={function}", *command])[1]
    found = re.search(r"Collected : (\d+)", text)
    return int(found.group(1)) if found else None


def system_calls(command):
    """How many; None without strace."""
    if not shutil.which("strace"):
        return None
    total = [x.split() for x in output(["strace", "-c", *command])[1].splitlines() if x.endswith(" total")]
    return int(total[-1][3]) if total else None


def loads_half(build, old):
    """One module load: all of it, of code that is new each time, and the parts; --old's bench_load by turns."""
    print("\nCallbacks of a module load, look-up and unload: ns (instructions: under valgrind an image is not seen to be on the heap, and is hashed "
          "twice)")
    print(f"{'cubin':>13}" + "".join(f"{x:>8}" for x in LOAD_PARTS))
    programs = [f"{build}/bench_load"]
    if old and os.path.exists(f"{os.path.dirname(old)}/bench_load"):
        programs.insert(0, f"{os.path.dirname(old)}/bench_load")
    best = {}
    for _ in range(3):
        for p in programs:
            for line in output([p])[0].splitlines():
                size, *ns = line.split()
                ns = [float(x) for x in ns]
                best[size, p] = [min(x) for x in zip(ns, best.get((size, p), ns))]
    for (size, p), ns in best.items():
        print(f"{size if p == programs[-1] else size + ' (old)':>13}" + "".join(f"{x:8.0f}" for x in ns))
    if len(programs) > 1:
        for size in sorted({x for x, _ in best}, key=int):
            print(f"{size:>6} ratio " + "".join(f"{a / b:7.1f}x" for a, b in zip(best[size, programs[0]], best[size, programs[1]])))
    new = programs[-1]
    calls = [system_calls([new, "all", str(n)]) for n in (1, 1 + LOADS)]
    if None not in calls:
        print(f"system calls: {max(0, calls[1] - calls[0]) / LOADS:.2f} a load")
    counts = [instructions([new, part, str(LOADS)], function) for part, function in LOAD_PARTS.items()]
    if None not in counts:
        print("instructions:" + "".join(f"{x / (LOADS + 1):8.0f}" for x in counts))


def host_half(build):
    print("Encoder: recorded traces, encoded again (frames of a recorded length, strings included)")
    print(f"{'trace':18} {'events':>8} {'launches':>9} {'ns/event':>9} {'bytes/event':>12} {'bytes/launch':>13}")
    files = []
    for name in REAL_TRACES:
        folder = f"{REAL}/phases/redacted/{name}.jitness"
        files.append(max((f"{folder}/{f}" for f in os.listdir(folder) if f.endswith(".jnt")), key=os.path.getsize))
    encode = f"{build}/bench_encode"
    for line in output([encode, str(ENCODE_ROWS), *files])[0].splitlines():
        path, rows, launches, ns, each, launch = line.split()
        print(f"{path.split('/')[-2][:-8]:18} {rows:>8} {launches:>9} {ns:>9} {each:>12} {launch:>13}")
    print(f"\nCallbacks of a launch: {output([f'{build}/bench_launch'])[0].strip()} (two clock readings in it)")
    if not shutil.which("valgrind"):
        print("Instructions are not counted: there is no valgrind here.")
        return
    count = instructions([f"{build}/bench_launch", str(CALLBACKS)], "callbacks_receive")
    print(f"instructions: {count / CALLBACKS:.0f} a launch in the callbacks")
    rows = int(output([encode, "1", files[0]])[0].split()[1])
    count = instructions([encode, "1", files[0]], "writer_pump")
    print(f"              {count / rows:.0f} an event in the writer, zstd included")


def trace_of(build, out, launches):
    folder = f"{out}/{launches}.jitness"
    if not os.path.exists(f"{folder}/truth.json"):
        os.makedirs(folder, exist_ok=True)
        if os.path.exists(f"{folder}/gen.jnt"):  # cut off
            os.unlink(f"{folder}/gen.jnt")
        output([f"{build}/gen_trace", str(launches), folder])
    with open(f"{folder}/truth.json", encoding="utf-8") as f:
        truth = json.load(f)
    run(["cat", f"{folder}/gen.jnt"])  # into the page cache
    return folder, truth


def measure(programs, command, folder, rounds):
    """By program: median wall, median CPU, highest peak; the programs take turns."""
    got = {p: [] for p in programs}
    word, *rest = command.split()
    for _ in range(rounds):
        for p in programs:
            got[p].append(run([p, word, folder, *rest]))
    return {p: (statistics.median(r[0] for r in got[p]), statistics.median(r[1] for r in got[p]),
                max(r[2] for r in got[p])) for p in programs}


def row(name, command, events, wall, cpu, peak, base):
    ratio = f"{base / cpu:6.2f}x" if base else ""
    print(f"{name:>10} {command:20} {wall:8.2f} {cpu:8.2f} {events / cpu / 1e6:9.2f} "
          f"{events / wall / 1e6:9.2f} {peak:9.1f} {ratio}", flush=True)


def decoder_half(args):
    new = f"{args.build}/jitness"
    programs = [args.old, new] if args.old else [new]
    cpu = {}
    print("\nDecoder: generated traces in the page cache; M events/s of CPU and of wall time")
    print(f"{'launches':>10} {'command':20} {'wall s':>8} {'CPU s':>8} {'M/s CPU':>9} {'M/s wall':>9} {'peak MiB':>9}")
    for launches in args.launches:
        folder, truth = trace_of(args.build, args.out, launches)
        for command in COMMANDS:
            rounds = 3 if launches <= 1000000 else 1
            got = measure(programs, command, folder, rounds)
            for p in programs:
                base = got[args.old][1] if args.old and p == new else 0
                row(launches if p == new else "(old)", command, truth["rows"], *got[p], base)
            cpu[command, launches] = got[new][1], truth["rows"]
        print(f"{'':10} {truth['bytes'] / truth['launches']:.2f} bytes a launch, "
              f"{truth['bytes'] / truth['rows']:.2f} an event, {truth['seconds']:.0f} s of session, "
              f"{sum(truth['passes'].values())} passes")
    for command in COMMANDS if len(args.launches) > 1 else []:
        (a, m), (b, n) = cpu[command, args.launches[0]], cpu[command, args.launches[-1]]
        print(f"{command}: CPU time grows with events to the power of {math.log(b / a) / math.log(n / m):.2f}, "
              f"from {args.launches[0]} to {args.launches[-1]} launches")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--build", required=True)
    parser.add_argument("--out", required=True)
    parser.add_argument("--old")
    parser.add_argument("launches", type=int, nargs="+")
    args = parser.parse_args()
    host_half(args.build)
    loads_half(args.build, args.old)
    decoder_half(args)


if __name__ == "__main__":
    main()
