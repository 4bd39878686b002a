# Two images of one pid, joined by exec; the launcher saw how the last one ended.
trace exec_a d/a.jnt
trace exec_b d/b.jnt
echo '{"event":"exit","pid":77,"signal":9}' >d/session.ndjson
echo 'not json' >>d/session.ndjson
jitness report --json d | python3 -c '
import json, sys
for p in json.load(sys.stdin)["processes"]: print(p["pid"], p["ended"], p.get("signal"), p["cut_off"])'
