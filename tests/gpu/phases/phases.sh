#!/bin/bash
# phases.sh [ROW]...: inference programs on a real GPU, recorded, with the truth about their passes from inside.
#
# Runs on the machine with the GPU, from any directory. Needs python3 with PyTorch, transformers and JAX, and
# build/release/{jitness,libjitness.so}; build/carry/ holds libraries that only the jitness command needs.
# Prints a line for each row of work.py, then how well its passes were found (tests/phases/judge.py); $OUT gets that table and sessions.tar.gz: redacted/ROW.jitness, truth/ROW.json, logs/.
# SECONDS_MAX (480) ends what still runs then; JOBS (6) run at once; SCALE (1) shortens every row; PACK_LIMIT (40000000) bytes.
# Exit status: 0 when every line is ok, 1 when one is not, 77 without a GPU.
set -u
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../../.." && pwd)
export PATH=$PATH:/usr/local/cuda/bin LD_LIBRARY_PATH=$root/build/carry${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}
gpu=$(nvidia-smi --query-gpu=name,driver_version --format=csv,noheader 2>/dev/null | head -1)
[ -n "$gpu" ] || [ -n "${FAKE_GPU:-}" ] || { echo "nvidia-smi finds no GPU: run this on a machine with one"; exit 77; }
work=$(mktemp -d "${TMPDIR:-/tmp}/jitness-phases.XXXXXX")
out=${OUT:-$work/out}
mkdir -p "$out" "$work/redacted"
trap '[ -n "${KEEP:-}" ] || { cd /; rm -rf "$work"; }' EXIT

PYTHONUNBUFFERED=1 python3 "$here/record.py" --root "$root" --work "$work" --gpu "$gpu" --jobs "${JOBS:-6}" \
	--seconds "${SECONDS_MAX:-480}" --scale "${SCALE:-1}" "$@" | tee "$out/phases.txt"
status=${PIPESTATUS[0]}
export_one() {
	timeout 60 "$1/build/release/jitness" export --redact "$3" -o "$2/redacted/${3##*/}" >/dev/null 2>"$2/logs/export-${3##*/}.err" ||
		echo "export of ${3##*/} failed: $(tail -1 "$2/logs/export-${3##*/}.err")"
}
export -f export_one
find "$work/sessions" -mindepth 1 -maxdepth 1 -name '*.jitness' -print0 2>/dev/null |
	xargs -0 -r -n 1 -P 6 bash -c 'export_one "$@"' export_one "$root" "$work"
python3 "$root/tests/phases/judge.py" --jitness "$root/build/release/jitness" "$work" | tee -a "$out/phases.txt"
find "$work/logs" -size 0 -delete 2>/dev/null
python3 "$here/record.py" --pack --work "$work" --out "$out" --pack-limit "${PACK_LIMIT:-40000000}" | tee -a "$out/phases.txt"
ls -la "$out"
exit "$status"
