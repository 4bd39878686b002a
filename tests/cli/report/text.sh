trace full d/a.jnt
jitness report d
