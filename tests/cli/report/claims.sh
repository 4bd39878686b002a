# What is claimed of a session beside what its trace says: the table, and what came of the same claims about real sessions.
mkdir d
python3 "$DATA/phases.py" | mktrace d/a.jnt
cat >c.json <<'END'
{"label": "gpu-compile",
 "claims": [
   {"claim": "requests are served, one after the other", "expect": ["passes(any)>=100", "kernels>=1000"]},
   {"claim": "each pass is fast, without exception, whatever the prompt", "expect": ["p50(any)<1s", "max(any)<1us", "max(any)<2us"]},
   {"claim": "the slowest per cent is below ten seconds", "expect": "p99(any)<10s"},
   {"claim": "a step never compiles when it mixes prefill and decode", "expect": ["lost==0", "compiles(phase=mixed)==0"]}]}
END
jitness report d --claims c.json | sed -n '/^Claims/,$p'
jitness report d --claims c.json --json | python3 -c '
import json, sys
for c in json.load(sys.stdin)["claims"]:
    print(c["label"], "|", c["claim"], "|", c["status"])
    for e in c["expectations"]:
        print(" ", sorted(e), e["expr"], e["result"], e["decides"], len(e["passes"]))'
# Without --claims there is nothing to say; the status is that of the report.
jitness report d --json | grep -c '"claims"'
jitness report d --claims c.json >out; echo "exit $?"
cp d/a.jnt e.jnt; head -c 100 e.jnt >d/b.jnt
jitness report d --claims c.json >out; echo "exit $?"
sed -n '/^Claims/,$p' out | grep -oE '(supported|not supported|contradicted|undecided)$'

# The audit of what was called compiled.
cat >c.json <<'END'
{"label": "transformers-gpu-compile",
 "claims": [
   {"claim": "prefill runs compiled", "expect": "prefill:compiled"},
   {"claim": "decode runs compiled, inside CUDA graphs", "expect": ["decode:compiled", "decode:graph"]},
   {"claim": "compile churn makes the tail", "expect": ["compiles(after=warmup)>=1", "stall(phase=prefill,after=warmup)>1ms"]},
   {"claim": "prefill and decode share steps", "expect": "mixed:compiled"},
   {"claim": "nothing was lost", "expect": ["lost==0", "truncated==0"]}]}
END
for s in phases/redacted/gpt2_compile phases/redacted/gpt2_eager phases/redacted/gpt2_reduce_overhead churn/compile_default-cold; do
	echo "== $s"
	jitness report "$DATA/../../data/real/$s.jitness" --claims c.json --json | python3 -c '
import json, sys
for c in json.load(sys.stdin)["claims"]:
    print("%s: %s" % (c["claim"], c["status"]))'
done
