# What cannot be asked for.
trace small d/a.jnt
jitness phases; echo "exit $?"
jitness phases d --json --passes; echo "exit $?"
jitness phases d e; echo "exit $?"
jitness phases d --top x; echo "exit $?"
jitness phases absent; echo "exit $?"
