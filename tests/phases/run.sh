#!/bin/bash
# tests/phases/run.sh: passes found in recorded GPU sessions, against the truth that the programs wrote. The table must be the
# one in tests/data/real/phases/accuracy.txt (UPDATE=1 writes it: read the difference; a number that gets worse is a defect),
# and every workload must meet the limits of docs/accuracy.md.
set -u
cd "$(dirname "$0")/../.." || exit 1
data=tests/data/real/phases
got=$(python3 tests/phases/judge.py --jitness ./jitness "$data") || { echo "not ok judge: ended with $?"; exit 1; }
[ -z "${UPDATE:-}" ] || echo "$got" >"$data/accuracy.txt"
while read -r line; do
	name=${line%% *}
	case $name in workload|judge:) continue ;; esac
	want=$(grep "^$name " "$data/accuracy.txt")
	if [ "$want" = "$(grep "^$name " <<<"$got")" ]; then echo "ok $name"; else
		grep "^$name " <<<"$got"
		echo "not ok $name: the table says: $want"
	fi
done < <(cat "$data/accuracy.txt")
if python3 tests/phases/judge.py --jitness ./jitness --require "$data" >/dev/null; then
	echo "ok limits of docs/accuracy.md"
else echo "not ok limits: a workload misses a limit of docs/accuracy.md"; fi
