# Two hosts: aligned by the wall clock. The second's monotonic clock started elsewhere.
trace host_a d/a.jnt
trace host_b d/b.jnt
jitness report --json d | python3 -c '
import json, sys
r = json.load(sys.stdin)
print(r["session"])
for p in r["processes"]: print(p["host"], p["rank"], p["start_ns"], p["end_ns"])'
