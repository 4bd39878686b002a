#!/bin/bash
# Exact counts: N launches on T threads and S streams are reported as exactly N, none lost,
# every kernel with start <= end and launched before it started.
. "$(dirname "$0")/lib.sh"

N=${N:-2000000}
counted() { # NAME LEVEL EXPRESSION EXPECTED ARGS...
	local name=$1 level=$2 expression=$3 expected=$4; shift 4
	# Room for a machine that does other things as well: what is too fast for the default is for benchmarks to say.
	traced "$tmp/$name" JITNESS_LEVEL="$level" JITNESS_MEMORY=256M "$host/launches" "$@" >"$tmp/$name.out" ||
		not_ok "$name" "the program ended with status $?"
	check "$name: counts" "$expected" "$(field "$tmp/$name" "$expression")"
	check "$name: nothing lost, no bad time" "0 0 0" "$(field "$tmp/$name" \
		"r['session']['lost_records'], p['invalid_timestamps'], p['early_kernels']")"
	check "$name: clean end" exit "$(field "$tmp/$name" "p['ended']")"
	check "$name: journal removed" "" "$(find "$tmp/$name" -name '*.jnj')"
	rm -rf "${tmp:?}/$name"
}
counted eager graph "p['kernels']" "$N" "$N" 8 2
counted replays graph "sum(k['count'] for g in r['graphs'] for k in g['kernels']), p['graph_launches']" \
	"500 $((N / 500))" "$N" 1 1 graph 500
counted replays-8-threads graph "p['graph_launches']" $((N / 500)) "$N" 8 1 graph 500
counted nodes node "p['kernels']" "$N" "$N" 8 1 graph 500
counted churn churn "p['kernels'], p['graph_launches']" "0 0" 100000 8 2
# Passes of one thread lie in those of another by the thousand: what they ran fits into a small file.
traced "$tmp/within" JITNESS_MEMORY=256M "$host/launches" 200000 8 2 >/dev/null
check "passes within passes: the report" 0 "$( (ulimit -f 65536; "$jitness" report "$tmp/within" >/dev/null 2>&1); echo $?)"
finish
