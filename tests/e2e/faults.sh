#!/bin/bash
# What can go wrong around the tracer: the host is unharmed, what is readable is kept, the reason is said.
. "$(dirname "$0")/lib.sh"

run() { # NAME [NAME=VALUE...]: 1000 launches; sets status
	local name=$1; shift
	traced "$tmp/$name" "$@" "$host/lifetimes" return >"$tmp/$name.out" 2>"$tmp/$name.err"; status=$?
}
reason() { field "$tmp/$1" "p['gpu_records'], '|', p['reason']"; }
contains() { # NAME TEXT PATTERN
	if grep -qE -- "$3" <<<"$2"; then ok "$1"; else not_ok "$1" "'$3' is not in: $2"; fi
}

# --- every CUPTI from 11.8 to 13.0 reads the same
for api in 18 22 26 130000 130001; do
	run api$api JITNESS_SIM_CUPTI_API=$api
	check "CUPTI API $api" "0 1000 full 0" "$status $(field "$tmp/api$api" \
		"p['kernels'], p['gpu_records'], p['invalid_timestamps']")"
done

# --- CUPTI is not to be had
run taken JITNESS_SIM_SUBSCRIBED=othertool
check "taken: host runs" 0 $status
contains "taken: says by whom" "$(reason taken)" 'none .*othertool'
run nocupti JITNESS_CUPTI=/nonexistent/libcupti.so
check "no libcupti: host runs" 0 $status
contains "no libcupti: says so" "$(reason nocupti)" 'none .*cannot be loaded'
run refused JITNESS_SIM_FAIL=cuptiActivityEnable:10=15
check "a kind is refused: host runs" 0 $status
contains "a kind is refused: partial" "$(reason refused)" '(partial|none)'
run nodevice JITNESS_SIM_NO_DEVICE=1
check "no device: host sees its own error" "$(simulated JITNESS_SIM_NO_DEVICE=1 "$host/lifetimes" return >/dev/null 2>&1; echo $?)" $status
check "driver missing: host sees its own error" 127 "$(LD_PRELOAD="$B/libjitness.so" JITNESS_OUT="$tmp/nodrv" "$host/lifetimes" return >/dev/null 2>&1; echo $?)"

# --- lost and wrong records are counted, never hidden
run drop JITNESS_SIM_DROP=10
check "dropped by CUPTI: counted" "900 True" "$(field "$tmp/drop" "p['kernels'], p['lost_by']['dropped by CUPTI'] >= 100")"
contains "dropped by CUPTI: every view says it" "$("$jitness" report "$tmp/drop")" '100.*lost|lost.*100'
run badtime JITNESS_SIM_BAD_TIME=10
check "invalid timestamps: counted" "1000 100" "$(field "$tmp/badtime" "p['kernels'], p['invalid_timestamps']")"
traced "$tmp/small" JITNESS_MEMORY=24M JITNESS_SIM_LAUNCH_NS=0 "$host/launches" 1000000 8 1 >/dev/null
check "too fast for the memory: kernels + lost = launched" True "$(field "$tmp/small" \
	"p['kernels'] + sum(v for k, v in p['lost_by'].items() if k != 'journal full') >= 1000000")"
start=$SECONDS
run hang JITNESS_SIM_FLUSH_HANG=1
check "flush hangs: the host ends within 10 s" "0 1" "$status $((SECONDS - start < 10))"

# --- disk
if mkdir "$tmp/disk" && mount -t tmpfs -o size=20m tmpfs "$tmp/disk" 2>/dev/null; then
	traced "$tmp/disk/full" JITNESS_LOG="$tmp/full.log" "$host/launches" 3000000 2 1 >"$tmp/o" 2>"$tmp/e"
	check "disk full: host runs, silently" "0 0" "$? $(wc -c <"$tmp/e")"
	check "disk full: said once in the log" 1 "$(grep -c 'tracing is off' "$tmp/full.log")"
	check "disk full: what was written is read, and the reason is said" "True 1" \
		"$(field "$tmp/disk/full" "p['kernels'] > 0") $("$jitness" report "$tmp/disk/full" | grep -c 'No space left')"
	head -c 30M /dev/zero >"$tmp/disk/zeros" 2>/dev/null
	traced "$tmp/disk/none" JITNESS_LOG="$tmp/none.log" "$host/lifetimes" return >/dev/null
	check "disk full from the start: host runs, said once" "0 1" "$? $(grep -c 'tracing is off' "$tmp/none.log")"
	umount "$tmp/disk"
else
	echo "skip disk full: mounting a tmpfs needs root"
fi
traced "$tmp/max" JITNESS_MAX_SIZE=200K "$host/launches" 300000 2 1 >/dev/null
check "max-size: the file stays below it and decodes" "True True" \
	"$(field "$tmp/max" "p['kernels'] > 0") $([ "$(stat -c %s "$tmp"/max/*.jnt)" -le 204800 ] && echo True)"
"$jitness" report "$tmp/max" >"$tmp/text"
check "max-size: the report says it" 1 "$(grep -c 'JITNESS_MAX_SIZE' "$tmp/text")"

# --- another tool's injection library: it is started first, and we say what happened
cat >"$tmp/other.c" <<'C'
#include <stdio.h>
int InitializeInjection(void) { FILE *f = fopen("OTHER_OUT", "w"); if (f) fclose(f); return 1; }
C
sed -i "s|OTHER_OUT|$tmp/other.started|" "$tmp/other.c"
gcc -shared -fPIC -o "$tmp/libother.so" "$tmp/other.c"
run chain CUDA_INJECTION64_PATH="$tmp/libother.so"
check "another injection: it is started" "0 yes" "$status $([ -e "$tmp/other.started" ] && echo yes)"
check "another injection: and so are we" 1000 "$(field "$tmp/chain" "p['kernels']")"

# --- manners: nothing was called where CUPTI forbids it, buffers came back zeroed
traced "$tmp/manners" JITNESS_SIM_REPORT="$tmp/sim.report" "$host/infer" 20 20 >/dev/null
sim_says() { python3 -c "
import json
for line in open('$tmp/sim.report'):
    s = json.loads(line)
    if s['library'] == 'libcupti': print($1)"; }
check "no forbidden CUPTI call, every buffer back zeroed" 0 "$(sim_says "sum(s['violations'].values())")"
check "as many records as CUPTI delivered" \
	"$(sim_says "*(s['records'][k] for k in ('CONCURRENT_KERNEL', 'MEMCPY', 'GRAPH_TRACE', 'JIT'))")" \
	"$("$jitness" dump --ndjson "$tmp/manners" | python3 -c "
import collections, json, sys
n = collections.Counter(json.loads(l)['kind'] for l in sys.stdin)
print(n['kernel'], n['memcpy'], n['graph_run'], n['jit'])")"

# --- redaction
traced "$tmp/redacted" JITNESS_REDACT=1 JITNESS_CUPTI="$sim/libcupti.so.13" "$host/lifetimes" return >/dev/null
for secret in "$(hostname)" "$tmp" "$PWD"; do
	"$jitness" dump "$tmp/redacted" | grep -qF -- "$secret" && not_ok "redact: $secret" "found in the dump"
	ls "$tmp/redacted" | grep -qF -- "$(basename "$secret")" && not_ok "redact: file name" "$secret"
done
check "redact: still a whole trace" 1000 "$(field "$tmp/redacted" "p['kernels']")"
check "output directory is private" 700 "$(stat -c %a "$tmp/redacted")"
finish
