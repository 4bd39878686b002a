#!/bin/bash
# 64 threads load and unload code and open and close libraries while stacks are taken: no deadlock, no
# crash. STRESS_SECONDS (10) for each; a minute was run for docs/gpu-results.md.
. "$(dirname "$0")/lib.sh"
seconds=${STRESS_SECONDS:-10}
text='.version 7.0\n.target sm_70\n.address_size 64\n.visible .entry stress()\n{\n\tret;\n}\n'
printf "$text" >"$tmp/stress.ptx"

one() { # NAME COMMAND...: must end by itself, with every load told or counted
	local name=$1; shift
	timeout -k 5 $((seconds + 60)) env LD_LIBRARY_PATH="$sim" CUDA_CACHE_PATH="$tmp/cache" "$jitness" run \
		-o "$tmp/$name" --stacks all --max-size 512M -- "$@" >"$tmp/out" 2>"$tmp/err"
	local status=$?
	[ $status = 0 ] || tail -n 5 "$tmp/err"
	check "stress: $name ends with status 0" 0 $status
	check "stress: $name: no record lost but by the memory limit" 0 \
		"$(field "$tmp/$name" "p['lost_records'] - p['lost_by'].get('journal full', 0) - p['lost_by'].get('buffer pool empty', 0)")"
	check "stress: $name: loads have stacks" True \
		"$(field "$tmp/$name" "len([m for m in r['modules'] if m['native_stack']]) > len(r['modules']) * 0.9 > 0")"
}
one threads "$host/stress" "$seconds" 64
if python3 -c 'import ctypes' 2>/dev/null; then
	one python python3 tests/host/stress.py "$tmp/stress.ptx" "$seconds"
	check "stress: python: loads have Python frames" True \
		"$(field "$tmp/python" "len([m for m in r['modules'] if m['python_stack']]) > len(r['modules']) * 0.9 > 0")"
else
	echo "skip stress: python: no python3 with ctypes"
fi
finish
