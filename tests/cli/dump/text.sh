trace full d/a.jnt
jitness dump d
