#!/bin/bash
# table.sh [all|counts|memory|lifetimes|fixtures]...: what jitness records on a real GPU, against independent counts.
#
# Runs on the machine with the GPU, from any directory. Needs nvcc, gcc, python3 with PyTorch, JAX and CuPy, and
# build/release/{jitness,libjitness.so}; build/carry/ holds libraries that only the jitness command needs.
# Prints compact tables; everything else goes to $OUT (or a temporary directory): logs.tar.gz, fixtures.tar, table.txt.
# SECONDS_MAX (default 480) stops new runs; JOBS (default 6) is how many programs run at once.
# Exit status: 0 when every line is ok, 1 when one is not, 77 without a GPU.
set -u
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
export PATH=$PATH:/usr/local/cuda/bin
work=$(mktemp -d "${TMPDIR:-/tmp}/jitness-gpu.XXXXXX")
out=${OUT:-$work/out}
mkdir -p "$out" "$work/bin" "$work/logs"
export CUDA_CACHE_PATH=$work/cuda-cache CUPY_CACHE_DIR=$work/cupy TRITON_CACHE_DIR=$work/triton
trap '[ -n "${KEEP:-}" ] || { cd /; rm -rf "$work"; }' EXIT

nvidia-smi --query-gpu=name,driver_version --format=csv,noheader 2>/dev/null | head -1 >"$work/gpu"
[ -s "$work/gpu" ] || [ -n "${FAKE_GPU:-}" ] || { echo "nvidia-smi finds no GPU: run this on a machine with one"; exit 77; }

find_dir() { # find_dir FILE: a directory that holds it, the toolkit's before Python packages'
	local d
	for d in /usr/local/cuda/{include,extras/CUPTI/include,lib64,lib,extras/CUPTI/lib64} $(python3 - <<'PY'
import glob, sys
for p in sys.path:
    print(*glob.glob(p + "/nvidia/cu1*/include"), *glob.glob(p + "/nvidia/cu1*/lib"),
          *glob.glob(p + "/nvidia/*/include"), *glob.glob(p + "/nvidia/*/lib"))
PY
	); do
		[ -e "$d/$1" ] && { echo "$d"; return; }
	done
}

build() { # build NAME COMMAND...: a failure is told and costs the rows that need it
	local name=$1
	shift
	"$@" >"$work/logs/build-$name.log" 2>&1 || { echo "build of $name failed:"; tail -3 "$work/logs/build-$name.log"; }
}
arch=$(nvidia-smi --query-gpu=compute_cap --format=csv,noheader 2>/dev/null | head -1 | tr -d .)
arch=${arch:-90}
build cuda_static nvcc -O2 -std=c++17 -gencode "arch=compute_$arch,code=sm_$arch" -cudart static \
	-o "$work/bin/cuda_static" "$here/cuda_static.cu" -lpthread &
build cuda_ptx nvcc -O2 -std=c++17 -gencode "arch=compute_$arch,code=compute_$arch" -cudart static \
	-o "$work/bin/cuda_ptx" "$here/cuda_static.cu" -lpthread &
build libcount gcc -O2 -fPIC -shared -I"$(find_dir cupti.h)" -I"$(find_dir cuda.h)" \
	-o "$work/bin/libcount.so" "$here/count_inject.c" -ldl -lpthread &
wait
cupti=$(find_dir libcupti.so.13)
export COUNT_CUPTI=${cupti:+$cupti/libcupti.so.13}

[ $# -gt 0 ] || set -- all
PYTHONUNBUFFERED=1 python3 "$here/table.py" --root "$root" --work "$work" --out "$out" \
	--gpu "$(cat "$work/gpu")" --jobs "${JOBS:-6}" --seconds "${SECONDS_MAX:-480}" "$@" | tee "$out/table.txt"
status=${PIPESTATUS[0]}
tar -C "$work" -czf "$out/logs.tar.gz" logs
# What comes back from the device machine is limited; reports can be made again from the traces.
[ "$(stat -c %s "$out/logs.tar.gz")" -lt 15000000 ] ||
	tar -C "$work" -czf "$out/logs.tar.gz" --exclude='logs/report-*.out' logs
exit "$status"
