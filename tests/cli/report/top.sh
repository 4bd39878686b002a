trace full d/a.jnt
jitness report d --top 1 | tail -n 13
jitness report d --top 0 >/dev/null
