# Processes one after another are runs, and runs are what is drawn; processes at the same time are one run.
later() { # later PID SECONDS/100: phases.py of another process, that much later
	python3 "$DATA/phases.py" | sed -e "s/pid=7/pid=$1/; s/=1000000000/=1000000${2}00/g" -e "s/monotonic=5000000000/monotonic=${2}5000000000/"
}
mkdir one three ranks
python3 "$DATA/phases.py" | tee >(mktrace one/a.jnt) >(mktrace ranks/a.jnt) | mktrace three/a.jnt
later 8 1 | mktrace three/b.jnt
later 9 2 | mktrace three/c.jnt
python3 "$DATA/phases.py" | sed 's/pid=7/pid=8/' | mktrace ranks/b.jnt
sleep 0.2
jitness diff three three | grep -E '^[AB]  |one run|runs on a side|matched' | sed 's/^  [a-z]*; matched/  matched/'
jitness diff one three | grep -E '^[AB]  |one run|runs on a side'
jitness diff ranks one | grep -E '^[AB]  |one run|matched' | sed 's/^  [a-z]*; matched/  matched/'
jitness diff ranks one --json | python3 -c '
import json, sys
for r in json.load(sys.stdin)["rows"]:
    print(r["a"]["pids"], r["b"]["pids"], r["a"]["n"], r["b"]["n"])'
