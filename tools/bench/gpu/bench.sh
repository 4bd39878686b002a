#!/bin/bash
# bench.sh [OPTION OF bench.py]...: what tracers cost on this machine's GPU; `make bench-gpu`. Needs nvcc, python3 with PyTorch and
# JAX for the rows that use them, and build/release/{jitness,libjitness.so}; build/carry/ holds libraries that only jitness needs.
# $OUT gets bench.txt and samples.json.gz. Exit status: 77 without a GPU.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../../.." && pwd)
export PATH=$PATH:/usr/local/cuda/bin LD_LIBRARY_PATH=$root/build/carry${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}
gpu=$(nvidia-smi --query-gpu=name,driver_version --format=csv,noheader 2>/dev/null | head -1)
[ -n "$gpu" ] || { echo "nvidia-smi finds no GPU: run this on a machine with one"; exit 77; }
work=$(mktemp -d "${TMPDIR:-/tmp}/jitness-bench.XXXXXX")
trap 'cd /; rm -rf "$work"' EXIT
out=${OUT:-$work}
newest() { # newest FILE: the directory that holds it, of the toolkit or of a Python package
	for d in /usr/local/cuda/{include,extras/CUPTI/include,lib64,extras/CUPTI/lib64} \
		$(python3 -c 'import sys,glob
for p in sys.path:
    print(*glob.glob(p+"/nvidia/cu*/include"), *glob.glob(p+"/nvidia/cu*/lib"), *glob.glob(p+"/nvidia/cuda_cupti/*"))'); do
		[ -e "$d/$1" ] && { echo "$d"; return; }
	done
}
arch=sm_$(nvidia-smi --query-gpu=compute_cap --format=csv,noheader | head -1 | tr -d .)
lib=$(newest libcupti.so.13 || true)
gcc -std=gnu11 -O2 -fPIC -shared -iquote "$root" -I"$(newest cupti.h)" -I"$(newest cuda.h)" -o "$work/libfloor.so" "$here/floor.c" \
	"$root/cupti/calls.c" "$lib"/libcupti.so.13 -Wl,-rpath,"$lib" -lpthread
gcc -std=gnu11 -O2 -o "$work/where" "$here/where.c"
nvcc -O2 -std=c++17 -arch="$arch" -cudart static -o "$work/loops" "$here/loops.cu" -lcuda -lpthread &
nvcc -arch="$arch" -cubin -o "$work/storm.cubin" "$here/storm.cu" &
wait
echo "$gpu, $(nproc) cores" | tee "$out/bench.txt"
PYTHONUNBUFFERED=1 python3 "$here/bench.py" --bin "$work" --work "$work" --json "$work/samples.json" "$@" 2>&1 | tee -a "$out/bench.txt"
[ "$out" = "$work" ] || gzip -c "$work/samples.json" >"$out/samples.json.gz"
