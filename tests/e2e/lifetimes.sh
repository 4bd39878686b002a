#!/bin/bash
# Every way a process can end, fork, exec or go without CUDA: its own status and output stay, and
# what was delivered is in the trace. tests/host/lifetimes.c is the program: 1000 launches
# and a sync, then the end that its argument names.
. "$(dirname "$0")/lib.sh"

# Runs MODE with and without us; the exit status and the output must be the same.
run_mode() { # MODE [NAME=VALUE...]
	local mode=$1; shift
	local program=$host/lifetimes
	[ "$mode" = dlopen ] && program=$host/lifetimes-late
	simulated "$@" timeout 60 "$program" "$mode" >"$tmp/plain.out" 2>"$tmp/plain.err"; plain=$?
	traced "$tmp/$mode" "$@" timeout 60 "$program" "$mode" >"$tmp/traced.out" 2>"$tmp/traced.err"; status=$?
	check "$mode: same status and output" "$plain $(normal plain)" "$status $(normal traced)"
}
# Process ids differ from run to run, and so may the order of two processes' lines.
# A second subscriber is refused while we hold CUPTI (39): that much it does notice.
normal() {
	sed -E 's/pid=[0-9]+/pid=N/; s/subscribe=39/subscribe=0/; /lib.sh: line/d' "$tmp/$1.out" "$tmp/$1.err" | sort
}
# What the program says it launched, over all its processes, in its last traced run.
launched() { sed -n 's/.*launched=//p' "$tmp/traced.out" | awk '{ n += $1 } END { print n + 0 }'; }
kernels() { field "$tmp/$1" "sum(q['kernels'] for q in r['processes'])"; }
ended() { field "$tmp/$1" "' '.join(sorted(q['ended'] for q in r['processes']))"; }
files() { find "$tmp/$1" -name "*.$2" 2>/dev/null | wc -l; }

# --- ends that run a handler or one of our hooks: complete, and no journal is left
for mode in return exit thread-exit pthread_exit _exit quick_exit; do
	run_mode $mode
	check "$mode: every kernel" "$(launched)" "$(kernels $mode)"
	check "$mode: ended cleanly" exit "$(ended $mode)"
	check "$mode: no journal left" 0 "$(files $mode jnj)"
done

# --- ends that run nothing: what was delivered before the last flush is recovered
for mode in abort segv sigterm sigkill; do
	run_mode $mode
	check "$mode: ended unknown, said as cut off" "unknown True" \
		"$(field "$tmp/$mode" "p['ended'], r['session']['truncated_processes'] == 1")"
	"$jitness" report "$tmp/$mode" >"$tmp/text" 2>&1
	check "$mode: report exits 0 and says it" "0 1" "$? $(grep -c 'cut off' "$tmp/text")"
done
check "sigkill: every kernel (killed a second after its sync)" "$(launched)" "$(kernels sigkill)"

# --- the launcher knows how its own child ended
simulated "$jitness" run -o "$tmp/run-kill" -- "$host/lifetimes" sigkill >/dev/null 2>&1
check "run: status of a killed command" 137 $?
check "run: ended by signal" signal "$(ended run-kill)"

# --- exec and fork
run_mode exec
check "exec: every kernel" "$(launched)" "$(kernels exec)"
check "exec: ended by exec, no journal" "exec 0" "$(ended exec) $(files exec jnj)"
run_mode exec-fail
check "exec-fail: 2000 kernels, ended by exit" "$(launched) exit" "$(kernels exec-fail) $(ended exec-fail)"
run_mode vfork-exec
check "vfork-exec: the parent's trace is whole" "$(launched) exit" "$(kernels vfork-exec) $(ended vfork-exec)"
run_mode fork-after
check "fork-after: the child leaves no trace and harms none" "$(launched) exit 1" \
	"$(kernels fork-after) $(ended fork-after) $(files fork-after jnt)"
run_mode fork-before
check "fork-before: two traces" "$(launched) exit exit" "$(kernels fork-before) $(ended fork-before)"

# --- late, never, many, not waited for
run_mode dlopen
check "dlopen: late libcuda" "$(launched)" "$(kernels dlopen)"
run_mode nocuda
check "nocuda: no directory, no file" "" "$(ls "$tmp/nocuda" 2>/dev/null)"
run_mode threads-many
check "threads-many: 300 threads" "$(launched)" "$(kernels threads-many)"
run_mode unsynced
check "unsynced: every launch has its kernel record" "$(launched)" "$(kernels unsynced)"
for mode in reset destroy-ctx; do
	run_mode $mode
	check "$mode: every kernel" "$(launched) exit" "$(kernels $mode) $(ended $mode)"
done
run_mode second-subscriber
check "second-subscriber: we keep recording" "$(launched) exit" "$(kernels second-subscriber) $(ended second-subscriber)"

# --- Python: fork, spawn and os._exit, without CUDA (the interpreter is a host like any other)
cat >"$tmp/mp.py" <<'PY'
import multiprocessing as mp, os, subprocess, sys
def work(q): q.put(os.environ.get("CUDA_INJECTION64_PATH", "") != "")
if __name__ == "__main__":
    for method in ("fork", "spawn"):
        ctx = mp.get_context(method); q = ctx.Queue(); p = ctx.Process(target=work, args=(q,)); p.start()
        print(method, q.get(), p.join(), p.exitcode)
    print(subprocess.run(["sh", "-c", "exit 3"]).returncode, flush=True)
    os._exit(4)
PY
traced "$tmp/mp" python3 "$tmp/mp.py" >"$tmp/mp.out" 2>/dev/null
check "python: fork, spawn, subprocess, os._exit" "4 fork True None 0 spawn True None 0 3" "$? $(tr '\n' ' ' <"$tmp/mp.out" | sed 's/ $//')"
check "python: no CUDA, no file" "" "$(ls "$tmp/mp" 2>/dev/null)"
finish
