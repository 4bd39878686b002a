#!/bin/bash
# tests/python/run.sh: python_walk() in every CPython that is found here: python3 and python3.* of PATH, the ones
# of pyenv, and those that JITNESS_TEST_PYTHONS names. STRESS_SECONDS (2) for each.
set -u
cd "$(dirname "$0")/../.." || exit 1
out=build/check/python
mkdir -p "$out"
src=(preload/python.c preload/python_layout.c preload/python_lines.c preload/python_peek.c)
cc=(${CC:-gcc} -std=gnu11 -D_GNU_SOURCE -iquote . -Wall -Wextra -g)
bad=0

report() { # STATUS NAME WHY
	if [ "$1" = 0 ]; then echo "ok $2"; else echo "not ok $2: $3"; bad=1; fi
}

"${cc[@]}" -O2 -fPIC -fvisibility=hidden -shared -Wl,-Bsymbolic,-z,defs \
	-o "$out/helper.so" tests/python/helper.c "${src[@]}" -lpthread &&
	"${cc[@]}" -O1 -fsanitize=address,undefined -fno-sanitize-recover=all \
		-o "$out/alone" tests/python/alone.c "${src[@]}" &&
	"${cc[@]}" -O1 -fsanitize=address,undefined -fno-sanitize-recover=all -DFAKE_PYTHON -rdynamic \
		-o "$out/fake" tests/python/alone.c "${src[@]}" || {
	echo 'not ok python build: does not compile'
	exit 1
}

got=$(timeout 60 "$out/alone" 2>&1)
report $? 'python none' "$got"
[ "$got" = none ] || report 1 'python none says' "$got"

says() { # NAME EXPECTED MODE VERSION ARG...
	local name=$1 expected=$2 got
	shift 2
	got=$(timeout 60 "$out/fake" "$@" 2>&1)
	case $? in
	0) [ "$got" = "$expected" ]; report $? "$name" "says $got" ;;
	77) echo "skip $name: no seccomp here" ;;
	*) report 1 "$name" "ended badly: ${got:0:300}" ;;
	esac
}
says 'python 3.8 refused' '3.8.18: not supported' says '3.8.18 (default, x) [GCC 12]'
says 'python 3.14 refused' '3.14.0: not supported' says '3.14.0 (main, x) [GCC 12]'
says 'python 2 refused' '2.7.18: not supported' says '2.7.18 (default)'
says 'python without dots refused' '3: not supported' says '3'
says 'python free-threaded refused' '3.13.0: free-threaded, not supported' \
	says '3.13.0 experimental free-threading build (main, x)'
says 'python free-threaded by its offsets refused' '3.13.0: free-threaded, not supported' \
	says '3.13.0 (main, x)' free-threaded
says 'python PyPy refused' '3.10.14: PyPy, not supported' says '3.10.14 (75b, x) [PyPy 7.3.17 with GCC 10]'
says 'python forbidden' '3.12.1: process_vm_writev is not allowed' forbidden '3.12.1 (main, x)'
for minor in 9 10 11 12 13; do
	got=$(timeout 60 "$out/fake" hostile "3.$minor.0 (main, x)" 3000 2>&1)
	report $? "python hostile 3.$minor" "${got:0:300}"
done

# One interpreter a version, wherever it comes from.
candidates() {
	printf '%s\n' ${JITNESS_TEST_PYTHONS:-}
	compgen -c python3 | grep -xE 'python3(\.[0-9]+)?' | sort -u | while read -r name; do
		type -ap "$name"
	done
	command -v pyenv >/dev/null && printf '%s\n' "$(pyenv root)"/versions/*/bin/python3
}
seen=' '
while read -r python; do
	version=$("$python" -c 'import ctypes, sys
if sys.version_info[:2] >= (3, 9) and sys.version_info[:2] <= (3, 13):
    print(".".join(map(str, sys.version_info[:3])))' 2>/dev/null) || continue
	[ -n "$version" ] || continue
	[[ $seen != *" $version "* ]] || continue
	seen+="$version "
	timeout 120 "$python" tests/python/walk.py "$out/helper.so" 2>&1 || {
		code=$?
		bad=1
		[ $code = 1 ] || echo "not ok python $version walk: ended with status $code"
	}
	got=$(timeout 120 "$python" tests/python/stress.py "$out/helper.so" "${STRESS_SECONDS:-2}" 2>&1)
	code=$?
	report $code "python $version stress" "status $code, $(tail -c 300 <<<"$got")"
done < <(candidates 2>/dev/null)
[ "$seen" != ' ' ] || echo 'skip python walk: no CPython 3.9 to 3.13 with ctypes here'
exit $bad
