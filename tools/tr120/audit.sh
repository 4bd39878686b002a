#!/bin/bash
# audit.sh [VARIANT]...: the audit of TR120: programs that are called compiled, recorded on a GPU, and how they really ran.
#
# Runs on the machine with the GPU, from any directory. Needs python3 with PyTorch and transformers, and
# build/release/{jitness,libjitness.so}; build/carry/ holds libraries that only the jitness command needs.
# VARIANT: a name of `runner.py --list`, L1 (A2) or L2 (A3); all without one. A9 runs A4 first and uses its caches.
# Prints a line for each run, then the table (table.py); $OUT gets both, and sessions-N.tar.gz: redacted/, truth/, logs/.
# REPS (30) of each prompt in prefill; DECODE_REPS (3), TR120 has 30: each adds 2.5 s and 0.5 MB to a session;
# TOKENS (64) to decode; MODEL (tiny) or gpt2 (with LIMIT=300); JOBS (3) run at once; SECONDS_MAX (370) ends what still runs then;
# LIMIT (170) seconds for one run; PACK_LIMIT (40000000) bytes.
# Exit status: 0 when the table is all ok, 1 when a line differs, 2 for a wrong name, 77 without a GPU.
set -u
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
export PATH=$PATH:/usr/local/cuda/bin LD_LIBRARY_PATH=$root/build/carry${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}
gpu=$(nvidia-smi --query-gpu=name,driver_version --format=csv,noheader 2>/dev/null | head -1)
[ -n "$gpu" ] || [ -n "${FAKE_GPU:-}" ] || { echo "nvidia-smi finds no GPU: run this on a machine with one"; exit 77; }
# The slowest first: they decide when the last one ends.
plan=(A4+A9 L3 A8s A5 A7 A6t A8 A6 L6 L4 A2 A3 E A1 L5 N1 N2)
read -ra all <<<"${plan[*]//+/ }"
names=() jobs=()
[ $# -gt 0 ] || set -- "${all[@]}"
for v in "$@"; do
	case $v in L1) v=A2 ;; L2) v=A3 ;; esac
	[[ " ${all[*]} " == *" $v "* ]] || { echo "audit.sh: no variant '$v'; there are: ${all[*]} L1 L2" >&2; exit 2; }
	names+=("$v")
done
has() { [[ " ${names[*]} " == *" $1 "* ]]; }
for j in "${plan[@]}"; do
	if [ "$j" = A4+A9 ] && ! has A9; then j=A4; fi
	! has "${j#*+}" || jobs+=("$j")
done

work=$(mktemp -d "${TMPDIR:-/tmp}/jitness-tr120.XXXXXX")
out=${OUT:-$work/out}
mkdir -p "$out" "$work"/{sessions,redacted,truth,logs,cache}
trap '[ -n "${KEEP:-}" ] || { cd /; rm -rf "$work"; }' EXIT
unset OUT CUDA_INJECTION64_PATH LD_PRELOAD ${!JITNESS_*}
export here root work MODEL=${MODEL:-tiny} REPS=${REPS:-30} DECODE_REPS=${DECODE_REPS:-3} TOKENS=${TOKENS:-64} LIMIT=${LIMIT:-170}
export deadline=$(($(date +%s) + ${SECONDS_MAX:-370}))
export HF_HUB_OFFLINE=1 TRANSFORMERS_OFFLINE=1 TORCHINDUCTOR_COMPILE_THREADS=4 OMP_NUM_THREADS=4 PYTHONUNBUFFERED=1

one() { # one VARIANT [CACHE]
	local v=$1 cache=$work/cache/${2:-$1} left=$((deadline - $(date +%s))) start=$SECONDS rc
	[ "$left" -lt "$LIMIT" ] || left=$LIMIT
	if [ "$left" -lt 15 ]; then printf '%-4s no time left\n' "$v"; return; fi
	mkdir -p "$cache"
	HOME=$cache TORCHINDUCTOR_CACHE_DIR=$cache/inductor TRITON_CACHE_DIR=$cache/triton CUDA_CACHE_PATH=$cache/cuda \
		TR120_TRUTH=$work/truth/$v.json timeout -k 5 "$left" \
		"$root/build/release/jitness" run --level graph -o "$work/sessions/$v.jitness" -- \
		python3 "$here/runner.py" "$v" --model "$MODEL" --reps "$REPS" --decode-reps "$DECODE_REPS" --tokens "$TOKENS" \
		--decode-warmups $((DECODE_REPS < 3 ? 1 : DECODE_REPS < 10 ? 2 : 3)) \
		</dev/null >"$work/logs/$v.out" 2>"$work/logs/$v.err"
	rc=$?
	start=$((SECONDS - start))
	timeout 60 "$root/build/release/jitness" export --redact "$work/sessions/$v.jitness" -o "$work/redacted/$v.jitness" \
		>/dev/null 2>"$work/logs/$v.export"
	printf '%-4s status %-3s %4d s  %6s KB  %s\n' "$v" "$rc" "$start" \
		"$(du -sk "$work/redacted/$v.jitness" 2>/dev/null | cut -f1)" "$(grep '^jitness: ' "$work/logs/$v.err" | tail -1 | sed "s|$work/||g")"
	[ "$rc" = 0 ] || tail -n 4 "$work/logs/$v.err" | cut -c1-200 | sed 's/^/    /'
}
job() {
	case $1 in A4+A9) one A4; one A9 A4 ;; *) one "$1" ;; esac
}
export -f one job

pack() { # small ones first, in archives of at most 14 MB; what goes over the limit is left out
	local limit=${PACK_LIMIT:-40000000} total=0 size=0 n=1 bytes name files=(truth logs)
	while read -r bytes name; do
		if [ $((total + bytes)) -gt "$limit" ] || [ "$bytes" -gt 14000000 ]; then
			echo "left out: $name ($((bytes / 1000)) KB)"
			continue
		fi
		if [ $((size + bytes)) -gt 14000000 ]; then
			tar -C "$work" -czf "$out/sessions-$n.tar.gz" "${files[@]}"
			n=$((n + 1)) size=0 files=()
		fi
		files+=("$name") size=$((size + bytes)) total=$((total + bytes))
	done < <(cd "$work" && du -sb redacted/*.jitness 2>/dev/null | sort -n)
	[ ${#files[@]} = 0 ] || tar -C "$work" -czf "$out/sessions-$n.tar.gz" "${files[@]}"
}

{
	echo "GPU: $gpu; model $MODEL, $REPS repetitions in prefill, $DECODE_REPS in decode"
	printf '%s\n' "${jobs[@]}" | xargs -n 1 -P "${JOBS:-3}" bash -c 'job "$1"' job
} | tee "$out/table.txt"
find "$work/logs" -size 0 -delete
python3 "$here/table.py" --jitness "$root/build/release/jitness" --want "$(echo "${jobs[*]//+/ }")" "$work" | tee -a "$out/table.txt"
status=${PIPESTATUS[0]}
pack | tee -a "$out/table.txt"
ls -la "$out"
exit "$status"
