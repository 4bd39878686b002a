# The report has the arrays, and --no-phases empties them.
mkdir d
python3 "$DATA/phases.py" | mktrace d/a.jnt
look='
import json, sys
r = json.load(sys.stdin)
print(sum(p["passes"] for p in r["phases"]), "passes", [list(p)[:12] for p in r["phases"][:1]], type(r["findings"]).__name__)'
jitness report --json d | python3 -c "$look"
jitness report --json --no-phases d | python3 -c "$look"
jitness report d | grep -c '^Phases'
jitness report --no-phases d | grep -c '^Phases'
exit 0
