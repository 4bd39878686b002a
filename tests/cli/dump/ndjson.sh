trace full d/a.jnt
trace odd d/b.jnt
jitness dump --ndjson d
