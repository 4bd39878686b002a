#!/bin/bash
# Where code and graphs came from: every module names the call it came in and the load it came from,
# the hash of what was handed in is that of the bytes, captures are told with what is in
# them. Rows are read with tools/jnt.py, which shares nothing with the tracer.
. "$(dirname "$0")/lib.sh"

# rows DIR PYTHON-EXPRESSION over rows(KIND) and xxh64(bytes), what `files` holds by name
rows() {
	PYTHONDONTWRITEBYTECODE=1 python3 - "$1" "$tmp/files" "$2" <<'PY' 2>&1
import json, os, sys
sys.path.insert(0, "tools")
import jnt
trace, files, expression = sys.argv[1:]
all_rows = [json.loads(line) for path in jnt.trace_files([trace])
            for section in jnt.trace_sections(path) for line in jnt.section_lines(section)]
rows = lambda kind: sorted((r for r in all_rows if r["kind"] == kind),
                           key=lambda r: r.get("start", r.get("time", 0)))
held = {n: open(os.path.join(files, n), "rb").read() for n in sorted(os.listdir(files))}
xxh64, hashes = jnt.xxh64, {n: jnt.xxh64(b) for n, b in held.items()}
API = {"cuModuleLoad": 1010, "cuModuleLoadData": 1011, "cuLibraryLoadData": 1015, "cuLinkAddData": 1021,
       "cuLinkComplete": 1023, "cuLaunchKernel": 1001, "cuLibraryGetGlobal": 1041,
       "cuKernelSetAttribute": 1042, "cuOccupancyMaxActiveBlocksPerMultiprocessor": 1054}
NAME = {v: k for k, v in API.items()}
CAPTURE = 4
count = lambda values: dict(sorted({v: values.count(v) for v in values}.items()))
print(eval(expression))
PY
}
mkdir "$tmp/files"

# --- modules: 2 threads of 2 rounds, each round loads one PTX and one cubin in every way
traced "$tmp/modules" "$host/modules" 2 2 "$tmp/files" >"$tmp/modules.out" || not_ok modules "ended with status $?"
check "modules: two images for each of 4 rounds were kept" "4 4" \
	"$(rows "$tmp/modules" "sum(n.endswith('.ptx') for n in held), sum(n.endswith('.cubin') for n in held)" | tr -d '(),')"
check "modules: the call that each came in" \
	"{'cuKernelSetAttribute': 4, 'cuLaunchKernel': 4, 'cuLibraryGetGlobal': 4, 'cuModuleLoad': 4, 'cuModuleLoadData': 12, 'cuOccupancyMaxActiveBlocksPerMultiprocessor': 4}" \
	"$(rows "$tmp/modules" "count([NAME.get(m['call_api'], m['call_api']) for m in rows('module')])")"
check "modules: each leads to a load" "True" \
	"$(rows "$tmp/modules" "all(m['library'] in {l['handle'] for l in rows('load')} - {0} for m in rows('module'))")"
check "modules: a direct load's module is of its own row" "16" \
	"$(rows "$tmp/modules" "sum(m['call_corr'] == l['corr'] and m['library'] == l['handle'] for m in rows('module') for l in rows('load'))")"
check "loads: kinds and calls" \
	"{('cuLibraryLoadData', 2): 16, ('cuLinkAddData', 2): 4, ('cuLinkComplete', 1): 4, ('cuModuleLoad', 1): 4, ('cuModuleLoadData', 1): 4, ('cuModuleLoadData', 2): 8}" \
	"$(rows "$tmp/modules" "count([(NAME[l['api']], l['image']) for l in rows('load')])")"
check "loads: the hash is that of the PTX" "{$(for i in 0_0 0_1 1_0 1_1; do printf "'modules_kernel_%s.ptx': 7, " $i; done | sed 's/, $//')}" \
	"$(rows "$tmp/modules" "count([n for l in rows('load') if l['image'] == 2 for n, h in hashes.items() if h == l['hash'] and len(held[n]) == l['bytes']])")"
check "loads: the hash is that of the cubin: linked, in memory, by path" "{$(for i in 0_0 0_1 1_0 1_1; do printf "'modules_kernel_%s.cubin': 3, " $i; done | sed 's/, $//')}" \
	"$(rows "$tmp/modules" "count([n for l in rows('load') if l['image'] == 1 for n, h in hashes.items() if h == l['hash'] and len(held[n]) == l['bytes']])")"
check "modules: a cubin handed in is the code that runs" "8 8" \
	"$(rows "$tmp/modules" "'%d %d' % (len(pairs := [(m, l) for m in rows('module') for l in rows('load') if l['image'] == 1 and m['call_corr'] == l['corr']]), sum(m['hash'] == l['hash'] and m['bytes'] == l['bytes'] for m, l in pairs))")"
check "modules: nothing lost" "0" "$(rows "$tmp/modules" "len(rows('lost'))")"

# --- graphs: two captures, of four nodes each, and one that was invalidated
traced "$tmp/graphs" "$host/graphs" >"$tmp/graphs.out" || not_ok graphs "ended with status $?"
captures="[(g['result'], g['nodes'], g['kernel_nodes'], g['unlisted'], g['graph']) for g in rows('graph') if g['op'] == CAPTURE]"
check "captures: each, with its nodes" "[(0, 4, 4, 0, 0), (0, 4, 3, 0, 0), (901, 0, 0, 0, 0)]" "$(rows "$tmp/graphs" "$captures")"
check "captures: instantiated from the graph that was captured" "1" \
	"$(rows "$tmp/graphs" "sum(g['op'] == CAPTURE and g['source_graph'] and g['source_graph'] == i['source_graph'] for g in rows('graph') for i in rows('graph') if i['op'] == 0)")"
check "captures: each starts before the launches inside it" "4 2 1" \
	"$(rows "$tmp/graphs" "' '.join(str(sum(g['start'] <= l['start'] and l['end'] <= g['end'] for l in rows('launch'))) for g in rows('graph') if g['op'] == CAPTURE)")"
check "captures: say no kernel twice" "True" \
	"$(rows "$tmp/graphs" "0 not in {k['graph'] for k in rows('graph_kernel')}")"
finish
