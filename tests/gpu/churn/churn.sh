#!/bin/bash
# churn.sh [matrix|cost|stress|ROW]...: who compiled what, on a real GPU, against what the programs know of themselves.
#
# Runs on the machine with the GPU, from any directory. Needs nvcc, gcc, python3 with PyTorch, Triton, JAX and CuPy,
# and build/release/{jitness,libjitness.so}; build/carry/ holds libraries that only the jitness command needs.
# Prints tables; sessions and logs go to $OUT. SECONDS_MAX (540) stops new runs; JOBS (6) run at once; STRESS (60) seconds.
# LEVEL=churn: the matrix at that level, without CUPTI; how PTX was made may then be unknown.
# Exit status: 0 when every line is ok, 1 when one is not, 77 without a GPU.
set -u
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../../.." && pwd)
export PATH=$PATH:/usr/local/cuda/bin LD_LIBRARY_PATH=$root/build/carry${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}
gpu=$(nvidia-smi --query-gpu=name,driver_version --format=csv,noheader 2>/dev/null | head -1)
[ -n "$gpu" ] || { echo "nvidia-smi finds no GPU: run this on a machine with one"; exit 77; }
work=$(mktemp -d "${TMPDIR:-/tmp}/jitness-churn.XXXXXX")
out=${OUT:-$work/out}
mkdir -p "$out" "$work/bin" "$work/logs" "$work/sessions"
trap '[ -n "${KEEP:-}" ] || { cd /; rm -rf "$work"; }' EXIT
arch=$(nvidia-smi --query-gpu=compute_cap --format=csv,noheader | head -1 | tr -d .)

find_dir() { # find_dir FILE: a directory that holds it
	local d
	for d in /usr/local/cuda/{include,lib64} $(python3 - <<'PY'
import glob, sys
for p in sys.path:
    print(*glob.glob(p + "/nvidia/cu1*/include"), *glob.glob(p + "/nvidia/cu1*/lib"), *glob.glob(p + "/nvidia/*/lib"))
PY
	); do
		[ -e "$d/$1" ] && { echo "$d"; return; }
	done
}
nvcc -arch="sm_$arch" -ptx -o "$work/bin/c_kernel.ptx" "$here/c_kernel.cu" &&
	nvcc -arch="sm_$arch" -cubin -o "$work/bin/c_kernel.cubin" "$here/c_kernel.cu" || exit 1
nvrtc=$(find_dir libnvrtc.so.13)
gcc -O2 -DARCH="\"$arch\"" -I"$(find_dir cuda.h)" -I"$(find_dir nvrtc.h)" -o "$work/bin/c_loads" "$here/c_loads.c" \
	-L"$nvrtc" -l:libnvrtc.so.13 -Wl,-rpath,"$nvrtc" -l:libcuda.so.1 || exit 1
PYTHONUNBUFFERED=1 python3 "$here/matrix.py" --root "$root" --work "$work" --gpu "$gpu" --arch "$arch" --jobs "${JOBS:-6}" \
	--seconds "${SECONDS_MAX:-540}" --stress "${STRESS:-60}" "$@" | tee "$out/churn.txt"
status=${PIPESTATUS[0]}
mkdir -p "$work/json" "$work/redacted"
for s in "$work"/sessions/*.jitness; do
	n=$(basename "$s" .jitness)
	case $n in cost-*|stress*) continue ;; esac
	"$root/build/release/jitness" report --json "$s" >"$work/json/$n.json" 2>/dev/null
	"$root/build/release/jitness" timeline "$s" >"$work/json/$n.timeline" 2>&1
	"$root/build/release/jitness" export --redact "$s" -o "$work/redacted/$n.jitness" >/dev/null 2>&1
done
tar -C "$work" -czf "$out/sessions.tar.gz" --exclude='*.jnj' $(cd "$work"; ls -d redacted/*.jitness 2>/dev/null) json logs 2>/dev/null
ls -la "$out"
exit "$status"
