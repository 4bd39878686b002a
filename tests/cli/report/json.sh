trace full d/a.jnt
jitness report --json d
