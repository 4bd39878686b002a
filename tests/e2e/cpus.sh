#!/bin/bash
# The decoder with one CPU and with several: the same output and exit status, from recorded sessions, whole, cut
# and damaged, of which some are too short for the reader's thread.
. "$(dirname "$0")/lib.sh"
jitness=$(realpath "${JITNESS:-$jitness}")
cpu=$(taskset -pc $$ | sed 's/.*: //; s/[-,].*//')
[ "$(nproc)" -gt 1 ] || { echo "skip cpus: there is one CPU only"; exit 0; }

all_of() { # all_of FOLDER [RUNNER...]: what the commands say, and how they end
	local s=$1 c; shift
	while read -r -a c; do
		"$@" "$jitness" "${c[0]}" "$s" "${c[@]:1}" 2>&1
		echo "${c[*]}: $?"
	done <<-'END'
		timeline
		report --json
		phases --json
		verify --expect lost==0
		dump
	END
	rm -rf "$tmp/x.jitness"
	"$@" "$jitness" export "$s" -o "$tmp/x.jitness" 2>&1
	cat "$tmp"/x.jitness/*.jnt | sha256sum
}
same() { # same NAME FOLDER
	all_of "$2" >"$tmp/several"
	all_of "$2" taskset -c "$cpu" >"$tmp/one"
	if cmp "$tmp/several" "$tmp/one" >"$tmp/cmp" 2>&1; then ok "$1"; else not_ok "$1" "$(cat "$tmp/cmp")"; fi
}
real=tests/data/real
for s in $real/phases/redacted/{jax_decode,nosync,no_cache} $real/tr120/redacted/A5; do
	same "${s##*/}" "$s.jitness"
done
longest=$(find $real/tr120/redacted/A5.jitness -name '*.jnt' -size +300k | head -n 1)
for damage in cut hole; do
	cp -r $real/tr120/redacted/A5.jitness "$tmp/$damage.jitness"
	file=$tmp/$damage.jitness/${longest##*/}
	case $damage in
	cut) truncate -s 300000 "$file" ;;
	hole) dd if=/dev/zero of="$file" bs=1000 seek=250 count=20 conv=notrunc status=none ;;
	esac
	same $damage "$tmp/$damage.jitness"
done
check "damage is met" "True True" "$(for d in cut hole; do
	field "$tmp/$d.jitness" "any(p['file_truncated'] or p['bad_frames'] for p in r['processes'])"; done | xargs)"
finish
