# A model that generates: every pass is found, and the two slow steps have their reasons: one waited for its host, one for a
# module that was loaded inside it.
mkdir d
python3 "$DATA/phases.py" | mktrace d/a.jnt
jitness phases --passes d >passes.csv
head -1 passes.csv | tr -d '\r'
python3 - <<'EOF'
import csv
rows = list(csv.DictReader(open("passes.csv", newline="")))
print(len(rows), "passes,", sum(r["kernels"] == "14" for r in rows), "of 14 kernels")
for i, r in enumerate(rows):
    if float(r["wall_ms"]) > 2:
        print(i, r["start_s"], r["wall_ms"], r["gpu_busy_ms"], r["host_gap_ms"], r["tail_reason"])
assert open("passes.csv", newline="").read().count("\r\n") == len(rows) + 1
EOF
jitness phases --json d | python3 -c '
import json, sys
r = json.load(sys.stdin)
for t in r["tail"]:
    print(t["wall_ms"], t["reason"], t["parts_ms"], t["episode"])
for p in r["phases"]:
    print(p["passes"], "passes, n", p["n"], "p50", p["p50_ms"], p["p50_ci_ms"], "p99", p["p99_ms"], p["p99_ci_ms"], p["verdict"])'
