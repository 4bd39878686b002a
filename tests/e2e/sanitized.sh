#!/bin/bash
# The tracer's own objects under address, undefined and thread sanitizers, in a program and
# on a simulated device built the same way.
. "$(dirname "$0")/lib.sh"
release_jitness=$jitness
for v in asan tsan; do
	make -s VARIANT=$v "build/$v/libjitness.so" sim >"$tmp/make.out" 2>&1 || {
		cat "$tmp/make.out"; not_ok "$v: builds" "see above"; continue; }
	case $v in
	asan) runtime=$(gcc -print-file-name=libasan.so) ;;
	tsan) runtime=$(gcc -print-file-name=libtsan.so) ;;
	esac
	run() { # NAME EXPRESSION EXPECTED PROGRAM ARGS...
		local name=$1 expression=$2 expected=$3; shift 3
		# Not bash: the sanitizer's runtime must be the first library of the program alone.
		env LD_LIBRARY_PATH="$PWD/build/sim-$v" CUDA_CACHE_PATH="$tmp/cache" JITNESS_OUT="$tmp/$v-$name" \
			JITNESS_LEVEL="${LEVEL:-graph}" JITNESS_SIM_LAUNCH_NS=2000 ASAN_OPTIONS=detect_leaks=0:exitcode=99 TSAN_OPTIONS="exitcode=99 suppressions=$PWD/tests/e2e/tsan.supp" \
			LD_PRELOAD="$runtime:$PWD/build/$v/libjitness.so" "$@" >"$tmp/out" 2>"$tmp/err"
		local status=$?
		[ $status = 0 ] || tail -n 40 "$tmp/err"
		check "$v: $name" "0 $expected" "$status $(field "$tmp/$v-$name" "$expression")"
	}
	jitness=$release_jitness
	h=$PWD/build/host-$v
	run launches "p['kernels']" 20000 "$h/launches" 20000 8 2
	run graphs "p['graph_launches']" 40 "$h/launches" 20000 4 1 graph 500
	run modules "p['modules'] > 0" True "$h/modules"
	run graph-updates "len(r['graphs']) > 0" True "$h/graphs"
	LEVEL=churn run counted-sets "sum(g['updates'] for g in r['graphs'])" 102 "$h/graphs"
	[ ! -e "$h/libnvtx_plugin.so" ] || run nvtx-strings "p['lost_records']" 0 "$h/nvtx" strings 20000
	run infer "p['lost_records']" 0 "$h/infer" 2 2
	LEVEL=churn run entry-points "len(r['modules']), p['lost_records'], p['modules_by']" "320 0 entry points" "$h/reach" proc 8 20
	LEVEL=churn run entry-points-linked "len(r['modules'])" 160 "$h/modules" 4 5
	run compilers "p['lost_records']" 0 "$h/nvrtc" dlopen 20 4
	# Only that it ends: records may be lost at this rate.
	run stress "len(r['modules']) > 0" True "$h/stress" "${STRESS_SECONDS:-5}" 64
	run exit-from-thread "p['ended']" exit "$h/lifetimes" thread-exit
done
finish
