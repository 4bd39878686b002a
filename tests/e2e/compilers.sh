#!/bin/bash
# Calls of compiler libraries: whatever way a program found NVRTC, nvJitLink or libNVVM, it
# prints the same with us, and every call and every result is in the trace exactly once.
. "$(dirname "$0")/lib.sh"

rows() { "$jitness" dump --ndjson "$1" 2>/dev/null | grep "\"kind\":\"$2\""; } # DIR KIND
count() { rows "$1" "$2" | wc -l; }
truth() { python3 -c 'import json,sys; r=json.load(open(sys.argv[1])); print(r["compiles"], r["results"])' "$1"; }
# both NAME COMMAND...: without us to NAME.a, with us to NAME.b and NAME.jitness
both() {
	local name=$1; shift
	simulated "$@" >"$tmp/$name.a" 2>"$tmp/$name.a.err" </dev/null; local a=$?
	traced "$tmp/$name.jitness" "$@" >"$tmp/$name.b" 2>"$tmp/$name.b.err" </dev/null; local b=$?
	if [ $a = $b ] && diff "$tmp/$name.a" "$tmp/$name.b" && diff "$tmp/$name.a.err" "$tmp/$name.b.err"; then
		ok "$name: the same output"; else not_ok "$name: the same output" "status $a, with us $b"; fi
}
# followed NAME COMMAND...: and as many COMPILE and CODE records as the program says
followed() {
	local name=$1; both "$@"
	check "$name: every call, every result" "$(truth "$tmp/$name.a") 0" \
		"$(count "$tmp/$name.jitness" compile) $(count "$tmp/$name.jitness" code) $(count "$tmp/$name.jitness" lost)"
}

followed linked "$host/nvrtc-linked" linked
for mode in dlopen default table mixed plugin two link nvvm; do followed $mode "$host/nvrtc" $mode; done
followed early "$host/nvrtc" early 20
followed threads "$host/nvrtc" dlopen 50 8
followed linked-threads "$host/nvrtc-linked" linked 50 8

# --- the content of the records
check "names of programs" "/home/someone/nvrtc_kernel_0_0.cu /home/someone/nvrtc_kernel_0_1.cu /home/someone/nvrtc_kernel_0_2.cu" \
	"$(rows "$tmp/linked.jitness" compile | grep -o '/home/[^\\]*' | sort | paste -sd' ')"
libraries() { rows "$1" compile | sed 's/.*\\u0000\(.*\)"}/\1/; s|.*/||' | sort | uniq -c | awk '{ print $1, $2 }' | paste -sd' '; }
check "library of a linked caller" "4 libnvrtc.so.13" "$(libraries "$tmp/linked.jitness")"
check "two libraries in one process" "3 libnvrtc.so.12 2 libnvrtc.so.13" "$(libraries "$tmp/two.jitness")"
check "an address taken in another library" "4 libnvrtc.so.13" "$(libraries "$tmp/mixed.jitness")"
check "a failed compilation" 6 "$(rows "$tmp/dlopen.jitness" compile | grep -o '"result":[1-9][0-9]*' | cut -d: -f2)"
check "compiler and image" '"compiler":2 "image":1 "compiler":3 "image":2' \
	"$({ rows "$tmp/link.jitness" code; rows "$tmp/nvvm.jitness" code; } | grep -oE '"(compiler|image)":[0-9]+' | paste -sd' ')"
codes() { rows "$tmp/$1.jitness" code | grep -o '"hash":[0-9]*' | sort; }
loads() { rows "$tmp/$1.jitness" load | grep -o '"hash":[0-9]*' | sort; }
for mode in linked dlopen two link nvvm; do
	check "$mode: what was loaded is what was compiled" "$(codes $mode)" "$(loads $mode)"
done
check "no result without a hash" "" "$(rows "$tmp/threads.jitness" code | grep '"hash":0')"

traced "$tmp/redacted.jitness" JITNESS_REDACT=1 "$host/nvrtc" dlopen >/dev/null
check "redacted: no path of the user" "" "$(rows "$tmp/redacted.jitness" compile | grep -o someone)"

# 100 compilations and their results and a failed one before cuInit: 64 rows are kept.
both early-many "$host/nvrtc" early 100
check "early records over the limit are counted" "64 137" \
	"$(( $(count "$tmp/early-many.jitness" compile) + $(count "$tmp/early-many.jitness" code) )) $(field "$tmp/early-many.jitness" "p['lost_records']")"

# --- JITNESS_DLSYM=0
JITNESS_DLSYM=0 followed linked-no-dlsym "$host/nvrtc-linked" linked
JITNESS_DLSYM=0 both no-dlsym "$host/nvrtc" dlopen
check "JITNESS_DLSYM=0: what dlsym finds is not seen" "0 0" "$(count "$tmp/no-dlsym.jitness" compile) $(count "$tmp/no-dlsym.jitness" code)"

# --- where there is no compiler. The main program's dlerror() text names us: counted as known.
both probe "$host/nvrtc" probe
check "probe: nothing found" "" "$(grep -E '(default|next|program|library) 1' "$tmp/probe.b" | grep -v itself)"

# --- other tools' hooks
cat >"$tmp/hook.c" <<'C'
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdio.h>
#include <unistd.h>
static int calls;
int nvrtcCompileProgram(void *p, int n, const char *const *o)
{
	static int (*next)(void *, int, const char *const *);
	if (!next)
		*(void **)&next = dlsym(RTLD_NEXT, "nvrtcCompileProgram");
	calls++;
	return next ? next(p, n, o) : 99;
}
/* A name that is none of the tracer's: relative to the tracer, next would be this very function. */
int pthread_create(void *t, const void *attr, void *(*f)(void *), void *arg)
{
	int (*next)(void *, const void *, void *(*)(void *), void *);
	*(void **)&next = dlsym(RTLD_NEXT, "pthread_create");
	if ((void *)next == (void *)pthread_create)
		_exit(9);
	return next(t, attr, f, arg);
}
__attribute__((destructor)) static void end(void) { if (calls) fprintf(stderr, "hooked %d\n", calls); }
C
# One that hooks dlsym itself, as GPU sharing tools do.
cat >"$tmp/hook_dlsym.c" <<'C'
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdio.h>
#include <string.h>
static int calls;
void *dlsym(void *handle, const char *name)
{
	static void *(*next)(void *, const char *);
	if (!next)
		*(void **)&next = dlvsym(RTLD_NEXT, "dlsym", "GLIBC_2.34");
	if (!next)
		*(void **)&next = dlvsym(RTLD_NEXT, "dlsym", "GLIBC_2.2.5");
	if (!strncmp(name, "nvrtc", 5) && handle != RTLD_DEFAULT)
		calls++;
	return next(handle, name);
}
__attribute__((destructor)) static void end(void) { if (calls) fprintf(stderr, "asked %d\n", calls); }
C
for h in hook hook_dlsym; do gcc -O2 -shared -fPIC -o "$tmp/$h.so" "$tmp/$h.c" || not_ok "$h" "does not compile"; done
hooked() { # NAME BEFORE AFTER PROGRAM ARGS...
	local name=$1 before=$2 after=$3; shift 3
	simulated LD_PRELOAD="$before$after" "$@" >"$tmp/$name.a" 2>"$tmp/$name.a.err"
	simulated LD_PRELOAD="${before:+$before:}$B/libjitness.so${after:+:$after}" JITNESS_OUT="$tmp/$name.jitness" \
		"$@" >"$tmp/$name.b" 2>"$tmp/$name.b.err"
	check "$name: the same output" "$(cat "$tmp/$name.a" "$tmp/$name.a.err")" "$(cat "$tmp/$name.b" "$tmp/$name.b.err")"
	check "$name: it was called" 1 "$(grep -cE '^(hooked|asked) [1-9]' "$tmp/$name.b.err")"
	check "$name: every call once" "$(truth "$tmp/$name.a")" "$(count "$tmp/$name.jitness" compile) $(count "$tmp/$name.jitness" code)"
}
hooked hook-before "$tmp/hook.so" "" "$host/nvrtc-linked" linked
hooked hook-behind "" "$tmp/hook.so" "$host/nvrtc-linked" linked
hooked dlsym-hook-behind "" "$tmp/hook_dlsym.so" "$host/nvrtc" dlopen
# In front of us it goes past us to libc: what it finds is not seen, and nothing else changes.
simulated LD_PRELOAD="$tmp/hook_dlsym.so:$B/libjitness.so" JITNESS_OUT="$tmp/dlsym-hook-before.jitness" \
	"$host/nvrtc" dlopen >"$tmp/before.out" 2>"$tmp/before.err"
check "dlsym-hook-before: the same output" "$(cat "$tmp/dlopen.a"; echo asked 8)" "$(cat "$tmp/before.out" "$tmp/before.err")"

# --- callers of other kinds
cat >"$tmp/caller.py" <<'P'
import _ctypes, ctypes as c, mmap, os, shutil, sys
keep = []
def compile(lib, source=b'extern "C" __global__ void python_kernel() {}'):
    p, n = c.c_void_p(), c.c_size_t()
    assert lib.nvrtcCreateProgram(c.byref(p), source, b"python.cu", 0, None, None) == 0
    assert lib.nvrtcCompileProgram(p, 0, None) == 0
    assert lib.nvrtcGetPTXSize(p, c.byref(n)) == 0
    b = c.create_string_buffer(n.value)
    assert lib.nvrtcGetPTX(p, b) == 0
    assert lib.nvrtcDestroyProgram(c.byref(p)) == 0
    return len(b.value) > 0
start = lambda: c.CDLL("libcuda.so.1").cuInit(0)
if sys.argv[1] != "early-fork": assert start() == 0
first = c.CDLL("libnvrtc.so.13")
path = next(l.split()[-1] for l in open("/proc/self/maps") if "libnvrtc.so.13" in l)
n = 0
if sys.argv[1] == "ctypes":
    for i in range(3): n += compile(first)
    c.CDLL("libnvrtc.so.13", mode=c.RTLD_GLOBAL)
    n += compile(c.CDLL(None))   # dlopen(NULL): the whole program
elif sys.argv[1] == "copies":
    for i in range(10):
        shutil.copy(path, f"{sys.argv[2]}/copy{i}.so")
        n += compile(c.CDLL(f"{sys.argv[2]}/copy{i}.so"))
elif sys.argv[1] == "reload":
    for i in range(30):
        shutil.copy(path, f"{sys.argv[2]}/again{i}.so")
        lib = c.CDLL(f"{sys.argv[2]}/again{i}.so")
        n += compile(lib)
        _ctypes.dlclose(lib._handle)
        keep += [mmap.mmap(-1, 16384) for _ in range(8)] # so that the next one lies elsewhere
elif sys.argv[1] == "fork":
    n += compile(first)
    pid = os.fork()
    if pid == 0:
        os._exit(0 if compile(first) and compile(first) else 9)
    assert os.waitpid(pid, 0)[1] == 0
elif sys.argv[1] == "early-fork":
    n += compile(first) + compile(first)
    pid = os.fork()
    if pid == 0:
        sys.exit(start() or not compile(first))
    assert os.waitpid(pid, 0)[1] == 0 and start() == 0
    n += 1
print(f'{{"compiles":{n},"results":{n}}}')
P
python=$(python3 -c 'import sys; print(sys.executable)')
followed ctypes "$python" "$tmp/caller.py" ctypes
followed fork "$python" "$tmp/caller.py" fork
followed early-fork "$python" "$tmp/caller.py" early-fork
followed reload "$python" "$tmp/caller.py" reload "$tmp"
both copies "$python" "$tmp/caller.py" copies "$tmp"
check "more copies than wrappers: the others are not seen" "8 1" \
	"$(count "$tmp/copies.jitness" compile) $(rows "$tmp/copies.jitness" note | grep -c 'more than 8 copies')"

if gcc -fsanitize=address -g -iquote . -std=gnu11 -D_GNU_SOURCE "-I$(sed -n 's/^CUPTI_INCLUDE := //p' build/config.mk)" \
	-o "$tmp/nvrtc-asan" tests/host/nvrtc.c -L"$sim" -l:libcuda.so.1 -ldl -lpthread 2>"$tmp/asan.err"; then
	simulated ASAN_OPTIONS=detect_leaks=0 LD_PRELOAD="$(gcc -print-file-name=libasan.so):$B/libjitness.so" \
		JITNESS_OUT="$tmp/asan.jitness" "$tmp/nvrtc-asan" dlopen >"$tmp/asan.out" 2>"$tmp/asan.err"
	check "a host built with ASan" "0 $(truth "$tmp/dlopen.a")" \
		"$? $(count "$tmp/asan.jitness" compile) $(count "$tmp/asan.jitness" code)"
else echo "skip a host built with ASan: $(head -1 "$tmp/asan.err")"; fi
malloc=$(ldconfig -p | sed -n 's/.*libjemalloc.*=> //p' | head -1)
if [ -n "$malloc" ]; then PRELOAD_MORE=$malloc followed jemalloc "$host/nvrtc" dlopen; else echo "skip jemalloc: not installed"; fi
finish
