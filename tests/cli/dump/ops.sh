# Launches with what ran, in order; the orphan (corr 31) and the failed launch (corr 32) are not there.
trace full d/a.jnt
trace no_gpu d/b.jnt
jitness dump --ops d
jitness dump --ops --ndjson d
jitness dump --ops --kind kernel d
