#!/bin/bash
# Episodes of whole runs on the simulated device: exactly so many, and made how, with a cold
# and a warm cache of the driver.
. "$(dirname "$0")/lib.sh"

# An episode a line: origin, how, modules, graphs.
episodes() { field "$tmp/$1" "'; '.join('%s %s %d %d' % (c['origin'], c['how'], len(c['modules']), len(c['graphs'])) for c in r['compiles'])"; }
all() { field "$tmp/$1" "all(bool($2) for c in r['compiles'])"; }

traced "$tmp/modules-cold" "$host/modules" 1 1 >/dev/null
traced "$tmp/modules-warm" "$host/modules" 1 1 >/dev/null
check "modules, cold" "ptx_jit compiled 6 0; app loaded 2 0" "$(episodes modules-cold)"
check "modules, warm" "ptx_jit cached 6 0; app loaded 2 0" "$(episodes modules-warm)"
check "every module in one episode" 8 "$(field "$tmp/modules-cold" "len({m for c in r['compiles'] for m in c['modules']})")"
check "JIT time only where something was compiled" "True False" \
	"$(field "$tmp/modules-cold" "r['compiles'][0]['driver_jit_ms'] > 0") $(field "$tmp/modules-warm" \
	"r['compiles'][0]['driver_jit_ms'] > 0")"

# The model, the sampler, the captured graph, and four times new code while it runs.
for run in cold warm; do
	traced "$tmp/infer-$run" "$host/infer" >/dev/null
	how=$([ $run = cold ] && echo compiled || echo cached)
	check "infer, $run" "ptx_jit $how 13 0; app $how 1 0; cuda_graph recorded 0 1; $(
		for _ in 1 2 3 4; do printf 'ptx_jit %s 1 0; ' $how; done | sed 's/; $//')" "$(episodes infer-$run)"
	check "infer, $run: the host was held no longer than it took" True "$(all infer-$run "0 <= c['stall_ms'] <= c['wall_ms']")"
done
check "infer: new code falls into the second half" "4 4" "$("$jitness" timeline --json "$tmp/infer-cold" | python3 -c '
import json, sys
r = json.load(sys.stdin); print(r["second_half"]["episodes"], r["second_half"]["compiled"])')"

traced "$tmp/churn" JITNESS_LEVEL=churn "$host/infer" >/dev/null
check "level churn: stalls are not known" True "$(all churn "c['stall_ms'] is None and c['stall_why']")"

traced "$tmp/nvrtc" "$host/nvrtc" dlopen >/dev/null
check "NVRTC: compiled by a library" "True True" \
	"$(field "$tmp/nvrtc" "all(c['how'] == 'compiled' for c in r['compiles']), sum(c['compiler_calls'] for c in r['compiles']) == 4")"

# --follow prints each once, while the program runs, and ends with it.
simulated "$jitness" run -o "$tmp/follow" -- "$host/infer" >/dev/null 2>&1 &
until ls "$tmp"/follow/*.jnt >/dev/null 2>&1; do sleep 0.05; done
timeout 60 "$jitness" timeline --follow --interval 200 "$tmp/follow" >"$tmp/lines" 2>"$tmp/lines.err"
check "--follow ends by itself, quietly" "0 0" "$? $(wc -l <"$tmp/lines.err")"
wait
check "--follow: the lines of the whole timeline, each once" "$("$jitness" timeline "$tmp/follow" | grep '^ *[0-9.]*s ' | sort)" \
	"$(sort "$tmp/lines")"
finish
