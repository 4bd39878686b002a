trace newer d/a.jnt
jitness report d; echo "exit $?"
jitness dump d/a.jnt; echo "exit $?"
