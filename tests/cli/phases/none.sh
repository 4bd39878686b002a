# No passes is no error: one sentence for each process says why.
. "$DATA/episodes.sh"
mkdir d
{ process; work 10 1 1 old_kernel; finish 20; } | mktrace d/a.jnt
jitness phases d; echo "exit $?"
jitness phases d --explain; echo "exit $?"
jitness phases d --passes; echo "exit $?"
jitness phases d --json | python3 -c '
import json, sys
r = json.load(sys.stdin)
print(r["schema"], r["phases"], r["findings"], r["tail"], r["processes"][0]["why_none"] is not None)'
