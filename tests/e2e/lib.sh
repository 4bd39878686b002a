# lib.sh: sourced by the end-to-end tests. The whole tracer, through the driver's own
# injection path, on the simulated device.
cd "$(dirname "${BASH_SOURCE[0]}")/../.." || exit 1
variant=${VARIANT:-release}
B=$PWD/build/$variant
if [ "$variant" = release ]; then sim=$PWD/build/sim host=$PWD/build/host
else sim=$PWD/build/sim-$variant host=$PWD/build/host-$variant; fi
jitness=$PWD/build/release/jitness # the decoder: always the release one
tmp=$(mktemp -d "${TMPDIR:-/tmp}/jitness-e2e.XXXXXX")
trap 'rm -rf "$tmp"' EXIT
failed=0
unset JITNESS_OUT JITNESS_LEVEL JITNESS_LOG JITNESS_CUPTI CUDA_INJECTION64_PATH NVTX_INJECTION64_PATH LD_PRELOAD

# The simulated device is on the library path of traced programs only.
simulated() { env LD_LIBRARY_PATH="$sim${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}" CUDA_CACHE_PATH="$tmp/cache" "$@"; }
# traced DIR [NAME=VALUE...] COMMAND...: by preload alone, as without the launcher.
traced() {
	local dir=$1; shift
	simulated LD_PRELOAD="$B/libjitness.so${PRELOAD_MORE:+:$PRELOAD_MORE}" JITNESS_OUT="$dir" "$@"
}
ok() { echo "ok $1"; }
not_ok() { echo "not ok $1: $2"; failed=1; }
check() { # NAME EXPECTED GOT
	if [ "$2" = "$3" ]; then ok "$1"; else not_ok "$1" "expected '$2', got '$3'"; fi
}
# field DIR PYTHON-EXPRESSION over r, the report (and p, its only or first process)
field() {
	"$jitness" report --json "$1" 2>"$tmp/report.err" | python3 -c "
import json, sys
r = json.load(sys.stdin)
p = r['processes'][0] if r['processes'] else None
print($2)" 2>&1 || cat "$tmp/report.err"
}
finish() { exit $failed; }
