#!/bin/bash
# run.sh [GROUP/CASE...]: the command line. Runs every tests/cli/*/*.sh in an empty directory of its own; beside
# X.sh stand X.out (exact stdout), X.err (exact stderr) and X.exit. A file that is absent means: empty, empty, 0.
# UPDATE=1 rewrites them; read the diff before committing it. JITNESS: the command (build/release/jitness).
# Cases find `jitness` and `mktrace` in PATH, the texts of fixtures in $DATA, and the functions below.
set -u
root=$(cd "$(dirname "$0")/../.." && pwd)
jitness=$(realpath "${JITNESS:-$root/build/release/jitness}") || exit 1
cd "$root/tests/cli" || exit 1
export DATA=$PWD/data LC_ALL=C.UTF-8 NO_COLOR=1
unset "${!JITNESS@}" LD_PRELOAD CUDA_INJECTION64_PATH
tmp=$(mktemp -d) && trap 'rm -rf "$tmp"' EXIT
chmod 755 "$tmp"

mkdir "$tmp/bin"
(cd "$root" && ${CC:-gcc} -std=gnu11 -D_GNU_SOURCE -iquote . -O1 -o "$tmp/bin/mktrace" tests/mktrace.c trace/*.c \
	-lzstd -lpthread) || { echo "not ok mktrace: does not build"; exit 1; }
# Copies, so that another user can run them, too.
cp "$jitness" "$tmp/bin/jitness"
cp "${jitness%/*}/libjitness.so" "$tmp/bin/" 2>/dev/null
PATH=$tmp/bin:$PATH

trace() { # trace NAME FILE.jnt: the fixture data/NAME.txt
	mkdir -p "$(dirname "$2")"
	mktrace "$2" <"$DATA/$1.txt"
}
as_nobody() { # as_nobody COMMAND...: without root's rights
	if [ "$(id -u)" = 0 ]; then setpriv --reuid=65534 --regid=65534 --clear-groups "$@"; else "$@"; fi
}
export -f trace as_nobody

cases=("$@")
[ ${#cases[@]} -gt 0 ] || cases=(*/*.sh)
bad=0
for t in "${cases[@]}"; do
	base=${t%.sh}
	mkdir -p "$tmp/work" && chmod 755 "$tmp/work"
	(cd "$tmp/work" && bash "$OLDPWD/$base.sh") >"$tmp/out" 2>"$tmp/err" </dev/null
	code=$?
	rm -rf "$tmp/work"
	[ $code = 0 ] && : >"$tmp/exit" || echo $code >"$tmp/exit"
	ok=1
	for k in out err exit; do
		if [ -n "${UPDATE:-}" ]; then
			if [ -s "$tmp/$k" ]; then cp "$tmp/$k" "$base.$k"; else rm -f "$base.$k"; fi
		else
			want=$base.$k; [ -e "$want" ] || want=/dev/null
			diff -u --label "$base.$k" --label got "$want" "$tmp/$k" || ok=0
		fi
	done
	if [ $ok = 1 ]; then echo "ok $base"; else echo "not ok $base: see above"; bad=1; fi
done
exit $bad
