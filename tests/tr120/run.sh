#!/bin/bash
# tests/tr120/run.sh: the audit of TR120 from recorded sessions: every verdict, every number of compiles; and the table finds wrong ones.
cd "$(dirname "$0")/../.." || exit 1
python3 tests/tr120/selftest.py
for f in tools/tr120/*.py; do
	if python3 -c 'import ast, sys; ast.parse(open(sys.argv[1]).read())' "$f"; then echo "ok ${f##*/}"
	else echo "not ok ${f##*/}: see above"; fi
done
if bash -n tools/tr120/audit.sh; then echo "ok audit.sh"; else echo "not ok audit.sh: see above"; fi
want='A1 A2 A3 A4 A5 A6 A6t A7 A8s A9 E L3 L4 L5 L6 N1 N2'
tools/tr120/table.py --jitness ./jitness --want "$want" tests/data/real/tr120 |
	awk '/  DIFFERS/ { print; print "not ok audit " name " line " NR ": see above"; next }
	/^[A-Z][0-9]*[a-z]* / { name = $1 }
	/  ok$/ { n[name]++ }
	END { for (i in n) print "ok audit " i " " n[i] " lines" }'
