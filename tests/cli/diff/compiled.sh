# GPT-2 on an H100, compiled and then eager: told first, the decode steps matched although they share few kernels.
real=$DATA/../../data/real/phases/redacted
jitness diff "$real/gpt2_compile.jitness" "$real/gpt2_eager.jitness" --json | python3 -c '
import json, sys
d = json.load(sys.stdin)
print(d["verdict"], d["findings"][0]["severity"], d["findings"][0]["text"].split(": ")[-1])
r = max(d["rows"], key=lambda r: r["a"]["n"])
print(r["name"], r["matched_by"], r["a"]["verdict"], r["b"]["verdict"], r["latency"]["verdict"], r["gpu_busy"]["verdict"])
low, high = r["latency"]["median"]["ci"]
print(4 < low < 4.445 < high < 6)
k = {x["name"]: x for x in r["origins"]}
print(k["inductor"]["a_launches"] > 20, k["inductor"]["b_launches"], k["torch"]["b_launches"] > 100)
print(d["a"]["compiles"]["compiled"] > 0, d["b"]["compiles"]["compiled"])'
jitness diff "$real/gpt2_eager.jitness" "$real/gpt2_compile.jitness" | grep -E '^(faster|slower|no diff|bad)' | cut -d: -f1
# What is expected of a ratio is decided by its interval; other expectations are about B.
check() {
	jitness diff "$real/gpt2_compile.jitness" "$real/gpt2_eager.jitness" "$@" >out
	code=$?
	grep -oE '^(holds|fails|undecided) +[^:]*(: *ratio)?' out | tr -s ' '
	echo "exit $code"
}
check --expect 'median(decode) ratio < 1.05'
check --expect 'median(decode) ratio > 1.05' --expect 'p95(decode) ratio > 2'
check --expect 'median(decode) ratio < 4.445'
check --expect 'median(decode) ratio < 4.445' --strict
check --expect 'max(decode) ratio < 9'
check --expect 'decode:compiled'
check --expect 'decode:eager' --expect 'lost == 0'
