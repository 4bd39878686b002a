# A session and itself: every row 1.000, and nothing is claimed. The seed changes nothing of that. (How phases are called
# is not tested here.)
mkdir a
python3 "$DATA/phases.py" | mktrace a/a.jnt
jitness diff a a | sed -E 's/(pass|prefill|decode)( +)s([12])/NAME\2s\3/; s/^(NAME s[12]) +/\1  /; s/^  [a-z]+; matched/  VERDICT; matched/'
jitness diff a a --seed 7 --json | python3 -c '
import json, sys
d = json.load(sys.stdin)
print(d["schema"], d["verdict"], d["certain"], d["method"]["seed"], len(d["rows"]), d["only_in_a"], d["only_in_b"], d["expectations"])
for r in d["rows"]:
    print(r["matched_by"], r["alike"], r["a"]["n"], r["latency"]["median"]["ratio"], r["latency"]["verdict"])'
