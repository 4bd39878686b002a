#!/bin/bash
# run.sh: real traces (tests/data/real) decode to what is written beside them.
# For every NAME.jitness: `jitness report` as text and JSON equal NAME.report.{txt,json}; `jitness dump --ndjson` equals
# tools/jnt.py byte for byte; the counts equal NAME.truth.json. UPDATE=1 rewrites the reports: read the diff first.
# JITNESS is the command (default: build/release/jitness). Exit status 1 when a line says "not ok".
set -u
root=$(cd "$(dirname "$0")/../.." && pwd)
jitness=$(realpath "${JITNESS:-$root/build/release/jitness}")
cd "$root/${DATA:-tests/data/real}" || exit 1
tmp=$(mktemp -d) && trap 'rm -rf "$tmp"' EXIT
export LC_ALL=C.UTF-8 NO_COLOR=1 COLUMNS=120
bad=0

say() { # say STATUS NAME [FILE]: one line, and the first lines of FILE when it is bad
	if [ "$1" = 0 ]; then
		echo "ok $2"
	else
		echo "not ok $2"
		bad=1
		[ -z "${3:-}" ] || sed 's/^/# /' "$3" | head -${LINES_MAX:-20}
	fi
}

golden() { # golden GOT WANT NAME
	if [ -n "${UPDATE:-}" ]; then
		cp "$1" "$2"
		say $? "$3 (rewritten)"
	else
		diff -u "$2" "$1" >"$tmp/diff" 2>&1
		say $? "$3" "$tmp/diff"
	fi
}

for d in *.jitness; do
	[ -d "$d" ] || { echo "# no sessions in $PWD"; break; }
	n=${d%.jitness}
	"$jitness" report "$d" >"$tmp/txt" 2>"$tmp/err" </dev/null
	code=$?
	say $code "$n report exits 0" "$tmp/err"
	golden "$tmp/txt" "$n.report.txt" "$n report"
	"$jitness" report --json "$d" >"$tmp/json" 2>"$tmp/err"
	golden "$tmp/json" "$n.report.json" "$n report --json"
	"$jitness" dump --ndjson "$d" >"$tmp/c.ndjson" 2>"$tmp/err" && "$root/tools/jnt.py" "$d" >"$tmp/py.ndjson" 2>>"$tmp/err"
	code=$?
	cmp "$tmp/c.ndjson" "$tmp/py.ndjson" >>"$tmp/err" 2>&1 || code=1
	say $code "$n dump equals tools/jnt.py" "$tmp/err"
	[ -s "$tmp/c.ndjson" ]
	say $? "$n dump is not empty"
	if [ -e "$n.truth.json" ]; then
		python3 "$root/tests/golden/truth.py" "$tmp/json" "$n.truth.json" >"$tmp/truth" 2>&1
		say $? "$n counts equal the independent ones" "$tmp/truth"
	fi
done
exit $bad
