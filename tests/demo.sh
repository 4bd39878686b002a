#!/bin/bash
# The main job in one command: trace an inference-like program (tests/host/infer.c: prefill,
# decode, a CUDA graph, modules compiled by the driver) and print its compiles and the report.
set -eu
cd "$(dirname "$0")/.."
out=build/demo.jitness
rm -rf "$out"

real_gpu() {
	[ -e /dev/nvidiactl ] && command -v nvidia-smi >/dev/null && nvidia-smi -L 2>/dev/null | grep -q '^GPU'
}
if real_gpu; then
	echo "demo: running on $(nvidia-smi --query-gpu=name --format=csv,noheader | head -1)"
else
	echo "demo: no GPU here, running on the simulated device (its times mean nothing)"
	export LD_LIBRARY_PATH=$PWD/build/sim${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}
	export CUDA_CACHE_PATH=$PWD/build/demo-cache
fi
echo "demo: ./jitness run -o $out -- build/host/infer"
./jitness run -o "$out" -- build/host/infer
echo "demo: ./jitness timeline $out"
./jitness timeline "$out"
echo "demo: ./jitness report $out"
./jitness report "$out"
