#!/bin/bash
# NVTX: every range and mark of a program is one RANGE row, whatever call made it; another tool in
# NVTX_INJECTION64_PATH still gets every call; the program does not notice.
. "$(dirname "$0")/lib.sh"
simulated "$host/nvtx"
[ $? != 77 ] || { echo "skip nvtx: no nvtx3/nvToolsExt.h beside the CUDA headers"; finish; }
plugin=$host/libnvtx_plugin.so

# Rows as text, in order of their start: TYPE DEPTH CATEGORY PAYLOAD domain|message [open]
cat >"$tmp/rows.py" <<'P'
import json, sys
rows = [json.loads(l) for l in sys.stdin]
ranges = [r for r in rows if r["kind"] == "range"]
for r in sorted(ranges, key=lambda r: r["start"]):
    message, domain = r["text"].split("\0")
    name = {0: "push", 1: "start", 2: "mark"}.get(r["type"], r["type"])
    if name == "mark": assert r["end"] == r["start"], r
    elif r["end"]: assert r["end"] >= r["start"], r
    print(name, r["depth"], r["category"], r["payload"], f"{domain}|{message}" + ("" if r["end"] else " open"))
P
rows() { "$jitness" dump --ndjson "$1" 2>/dev/null | python3 "$tmp/rows.py"; }

cat >"$tmp/want" <<'W'
push 0 0 0 |across cuInit
start 0 0 0 |started before cuInit
push 0 0 0 |ascii
push 1 0 0 |wide é € 😀
push 2 7 9223372036854775808 |ex
start 0 0 0 |one
start 0 0 0 |two
start 0 0 18446744073709551611 |three
mark 0 0 0 |mark a
mark 0 0 0 |mark w
mark 0 0 4609434218613702656 |mark ex
mark 0 0 0 |
W
echo "mark 0 0 0 |$(printf 'x%.0s' {1..254})" >>"$tmp/want"
cat >>"$tmp/want" <<'W'
mark 0 0 0 |see /home/someone/secret.py
push 0 0 0 dom|in dom
push 0 0 0 |default
push 1 0 0 dom|in dom
mark 0 0 0 dom|registered a
start 0 0 0 döm|registered w é
mark 0 0 0 |registered w é
W
for i in {0..63}; do echo "push $i 0 0 |n$i"; done >>"$tmp/want"
cat >>"$tmp/want" <<'W'
push 0 0 0 |around the fork
push 0 0 0 |around the plugin
push 1 0 0 |in the plugin
push 0 0 0 dom|plugin's domain
push 0 0 0 |never popped open
start 0 0 0 |never ended open
W

simulated "$host/nvtx" all "$plugin" >"$tmp/out.a" 2>"$tmp/err.a"; a=$?
traced "$tmp/all.jitness" "$host/nvtx" all "$plugin" >"$tmp/out.b" 2>"$tmp/err.b"
check "the same output" "0 0" "$a $?$(cmp "$tmp/out.a" "$tmp/out.b" 2>&1; cmp "$tmp/err.a" "$tmp/err.b" 2>&1)"
rows "$tmp/all.jitness" >"$tmp/got"
grep -vE '\|(work|inner|started|open at thread exit)( open)?$' "$tmp/got" >"$tmp/got.main"
check "every range, exactly" "" "$(diff "$tmp/want" "$tmp/got.main")"
check "ranges of threads" "200 200 200 4" "$(grep -c '^push 0 .*|work$' "$tmp/got") $(grep -c '^push 1 .*|inner$' "$tmp/got") $(grep -c '^start .*|started$' "$tmp/got") $(grep -c '^push 0 .*|open at thread exit open$' "$tmp/got")"
check "ranges too deep are counted" 36 "$(field "$tmp/all.jitness" "p['lost_records']")"
threads_of() { "$jitness" dump --ndjson "$1" 2>/dev/null | python3 -c '
import json, sys
print(len({r["tid"] for r in map(json.loads, sys.stdin) if r["kind"] == "range" and r["text"].startswith("open at thread")}))'; }
check "a range that is open at thread exit is its thread's" 4 "$(threads_of "$tmp/all.jitness")"
for level in churn node; do
	traced "$tmp/$level.jitness" JITNESS_NVTX=1 JITNESS_LEVEL=$level "$host/nvtx" all "$plugin"
	check "level $level: the same rows" "$(sort "$tmp/got" | md5sum)" "$(rows "$tmp/$level.jitness" | sort | md5sum)"
done
check "levels" "-1 0 1 2 0 1503 1503 2 1 0 -1 0 -1" "$(traced "$tmp/levels.jitness" "$host/nvtx" levels)"
check "a program without CUDA leaves no trace" "0 no" "$(traced "$tmp/nocuda.jitness" "$host/nvtx" nocuda; echo $?) $(ls "$tmp/nocuda.jitness" 2>/dev/null | grep -q jnt && echo yes || echo no)"

# --- what a library makes for each of its operations as soon as somebody listens
for how in auto:graph 1:graph auto:churn; do
	traced "$tmp/a-$how.jitness" JITNESS_NVTX=${how%:*} JITNESS_LEVEL=${how#*:} "$host/nvtx" annotates >"$tmp/a-$how.out"
	rows "$tmp/a-$how.jitness" | sort | uniq -c | sed 's/^ *//' >>"$tmp/a-$how.out"
done
check "XLA's domain: nobody listens; another one's ranges are there" "alone alone
1 mark 0 0 0 TSL2|operation" "$(cat "$tmp/a-auto:graph.out")"
check "and the trace says so" 1 "$("$jitness" dump "$tmp/a-auto:graph.jitness" 2>/dev/null | grep -c "JITNESS_NVTX=1 records them")"
check "XLA's domain with JITNESS_NVTX=1" "annotated annotated
1 mark 0 0 0 TSL2|operation
10 push 0 0 0 TSL|operation" "$(cat "$tmp/a-1:graph.out")"
check "level churn: nobody listens" "alone alone" "$(cat "$tmp/a-auto:churn.out")"

# --- registered strings: XLA has some for each program that it compiles
traced "$tmp/strings.jitness" "$host/nvtx" strings 66000 || not_ok strings "ended with status $?"
rows "$tmp/strings.jitness" | sed 's/.*|//' | sort | uniq -c |
	awk '$3 == "string)" { unknown = $1; next } { known += $1 == 1 } END { print known + unknown, (known >= 65036 && known <= 65436) }' >"$tmp/out"
# A hundred of the 65536 are not marked; threads that registered the same at once may have taken up to four each.
check "strings: each is known, up to the limit" "66000 1" "$(cat "$tmp/out")"

# --- off
traced "$tmp/off.jitness" JITNESS_NVTX=0 "$host/nvtx" all "$plugin"
check "JITNESS_NVTX=0: no row" "0 " "$? $(rows "$tmp/off.jitness")"
check "JITNESS_NVTX=0: the variable is left alone" "/some/tool.so" \
	"$(traced "$tmp/off2.jitness" JITNESS_NVTX=0 NVTX_INJECTION64_PATH=/some/tool.so printenv NVTX_INJECTION64_PATH)"
check "without JITNESS_OUT it is left alone" "" "$(simulated LD_PRELOAD="$B/libjitness.so" printenv NVTX_INJECTION64_PATH)"

# --- private text
traced "$tmp/redacted.jitness" JITNESS_REDACT=1 "$host/nvtx" all "$plugin"
"$jitness" export "$tmp/all.jitness" --format jitness --redact -o "$tmp/shared.jitness" >/dev/null 2>&1
for s in redacted shared; do
	check "$s: text stays, paths do not" "$(sed 's|see /home.*|<path>.py|' "$tmp/got" | sort | md5sum)" \
		"$(rows "$tmp/$s.jitness" | sort | md5sum)"
done

# --- another tool. It logs what it gets; OTHER: all, some (core marks and domain pushes only), refuses.
cat >"$tmp/other.c" <<'C'
#include <nvtx3/nvToolsExt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
static FILE *f;
static char handles[1000];
static int n_handles = 1;
static nvtxRangeId_t ids;
static const char *text(const nvtxEventAttributes_t *a)
{
	static __thread char s[64];
	if (a->messageType == NVTX_MESSAGE_TYPE_ASCII) return a->message.ascii;
	sprintf(s, "%d:%d", a->messageType, a->message.registered ? (int)((char *)a->message.registered - handles) : 0);
	return s;
}
static int dom(nvtxDomainHandle_t d) { return d ? (int)((char *)d - handles) : 0; }
/* Threads call at the same time: a line is one piece. Flushed: a forked child would write what was not once more. */
#define LOG(...) do { if (f) { flockfile(f); fprintf(f, __VA_ARGS__); fputc('\n', f); fflush(f); funlockfile(f); } } while (0)
static void MarkEx(const nvtxEventAttributes_t *a) { LOG("mark %s", text(a)); }
static void MarkA(const char *s) { LOG("mark %s", s ? s : "-"); }
static void MarkW(const wchar_t *s) { LOG("mark %d", (int)wcslen(s)); }
static nvtxRangeId_t StartEx(const nvtxEventAttributes_t *a) { LOG("start %s", text(a)); return ids += 3; }
static nvtxRangeId_t StartA(const char *s) { LOG("start %s", s); return ids += 3; }
static nvtxRangeId_t StartW(const wchar_t *s) { LOG("start %d", (int)wcslen(s)); return ids += 3; }
static void End(nvtxRangeId_t id) { LOG("end %d", (int)id); }
static int PushEx(const nvtxEventAttributes_t *a) { LOG("push %s", text(a)); return 77; }
static int PushA(const char *s) { LOG("push %s", s); return 77; }
static int PushW(const wchar_t *s) { LOG("push %d", (int)wcslen(s)); return 77; }
static int Pop(void) { LOG("pop"); return 78; }
static void DMarkEx(nvtxDomainHandle_t d, const nvtxEventAttributes_t *a) { LOG("%d mark %s", dom(d), text(a)); }
static nvtxRangeId_t DStartEx(nvtxDomainHandle_t d, const nvtxEventAttributes_t *a) { LOG("%d start %s", dom(d), text(a)); return ids += 3; }
static void DEnd(nvtxDomainHandle_t d, nvtxRangeId_t id) { LOG("%d end %d", dom(d), (int)id); }
static int DPushEx(nvtxDomainHandle_t d, const nvtxEventAttributes_t *a) { LOG("%d push %s", dom(d), text(a)); return 79; }
static int DPop(nvtxDomainHandle_t d) { LOG("%d pop", dom(d)); return 80; }
static nvtxStringHandle_t StringA(nvtxDomainHandle_t d, const char *s) { LOG("%d string %s", dom(d), s); return (void *)&handles[n_handles++]; }
static nvtxStringHandle_t StringW(nvtxDomainHandle_t d, const wchar_t *s) { LOG("%d string %d", dom(d), (int)wcslen(s)); return (void *)&handles[n_handles++]; }
static nvtxDomainHandle_t CreateA(const char *s) { LOG("create %s", s); return (void *)&handles[n_handles++]; }
static nvtxDomainHandle_t CreateW(const wchar_t *s) { LOG("create %d", (int)wcslen(s)); return (void *)&handles[n_handles++]; }
static void Destroy(nvtxDomainHandle_t d) { LOG("destroy %d", dom(d)); }
__attribute__((visibility("default"))) int InitializeInjectionNvtx2(NvtxGetExportTableFunc_t get)
{
	const NvtxExportTableCallbacks *t = get(NVTX_ETID_CALLBACKS);
	const char *mode = getenv("OTHER");
	NvtxFunctionTable c, d;
	unsigned n;
	if (!f) f = fopen(getenv("OTHER_LOG"), "w");
	LOG("init");
	t->GetModuleFunctionTable(NVTX_CB_MODULE_CORE, &c, &n);
	t->GetModuleFunctionTable(NVTX_CB_MODULE_CORE2, &d, &n);
#define C(id, fn) *c[NVTX_CBID_CORE_##id] = (NvtxFunctionPointer)fn
#define D(id, fn) *d[NVTX_CBID_CORE2_##id] = (NvtxFunctionPointer)fn
	C(MarkEx, MarkEx); C(MarkA, MarkA); C(MarkW, MarkW);
	D(DomainRangePushEx, DPushEx); D(DomainRangePop, DPop); D(DomainMarkEx, DMarkEx);
	if (!strcmp(mode, "refuses")) return 0;
	if (!strcmp(mode, "some")) return 1;
	C(RangeStartEx, StartEx); C(RangeStartA, StartA); C(RangeStartW, StartW); C(RangeEnd, End);
	C(RangePushEx, PushEx); C(RangePushA, PushA); C(RangePushW, PushW); C(RangePop, Pop);
	D(DomainRangeStartEx, DStartEx); D(DomainRangeEnd, DEnd);
	D(DomainRegisterStringA, StringA); D(DomainRegisterStringW, StringW);
	D(DomainCreateA, CreateA); D(DomainCreateW, CreateW); D(DomainDestroy, Destroy);
	return 1;
}
C
gcc -O1 -shared -fPIC -isystem "$(sed -n 's/^CUPTI_INCLUDE := //p' build/config.mk)" -o "$tmp/other.so" "$tmp/other.c" -ldl ||
	not_ok "another tool" "does not compile"
for mode in all some refuses; do
	export OTHER=$mode NVTX_INJECTION64_PATH=$tmp/other.so
	OTHER_LOG=$tmp/log.a simulated "$host/nvtx" levels >"$tmp/levels.a"
	OTHER_LOG=$tmp/log.b traced "$tmp/other-levels-$mode.jitness" "$host/nvtx" levels >"$tmp/levels.b"
	check "another tool ($mode) gets every call" "$(md5sum <"$tmp/log.a")" "$(md5sum <"$tmp/log.b")"
	[ $mode != all ] || check "another tool: the program gets its answers" "$(cat "$tmp/levels.a")" "$(cat "$tmp/levels.b")"
	OTHER_LOG=$tmp/log.a simulated "$host/nvtx" all "$plugin" 2>&1
	OTHER_LOG=$tmp/log.b traced "$tmp/other-$mode.jitness" "$host/nvtx" all "$plugin" 2>&1
	# Threads come in any order, and so do the ids; the log of a child that was forked is appended.
	ordered() { sed -E 's/end [0-9]+$/end/' "$1" | sort | md5sum; }
	check "another tool ($mode): threads, a fork, two copies" "$(ordered "$tmp/log.a") 1" "$(ordered "$tmp/log.b") $(grep -q . "$tmp/log.b" && echo 1)"
	check "another tool ($mode): the same rows" "$(sort "$tmp/got" | md5sum)" "$(rows "$tmp/other-$mode.jitness" | sort | md5sum)"
done
OTHER=all OTHER_LOG=$tmp/log.b traced "$tmp/other-a.jitness" "$host/nvtx" annotates >"$tmp/out"
check "another tool listens: XLA annotates, and its rows are here too" "annotated annotated 10" \
	"$(cat "$tmp/out") $(rows "$tmp/other-a.jitness" | grep -c 'TSL|operation')"
unset OTHER NVTX_INJECTION64_PATH
NVTX_INJECTION64_PATH=/no/such/tool.so traced "$tmp/gone.jitness" "$host/nvtx" all "$plugin"
check "another tool that is not there" "$(sort "$tmp/got" | md5sum)" "$(rows "$tmp/gone.jitness" | sort | md5sum)"
finish
