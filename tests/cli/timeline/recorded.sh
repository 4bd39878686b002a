# Recorded on an H100 (PyTorch 2.11, torch.compile, before stacks were recorded), reduced to what episodes are made of.
# Dynamo counted four unique graphs in each; the second of the cold run measured library calls before it loaded anything.
for run in cold warm; do
	mkdir $run
	cp "$DATA/inductor_$run.jnt" $run/a.jnt
	jitness timeline --json $run | python3 -c '
import json, sys
c = [c for c in json.load(sys.stdin)["compiles"] if c["origin"] == "inductor"]
print(len(c), [len(e["modules"]) for e in c], [e["autotune"]["kernels"] for e in c])'
done
jitness timeline cold
