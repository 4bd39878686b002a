trace full d/a.jnt
jitness dump --kind module d
jitness dump --kind end --ndjson d/a.jnt
