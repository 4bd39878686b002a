#!/bin/bash
# probe.sh: builds and runs the probe on the machine with the GPU; facts to stdout and $OUT/probe.txt.
# `probe.sh build` only compiles.
set -u
cd "$(dirname "$0")" || exit 1
bin=${PROBE_BIN:-$(mktemp -d /tmp/probe.XXXXXX)}
export CUDA_CACHE_PATH=$bin/cache PATH=$PATH:/usr/local/cuda/bin

newest() { # newest FILE-NAME: directories that hold it, toolkit first, then Python packages
	for d in /usr/local/cuda/{include,extras/CUPTI/include,lib64,lib,extras/CUPTI/lib64} \
		$(python3 -c 'import sys,glob
for p in sys.path:
    print(*glob.glob(p+"/nvidia/cu*/include"), *glob.glob(p+"/nvidia/cu*/lib"), *glob.glob(p+"/nvidia/cuda_cupti/*"), *glob.glob(p+"/nvidia/*/include"))'); do
		[ -e "$d/$1" ] && { echo "$d"; return; }
	done
}
inc=$(newest cupti.h) cuinc=$(newest cuda.h) lib=$(newest libcupti.so.13)
echo "fact: cupti.h in '$inc', cuda.h in '$cuinc', libcupti.so.13 in '$lib'"
gcc -O2 -Wall -fPIC -shared -I"$inc" -I"$cuinc" -o "$bin/libprobe.so" probe.c -ldl -lpthread || exit 1
arch=${PROBE_ARCH:-sm_90}
nvcc -O2 -std=c++17 -Wno-deprecated-gpu-targets -arch="$arch" -cudart static -o "$bin/probe" probe.cu -lpthread -ldl || exit 1
[ "${1:-}" = build ] && { echo "built $bin/probe"; exit 0; }

out=${OUT:-$bin}/probe.txt
one() { # one KINDS SCENARIO [SECONDS ARG]
	local kinds=$1; shift
	echo "fact: ==== $* (activity kinds: ${kinds:-none})"
	PROBE_KINDS=$kinds CUDA_INJECTION64_PATH=$bin/libprobe.so PROBE_CUPTI=${lib:+$lib/libcupti.so.13} \
		timeout -k 5 60 "$bin/probe" "$@" 2>&1
	local rc=$?
	[ $rc = 0 ] || echo "fact: $1: exit status $rc"
}
{
	nvidia-smi --query-gpu=name,driver_version --format=csv,noheader 2>&1
	PROBE_VERBOSE=1 one 10,1,2 attrs
	one 10,1,2 nest
	one 10,1,2,51 graph
	one 10,1,2 graph
	one 10,1,2,51 modules
	one 10,1,2,51 modulesq
	one 10,1,2 flush 25
	one 10,1,2 buffers 25 0
	one 10,1,2 buffers 25 50
	one "" cost 40
	one 10,1,2 cost 40
	one 10,1,2,51 graphres
} 2>&1 | tee "$out"
