#!/bin/bash
# Level churn without CUPTI: the driver's calls seen at their entry points, however a program reaches them, say
# what CUPTI would say (JITNESS_DLSYM=0 is level churn with CUPTI), and nothing of it is in the process's way.
. "$(dirname "$0")/lib.sh"
export JITNESS_LEVEL=churn

# rows DIR PYTHON-EXPRESSION over rows(KIND); told(): what both ways of watching must agree on
rows() {
	PYTHONDONTWRITEBYTECODE=1 python3 - "$1" "$2" <<'PY' 2>&1
import json, sys
sys.path.insert(0, "tools")
import jnt
trace, expression = sys.argv[1:]
all_rows = [json.loads(line) for path in jnt.trace_files([trace])
            for section in jnt.trace_sections(path) for line in jnt.section_lines(section)]
rows = lambda kind: sorted((r for r in all_rows if r["kind"] == kind),
                           key=lambda r: (r.get("start", r.get("time", 0)), r.get("corr", 0)))
info = lambda key: [r["pair"].split("\0", 1)[1] for r in rows("info") if r["pair"].startswith(key + "\0")]
count = lambda values: sorted((v, values.count(v)) for v in set(values))
frames = {f["id"]: f for f in rows("frame")}
objects = {o["id"]: o["file"].split("\0")[0] for o in rows("object")}
def called_from(row):
    """The innermost frame in the program itself."""
    f = frames.get(row["native"])
    while f and "/reach" not in objects.get(f["object"], ""):
        f = frames.get(f["parent"])
    return hex(f["offset"]) if f else None
def told():
    """Everything but times, handles and numbers of objects, which must be consistent instead."""
    names = {}
    for k in rows("module_kernels"):
        names.setdefault(k["hash"], k["names"])
    modules = {m["module"] for m in rows("module")}
    execs = [g["graph"] for g in rows("graph") if g["op"] == 0]
    made = {g["source_graph"] for g in rows("graph") if g["op"] == 4}
    return {
        "loads": count([(l["api"], l["result"], l["image"], l["bytes"], l["hash"], called_from(l))
                        for l in rows("load") if l["image"] == 1]),
        "links": count([(l["api"], l["result"], l["image"], called_from(l)) for l in rows("load") if l["api"] > 1020]),
        "modules": count([(m["hash"], m["bytes"], m["image"], m["kernels"], names.get(m["hash"])) for m in rows("module")]),
        "unloads": count([u["module"] in modules for u in rows("unload")]),
        "graphs": count([(g["op"], g["api"], g["result"], g["version"], g["nodes"], g["kernel_nodes"], g["unlisted"],
                          called_from(g)) for g in rows("graph")]),
        "kernels": count([(k["name"], k["version"], k["count"]) for k in rows("graph_kernel")]),
        "ids": (len(set(execs)) == len(execs), all(g["graph"] in execs for g in rows("graph") if g["op"] in (1, 2)),
                all(g["source_graph"] in made for g in rows("graph") if g["op"] == 0)),
    }
print(eval(expression))
PY
}

# --- every way to a function: what is told, and what the program sees
for way in linked dlsym default proc proc_v1 ptsz; do
	program=$host/reach
	[ $way = linked ] && program=$host/reach-linked
	simulated "$program" $way 2 3 >"$tmp/plain.out" 2>&1
	traced "$tmp/$way" "$program" $way 2 3 >"$tmp/out" 2>&1; status=$?
	check "$way: same output, no libcupti" "0 $(cat "$tmp/plain.out")" "$status $(cat "$tmp/out")"
	traced "$tmp/$way-cupti" JITNESS_DLSYM=0 "$program" $way 2 3 >"$tmp/out" 2>&1
	check "$way: by CUPTI when dlsym is left alone" "True cupti" \
		"$(grep -c 'mapped":true' "$tmp/out" | sed 's/1/True/') $(rows "$tmp/$way-cupti" "info('modules_by')[0]")"
	check "$way: says how it was recorded" "entry points none level churn" \
		"$(rows "$tmp/$way" "info('modules_by')[0] + ' ' + info('gpu_records')[0] + ' ' + info('gpu_records_reason')[0][:11]")"
	check "$way: 12 modules and unloads, 6 graphs, 12 captures" "12 12 6 12 0" \
		"$(rows "$tmp/$way" "'%d %d %d %d %d' % (len(rows('module')), len(rows('unload')), sum(g['op'] == 0 for g in rows('graph')), sum(g['op'] == 4 for g in rows('graph')), len(rows('lost')))")"
	rows "$tmp/$way" "__import__('pprint').pformat(told(), width=200)" >"$tmp/told"
	rows "$tmp/$way-cupti" "__import__('pprint').pformat(told(), width=200)" >"$tmp/told-cupti"
	if diff "$tmp/told-cupti" "$tmp/told"; then ok "$way: tells what CUPTI tells"; else
		not_ok "$way: tells what CUPTI tells" "see above"; fi
done
check "a module is of its load's row and context" "12 6 6" \
	"$(rows "$tmp/proc" "'%d %d %d' % (sum(m['call_corr'] == l['corr'] and m['library'] == l['handle'] for m in rows('module') for l in rows('load')), sum(m['context'] == 0 for m in rows('module')), sum(m['context'] == 1 for m in rows('module')))")"
check "context: made and ended once" "[0, 1]" "$(rows "$tmp/proc" "[c['op'] for c in rows('context')]")"
check "device: told" "simulated device" "$(rows "$tmp/proc" "' '.join(d['name'] for d in rows('device'))")"
check "device: the same as CUPTI's" "$(rows "$tmp/proc-cupti" "rows('device')[0]['uuid_lo'], rows('device')[0]['sms']")" \
	"$(rows "$tmp/proc" "rows('device')[0]['uuid_lo'], rows('device')[0]['sms']")"

# --- the names of another program's: PTX, whose final image is not seen
mkdir "$tmp/files"
traced "$tmp/modules" "$host/modules" 4 3 "$tmp/files" >"$tmp/modules.out" || not_ok modules "ended with status $?"
check "PTX: a list of names for each module without a hash" "72 72" \
	"$(rows "$tmp/modules" "'%d %d' % (sum(m['hash'] == 0 for m in rows('module')), sum(k['hash'] == 0 and k['module'] > 0 for k in rows('module_kernels')))")"
check "PTX: no module's making is claimed but that of its bytes" "{'loaded': 24, 'unknown': 72}" \
	"$(field "$tmp/modules" "dict(sorted(__import__('collections').Counter(m['how'] for m in r['modules']).items()))")"
check "PTX: the kernels of each module are its own" "True" \
	"$(field "$tmp/modules" "all(len(m['kernels']) == 1 for m in r['modules']) and len({m['kernels'][0] for m in r['modules']}) == 12")"
check "PTX: no number stands for what the driver compiled" None "$(field "$tmp/modules" "p['driver_jit']")"
traced "$tmp/nvrtc" "$host/nvrtc" dlopen >/dev/null || not_ok nvrtc "ended with status $?"
check "PTX of a compiler library: made by it" "{('compiled', 'ptx'), ('compiled', 'cubin')}" \
	"$(field "$tmp/nvrtc" "{(m['how'], m['image']) for m in r['modules']}" | sed "s/{('compiled', 'cubin'), ('compiled', 'ptx')}/{('compiled', 'ptx'), ('compiled', 'cubin')}/")"

# --- nodes set to the kernel they have: only counted, as many as by CUPTI
traced "$tmp/sets" "$host/graphs" >"$tmp/sets.out" || not_ok graphs "ended with status $?"
traced "$tmp/sets-cupti" JITNESS_DLSYM=0 "$host/graphs" >/dev/null
sets="sorted((g['updates'], g['version'], g['kernels'] != []) for g in r['graphs'])"
check "sets of nodes: as many as by CUPTI" "[(0, 0, True), (0, 0, True), (0, 0, True), (102, 102, True)] $(field "$tmp/sets-cupti" "$sets")" \
	"$(field "$tmp/sets" "$sets") $(field "$tmp/sets" "$sets")"
check "sets of nodes: a row for the first and one for the others" "2 101" \
	"$(rows "$tmp/sets" "sum(g['op'] == 3 for g in rows('graph'))") $(rows "$tmp/sets-cupti" "sum(g['op'] == 3 for g in rows('graph'))")"
check "sets of nodes: no time is claimed for what was not timed" "True False" \
	"$(field "$tmp/sets" "any(g['update_ms'] is None for g in r['graphs'])") $(field "$tmp/sets-cupti" "any(g['update_ms'] is None for g in r['graphs'])")"

# --- what the views say
"$jitness" report "$tmp/proc" >"$tmp/text"
check "report: says how, and nothing of missing records" "1 1 0" \
	"$(grep -c "recorded   level churn, at the driver's entry points, without CUPTI" "$tmp/text") $(grep -c "driver JIT not recorded" "$tmp/text") $(grep -c "GPU records" "$tmp/text")"
"$jitness" timeline "$tmp/modules" >"$tmp/text"
check "timeline: says why PTX is unknown" 1 "$(grep -c "the driver's JIT: whether PTX was compiled or cached is unknown" "$tmp/text")"
"$jitness" verify "$tmp/modules" --expect 'compiles==0' >"$tmp/text"
check "verify: no compile seen is not none" 1 "$(grep -c '^undecided' "$tmp/text")"
simulated "$jitness" run --level churn -o "$tmp/run" -- "$host/reach" proc >/dev/null 2>"$tmp/run.err"
check "run: the last line counts modules and claims no compiles" \
	"jitness: 1 process, 0 kernels, 0 graph launches, 2 modules, 0 records lost; $tmp/run" "$(tail -n 1 "$tmp/run.err")"
traced "$tmp/logged" JITNESS_LOG="$tmp/log" "$host/reach" proc >/dev/null
check "nothing to warn of" 0 "$(grep -c . "$tmp/log" 2>/dev/null)"

# --- other tools in the process
INJECT_OUT="$tmp/inject.out" INJECT_KINDS=10 INJECT_CBIDS=1:307 traced "$tmp/beside" CUDA_INJECTION64_PATH="$sim/inject.so" \
	"$host/reach" proc 2 3 >/dev/null
check "another CUPTI client has its subscription and its records" "subscribe 0 kind10 42" \
	"$(grep -E '^(subscribe|kind10) ' "$tmp/inject.out" | tr '\n' ' ' | sed 's/ $//')"
check "and the trace is the same" "$(rows "$tmp/proc" "told()")" "$(rows "$tmp/beside" "told()")"
for order in before behind; do
	if [ $order = before ]; then preload="$host/libreach_hook.so:$B/libjitness.so"
	else preload="$B/libjitness.so:$host/libreach_hook.so"; fi
	simulated LD_PRELOAD="$preload" JITNESS_OUT="$tmp/hook-$order" REACH_HOOK="$tmp/hook-$order.calls" \
		"$host/reach-linked" linked 2 3 >/dev/null
	check "a hook that was preloaded $order us: each call once in both" "6 6" \
		"$(cat "$tmp/hook-$order.calls") $(rows "$tmp/hook-$order" "sum(l['api'] == 1011 for l in rows('load'))")"
done

# --- is there a driver at all? Answered as without us, at every level
for how in "" local global; do
	simulated "$host/reach" probe $how >"$tmp/plain.out"
	for level in churn graph; do
		traced "$tmp/probe" JITNESS_LEVEL=$level "$host/reach" probe $how >"$tmp/out"
		check "probe ${how:-none}, level $level: the same answers" "$(cat "$tmp/plain.out")" "$(cat "$tmp/out")"
	done
done
check "probe: nothing was traced" 0 "$(find "$tmp/probe" -name '*.jnt' 2>/dev/null | wc -l)"
check "level graph: linked calls are forwarded and CUPTI sees them" "12 cupti" \
	"$(traced "$tmp/graph" JITNESS_LEVEL=graph "$host/reach-linked" linked 2 3 >/dev/null; rows "$tmp/graph" "'%d %s' % (len(rows('module')), info('modules_by')[0])")"

# --- what runs steadily is not touched
check "no launch, copy or wait is exported or wrapped" "" \
	"$(nm -D --defined-only "$B/libjitness.so" | grep -E ' cu(Launch|GraphLaunch|Mem|StreamSync|StreamWait|Event|CtxSync|Func|KernelGet)')"

# --- threads, ends and children: the program's own status and output, a complete trace
traced "$tmp/threads" "$host/reach" proc 16 40 >"$tmp/out" || not_ok threads "ended with status $?"
check "threads: every module, once" "1280 1280 1280 640 0" \
	"$(rows "$tmp/threads" "'%d %d %d %d %d' % (len(rows('module')), len({m['module'] for m in rows('module')}), len({u['module'] for u in rows('unload')}), len({g['graph'] for g in rows('graph') if g['op'] == 2}), len(rows('lost')))")"
for mode in return exit thread-exit pthread_exit _exit quick_exit abort sigkill exec exec-fail vfork-exec fork-after dlopen; do
	program=$host/lifetimes
	[ $mode = dlopen ] && program=$host/lifetimes-late
	simulated timeout 60 "$program" $mode >"$tmp/plain.out" 2>&1; plain=$?
	traced "$tmp/end-$mode" timeout 60 "$program" $mode >"$tmp/out" 2>&1; status=$?
	check "$mode: same status and output" "$plain $(sed -E 's/pid=[0-9]+//; /lib.sh: line/d' "$tmp/plain.out" | sort)" \
		"$status $(sed -E 's/pid=[0-9]+//; /lib.sh: line/d' "$tmp/out" | sort)"
	check "$mode: its module is told" True "$(rows "$tmp/end-$mode" "len(rows('module')) >= 1")"
done
finish
