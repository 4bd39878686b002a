#!/bin/bash
# The host is unchanged: output, status, errno, signal handlers, environment, descriptors and
# C++ exceptions are byte-identical with and without us, JITNESS_* and the injection
# variable aside.
. "$(dirname "$0")/lib.sh"

clean_environment() { sed -E '/^(JITNESS_[A-Z_]*|CUDA_INJECTION64_PATH|NVTX_INJECTION64_PATH|LD_PRELOAD|_)=/d' "$1"; }
same() { # NAME COMMAND...
	local name=$1; shift
	simulated "$@" >"$tmp/a.out" 2>"$tmp/a.err" </dev/null; local a=$?
	traced "$tmp/$name.jitness" "$@" >"$tmp/b.out" 2>"$tmp/b.err" </dev/null; local b=$?
	if [ $a = $b ] && diff <(clean_environment "$tmp/a.out") <(clean_environment "$tmp/b.out") &&
		diff <(sed '/lib.sh: line/d' "$tmp/a.err") <(sed '/lib.sh: line/d' "$tmp/b.err"); then ok "$name"; else not_ok "$name" "status $a, with us $b"; fi
}

cat >"$tmp/state.c" <<'C'
/* Prints everything about a process that a preloaded library could have changed. */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
extern char **environ;
int main(void)
{
	int first_errno = errno;
	sigset_t set;
	struct sigaction sa;
	printf("errno %d\n", first_errno);
	for (int s = 1; s < 65; s++)
		if (!sigaction(s, NULL, &sa))
			printf("signal %d %p %x\n", s, (void *)sa.sa_handler, sa.sa_flags);
	sigprocmask(SIG_BLOCK, NULL, &set);
	for (int s = 1; s < 65; s++)
		if (sigismember(&set, s))
			printf("blocked %d\n", s);
	for (int fd = 0; fd < 1024; fd++)
		if (!access("/proc/self/fd", F_OK)) {
			char p[64], t[256];
			snprintf(p, sizeof(p), "/proc/self/fd/%d", fd);
			ssize_t n = readlink(p, t, sizeof(t));
			if (n > 0 && fd > 2)
				printf("fd %d %.*s\n", fd, (int)n, t);
		}
	for (char **e = environ; *e; e++)
		puts(*e);
	DIR *d = opendir("/proc/self/task");
	int threads = 0;
	for (struct dirent *t; d && (t = readdir(d));)
		threads += t->d_name[0] != '.';
	printf("threads %d\n", threads);
	fprintf(stderr, "and stderr\n");
	return 7;
}
C
cat >"$tmp/throw.cpp" <<'C'
#include <cstdio>
#include <stdexcept>
#include <thread>
static int depth(int n) { if (!n) throw std::runtime_error("deep"); return depth(n - 1) + 1; }
int main()
{
	int caught = 0;
	for (int i = 0; i < 1000; i++)
		try { depth(20); } catch (const std::exception &e) { caught += e.what()[0] == 'd'; }
	std::thread t([&] { try { throw 1; } catch (int v) { caught += v; } });
	t.join();
	std::printf("caught %d\n", caught);
	throw std::logic_error("not caught");
}
C
gcc -o "$tmp/state" "$tmp/state.c" && same state "$tmp/state"
if command -v g++ >/dev/null && g++ -o "$tmp/throw" "$tmp/throw.cpp" -lpthread; then
	same cxx-exceptions "$tmp/throw"
else
	echo "skip cxx-exceptions: no g++"
fi
cat >"$tmp/py.py" <<'PY'
import ctypes, os, signal, subprocess, sys, threading
print(signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGPIPE))
print(subprocess.run("echo a | tr a b; exit 5", shell=True, capture_output=True))
print(subprocess.run([sys.executable, "-c", "import os; os.execvp('true', ['true'])"]).returncode)
try: os.execv("/nonexistent", ["x"])
except OSError as e: print(e)
libc = ctypes.CDLL(None, use_errno=True); print(libc.close(-1), ctypes.get_errno())
t = threading.Thread(target=lambda: print("thread")); t.start(); t.join()
sys.stderr.write("err\n"); sys.exit(9)
PY
same python python3 "$tmp/py.py"
same shell-pipeline bash -c 'set -o pipefail; printf "b\na\n" | sort | tee /dev/stderr | (read x; echo "$x"; exec cat); false | true; echo "${PIPESTATUS[@]}"; exit $?'
same cuda-program "$host/infer" 2 2
for closed in '0' '1' '2' '0 1 2'; do
	redirect=$(for fd in $closed; do printf '%s>&- ' "$fd"; done)
	traced "$tmp/closed" bash -c "exec $redirect; exec \"\$0\" return" "$host/lifetimes"
	check "closed stdio ($closed): every kernel, and nothing of the host in the trace" "1000 0" \
		"$(field "$tmp/closed" "p['kernels'], p['bad_frames']")"
	rm -rf "$tmp/closed"
done

# --- a process that never uses CUDA: no thread (printed above), no file, the library only mapped
check "no CUDA: no session directory" "" "$(ls -d "$tmp/state.jitness" 2>/dev/null)"

# --- privileged: the loader ignores or we ignore; the program runs as ever
if [ "$(id -u)" = 0 ] && command -v setpriv >/dev/null; then
	cp "$tmp/state" "$tmp/setuid" && chmod 4755 "$tmp/setuid" && chmod 755 "$tmp"
	traced "$tmp/setuid.jitness" setpriv --reuid=65534 --regid=65534 --clear-groups "$tmp/setuid" \
		>"$tmp/s.out" 2>"$tmp/s.err"
	check "setuid: runs, is not traced" "7 " "$? $(ls -d "$tmp/setuid.jitness" 2>/dev/null)"
else
	echo "skip setuid: needs root"
fi

# --- messages: silent by default, in the log when asked for
traced /nonexistent/dir "$host/lifetimes" return >"$tmp/o" 2>"$tmp/e"
check "unwritable directory: the host runs, silently" "0 0" "$? $(wc -c <"$tmp/e")"
traced /nonexistent/dir JITNESS_LOG="$tmp/log" "$host/lifetimes" return >/dev/null
check "unwritable directory: the log says it once" 1 "$(grep -c 'tracing is off' "$tmp/log")"
finish
