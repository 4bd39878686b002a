"""truth.py REPORT.json TRUTH.json: the report's counts are the independent ones (tests/gpu/table.py wrote them)."""
import json
import sys

report, truth = (json.load(open(f)) for f in sys.argv[1:3])
processes = report["processes"]


def total(key):
    return sum(p[key] for p in processes)


# At level graph the kernels inside CUDA graphs are listed once per executable graph, not recorded one by one.
kernels = total("kernels")
if truth["level"] == "graph":
    kernels += sum(g["launches"] * sum(k["count"] for k in g["kernels"]) for g in report["graphs"])

checks = [("lost records", report["session"]["lost_records"], truth["lost"]),
          ("kernels as on the day of the recording", kernels, truth["recorded"]),
          ("invalid timestamps", total("invalid_timestamps"), 0)]
if truth["exact"]:  # else the second run was not the same program: it compiled, or was killed
    checks += [("kernels", kernels, truth["kernels"])]
    checks += [(k, total(k), truth[k]) for k in ("memcpys", "memsets") if k in truth and truth["level"] == "graph"]
if "graph_launches" in truth:
    checks.append(("graph launches", total("graph_launches"), truth["graph_launches"]))
if "processes" in truth:
    checks.append(("processes", len(processes), truth["processes"]))
wrong = [c for c in checks if c[1] != c[2]]
for what, got, want in wrong:
    print(f"{what}: {got}, not {want}")
sys.exit(bool(wrong))
