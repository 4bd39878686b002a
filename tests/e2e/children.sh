#!/bin/bash
# Compilers as processes of their own: what they say about themselves in the session's file of children.
. "$(dirname "$0")/lib.sh"

# --- a second reader, from docs/trace-format.md: children DIR PYTHON-EXPRESSION over c, a list of
# dicts with 'end' (or None), host names in `hosts`, and whole lines in `lines`
cat >"$tmp/children.py" <<'P'
import glob, json, os, re, sys
from urllib.parse import unquote_to_bytes
text = lambda f: unquote_to_bytes(f.encode(errors="surrogateescape")).decode(errors="replace")
c, lines, hosts = [], [], []
for path in sorted(glob.glob(os.path.join(glob.escape(sys.argv[1]), "*.children"))):
    hosts.append(os.path.basename(path)[:-len(".children")])
    data = open(path, "rb").read().decode(errors="surrogateescape")
    assert data.endswith("\n"), "cut line"
    for line in data[:-1].split("\n"):
        assert len(line) < 4000 and not re.search(r"[\0-\x08\x0b-\x20\x7f]", line), line
        f = line.split("\t")
        lines.append(line)
        if f[0] == "S":
            left = int(f.pop()[2:]) if f[-1].startswith("%+") else 0
            c.append(dict(pid=int(f[1]), ppid=int(f[2]), start=int(f[3]), tool=f[4],
                          up=[int(x) for x in f[5].split(",")], exe=text(f[6]), cwd=text(f[7]),
                          args=[text(x) for x in f[8:]], left=left, end=None))
        elif f[0] == "E":
            assert len(f) == 13, line
            k = [x for x in c if x["pid"] == int(f[1]) and x["start"] == int(f[2])][-1]
            assert k["end"] is None, "two ends"
            k.update(end=int(f[3]), cpu=sum(map(int, f[4:8])), rss=int(f[8]), status=int(f[9]),
                     out=text(f[10]), bytes=int(f[11]), hash=f[12])
        else:
            assert False, line
tools = sorted(x["tool"] for x in c)
def one(tool): return [x for x in c if x["tool"] == tool][-1]
r = eval(sys.argv[2])
print(*r) if isinstance(r, tuple) else print(r)
P
children() { python3 "$tmp/children.py" "$1" "$2" 2>&1 | tail -1; }
none() { ls "$1"/*.children 2>/dev/null; }
in_new() { mkdir -p "$tmp/$1"; local d=$1; shift; traced "$tmp/$d" "$@"; } # the directory is there, as under jitness run

cat >"$tmp/small.c" <<'C'
int main(void) { return 0; }
C
# Uses CUDA, then starts argv[2..] in the way that argv[1] says, and waits.
cat >"$tmp/parent.c" <<'C'
#define _GNU_SOURCE
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
int cuInit(unsigned);
extern char **environ;
int main(int argc, char **argv)
{
	char line[4096] = "";
	int status = 0;
	pid_t pid = -1;
	if (cuInit(0))
		return 99;
	if (!strcmp(argv[1], "system")) {
		for (int i = 2; i < argc; i++)
			strcat(strcat(line, argv[i]), " ");
		status = system(line);
	} else if (!strcmp(argv[1], "spawn")) {
		if (posix_spawnp(&pid, argv[2], NULL, NULL, argv + 2, environ))
			return 98;
	} else {
		pid = argv[1][0] == 'v' ? vfork() : fork();
		if (!pid) {
			execvp(argv[2], argv + 2);
			_exit(97);
		}
	}
	if (pid > 0)
		waitpid(pid, &status, 0);
	printf("%d\n", (int)getpid());
	return WIFEXITED(status) ? WEXITSTATUS(status) : 96;
}
C
# A compiler of our own: MODE and then what a compiler is called with.
cat >"$tmp/fake.c" <<'C'
#define _GNU_SOURCE
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
int main(int argc, char **argv)
{
	const char *mode = argc > 1 ? argv[1] : "", *out = NULL;
	int before = errno;
	for (int i = 2; i < argc; i++)
		if (!strcmp(argv[i], "-o") && i + 1 < argc)
			out = argv[i + 1];
		else if (!strncmp(argv[i], "-o=", 3))
			out = argv[i] + 3;
		else if (!strncmp(argv[i], "--output-file=", 14))
			out = argv[i] + 14;
	if (before)
		return 77;
	FILE *f = out ? fopen(out, "w") : NULL;
	for (int i = 0; f && i < 30000; i++)
		fprintf(f, "line %d\n", i);
	if (f)
		fclose(f);
	if (!strcmp(mode, "forks")) { /* children that end without exec, by each way out */
		if (!fork())
			exit(3);
		if (!fork())
			_exit(4);
		if (!vfork())
			_exit(5);
		while (wait(NULL) > 0)
			;
		exit(6);
	}
	if (!strcmp(mode, "hangs"))
		sleep(60);
	if (!strcmp(mode, "leaves"))
		_exit(8);
	return !strcmp(mode, "fails");
}
C
cat >"$tmp/xxh.c" <<'C'
#include <stdio.h>
#include <stdlib.h>
#include "trace/hash.h"
int main(void)
{
	static char all[16 << 20];
	printf("0x%016llx\n", (unsigned long long)hash64(all, fread(all, 1, sizeof(all), stdin)));
	return 0;
}
C
cc=$(realpath "$(command -v gcc)")
$cc -o "$tmp/parent" "$tmp/parent.c" -L"$sim" -l:libcuda.so.1 && $cc -o "$tmp/fake" "$tmp/fake.c" &&
	$cc -O1 -std=gnu11 -D_GNU_SOURCE -iquote . -o "$tmp/xxh" "$tmp/xxh.c" trace/hash.c || exit 1
mkdir "$tmp/bin" && for t in ptxas nvcc ninja hipcc x86_64-linux-gnu-clang-17; do cp "$tmp/fake" "$tmp/bin/$t"; done
cd "$tmp" || exit 1

# --- gcc below a traced process: each of its programs, and the way up to the traced pid
for how in fork vfork spawn system; do
	pid=$(simulated "$jitness" run -o "$tmp/$how" -- ./parent $how gcc -o a small.c 2>"$tmp/err"); status=$?
	check "$how: the compile works" "0 0" "$status $(./a; echo $?)"
	check "$how: gcc, cc1, as, collect2 and ld say so" "['as', 'cc1', 'collect2', 'gcc', 'ld']" "$(children $how tools)"
	check "$how: all of them below the traced process, ended, with CPU time" "True" \
		"$(children $how "all($pid in x['up'] and x['status'] == 0 and x['cpu'] > 0 and x['rss'] > 0 and x['start'] < x['end'] for x in c)")"
	check "$how: who waits for whom" "True" "$(children $how "one('ld')['ppid'] == one('collect2')['pid'] and one('cc1')['ppid'] == one('gcc')['pid'] == one('as')['up'][0]")"
	check "$how: what it was" "['gcc', '-o', 'a', 'small.c'] $tmp $cc" "$(children $how "one('gcc')['args'], one('gcc')['cwd'], one('gcc')['exe']")"
	check "$how: output and its size" "$tmp/a $(stat -c %s a)" "$(children $how "one('gcc')['out'], one('ld')['bytes']")"
	check "$how: the summary of jitness run counts them" 1 "$(grep -c '5 compiler children' "$tmp/err")"
	check "$how: and so does the report" "{'count': 5, 'unfinished': 0, 'unlisted': 0, 'ends_alone': 0, 'damaged_lines': 0}" "$(field "$tmp/$how" "r['session']['children']")"
done
check "text report" 1 "$("$jitness" report fork | grep -c '^5 compiler children$')"

# --- ends
in_new failing gcc -c nothing.c 2>/dev/null
check "a compile that fails: status 1, no output" "1 1 0" "$(children failing "one('gcc')['status'], one('cc1')['status'], one('gcc')['bytes']")"
in_new stale bin/ptxas fails -o stale.cubin
check "a failed compile claims no file" "$tmp/stale.cubin 1 0 0x0000000000000000" "$(children stale "one('ptxas')['out'], one('ptxas')['status'], one('ptxas')['bytes'], one('ptxas')['hash']")"
mkdir -p killed
env LD_PRELOAD="$B/libjitness.so" JITNESS_OUT="$tmp/killed" bin/nvcc hangs & hanging=$!
for i in $(seq 100); do [ -s "$(none killed)" ] && break; sleep 0.05; done
kill -KILL $hanging; wait $hanging 2>/dev/null
check "killed: its start alone" "['nvcc'] None" "$(children killed "tools, one('nvcc')['end']")"
in_new immediate bin/nvcc leaves
check "_exit: its status" 8 "$(children immediate "one('nvcc')['status']")"
in_new forks bin/nvcc forks
check "forked children that never exec say nothing for their parent" "1 6 2" "$(children forks "len(c), one('nvcc')['status'], len(lines)")"

# --- what ptxas wrote is known by its hash
in_new hash bin/ptxas works -o k.cubin
check "ptxas: hash and size of its output" "$tmp/k.cubin $(stat -c %s k.cubin) $(./xxh <k.cubin)" "$(children hash "one('ptxas')['out'], one('ptxas')['bytes'], one('ptxas')['hash']")"
for form in -o=k2.cubin --output-file=k2.cubin; do
	rm -rf hash2; in_new hash2 bin/ptxas works $form
	check "ptxas $form: the same" "$tmp/k2.cubin $(./xxh <k.cubin)" "$(children hash2 "one('ptxas')['out'], one('ptxas')['hash']")"
done
in_new version bin/ptxas --version
check "ptxas --version: no output" "[''] 0 0x0000000000000000" "$(children version "[one('ptxas')['out']], one('ptxas')['bytes'], one('ptxas')['hash']")"
truncate -s 17M big.cubin
in_new big bin/nvcc works -odir /tmp -o - -o big.cubin
check "nvcc: the last -o counts, -odir is none, no hash" "$tmp/big.cubin True 0x0000000000000000" "$(children big "one('nvcc')['out'], one('nvcc')['bytes'] > 9, one('nvcc')['hash']")"
in_new device bin/ptxas works -o /dev/null
check "an output that is no file" "/dev/null 0 0x0000000000000000" "$(children device "one('ptxas')['out'], one('ptxas')['bytes'], one('ptxas')['hash']")"
if command -v ptxas >/dev/null; then
	printf '.version 7.0\n.target sm_80\n.address_size 64\n.visible .entry k() { ret; }\n' >k.ptx
	in_new real ptxas -arch sm_80 k.ptx -o real.cubin
	check "NVIDIA's ptxas: hash of its cubin" "0 $(./xxh <real.cubin)" "$(children real "one('ptxas')['status'], one('ptxas')['hash']")"
else
	echo "skip NVIDIA's ptxas: not here"
fi

# --- who says something, and who does not
in_new names bash -c 'bin/x86_64-linux-gnu-clang-17; bin/ninja; bin/hipcc; true; ls >/dev/null'
check "versions and targets in names; others stay silent" "['clang', 'ninja']" "$(children names tools)"
in_new clean env -i PATH="$PATH" gcc -c -o e.o small.c
check "a clean environment: not seen" "" "$(none clean)"
if $cc -static -o bin/cicc fake.c 2>/dev/null; then
	in_new static bin/cicc
	check "static: not seen" "" "$(none static)"
else
	echo "skip static: no static libc"
fi
mkdir -p "$tmp/py/torch/_inductor/compile_worker"
touch "$tmp/py/torch/__init__.py" "$tmp/py/torch/_inductor/__init__.py" "$tmp/py/torch/_inductor/compile_worker/__init__.py"
echo 'import sys; sys.exit(11)' >"$tmp/py/torch/_inductor/compile_worker/__main__.py"
python=$(python3 -c 'import os, sys; print(os.path.realpath(sys.executable))')
in_new worker env PYTHONPATH="$tmp/py" "$python" -W ignore -um torch._inductor.compile_worker --workers=2
in_new worker "$python" -S "$tmp/py/torch/_inductor/compile_worker/__main__.py" --parent=1
check "compile workers, as a module and as a script" "['worker', 'worker'] [11, 11]" "$(children worker "tools, [x['status'] for x in c]")"
in_new other bash -c "'$python' -c pass torch._inductor.compile_worker; '$python' -S -c 'import sys' -m torch._inductor.compile_worker; echo pass >t.py; '$python' t.py -m torch._inductor.compile_worker"
check "other interpreters stay silent" "" "$(none other)"

# --- many at once, long command lines
in_new many bash -c 'for i in $(seq 32); do gcc -c -o m$i.o small.c & done; wait'
check "32 at once: whole lines, each with its end" "96 0" "$(children many "len(c), sum(x['end'] is None for x in c)")"
in_new long bin/nvcc works $(seq -f 'argument-%g' 2000) "$(head -c 9000 /dev/zero | tr '\0' x)" -o 'a b%c'
check "a long command line is cut and says so; the output is known" "2005 $tmp/a b%c True" "$(children long "len(one('nvcc')['args']) + one('nvcc')['left'], one('nvcc')['out'], one('nvcc')['left'] > 1000")"
in_new odd bin/nvcc works $'tab\tnewline\nblank é' ''
check "any bytes in arguments" "['works', 'tab\\tnewline\\nblank é', '']" "$(children odd "one('nvcc')['args'][1:]")"

# --- the host is unchanged
bin/nvcc fails >o1 2>&1 0>&-; want=$?
in_new closed bash -c 'exec 0>&- 1>&- 2>&-; exec bin/nvcc fails'
check "closed standard streams" "$want 1" "$? $(children closed "one('nvcc')['status']")"
traced /nonexistent/dir gcc -c -o u.o small.c >o2 2>&1
check "no directory: works, silently" "0 0" "$? $(wc -c <o2)"
mkdir pipe && mkfifo "pipe/$(uname -n | tr -c 'A-Za-z0-9.\n-' _).children"
timeout 20 env LD_PRELOAD="$B/libjitness.so" JITNESS_OUT="$tmp/pipe" bin/nvcc works
check "a pipe in the place of the file: nobody waits" 0 $?
mkdir link && ln -s "$tmp/elsewhere" "link/$(uname -n | tr -c 'A-Za-z0-9.\n-' _).children"
traced "$tmp/link" bin/nvcc works
check "never through a symbolic link" "" "$(ls elsewhere 2>/dev/null)"
check "mode 0600" 600 "$(stat -c %a fork/*.children)"

# --- private text
mkdir -p home/alice && cp bin/ptxas home/alice/
simulated "$jitness" run --redact -o "$tmp/private" -- ./parent fork home/alice/ptxas works secret.ptx -o home/alice/a.cubin >/dev/null 2>&1
simulated "$jitness" run -o "$tmp/open" -- ./parent fork home/alice/ptxas works secret.ptx -o home/alice/a.cubin >/dev/null 2>&1
"$jitness" export open --redact -o exported; "$jitness" export open -o copied
for d in private exported; do
	check "$d: no names" 0 "$(cat $d/*.children | grep -c -e alice -e secret -e "$tmp" -e "$(uname -n)")"
	check "$d: what stays" "['host'] ptxas <path>  ['ptxas', '<4 arguments>'] <path>.cubin $(./xxh <home/alice/a.cubin)" \
		"$(children $d "(hosts, *[one('ptxas')[k] for k in ('tool', 'exe', 'cwd', 'args', 'out', 'hash')])")"
done
check "export copies the file as it is" "" "$(cmp open/*.children copied/*.children 2>&1)"

# --- compilers alone are no session
mkdir runs && cd runs || exit 1
simulated "$jitness" run -- gcc -c -o x.o ../small.c 2>"$tmp/err"
check "no CUDA: no directory stays" "0 x.o" "$? $(ls)"
simulated "$jitness" run -o named -- gcc -c -o x.o ../small.c 2>"$tmp/err"
check "no CUDA, a named directory: no file of children" "session.ndjson" "$(ls named)"
mkdir only && cp ../open/*.children only/
"$jitness" report only >/dev/null 2>"$tmp/err"
check "a file of children alone is no session" "3 1" "$? $(grep -c 'no trace in' "$tmp/err")"
finish
