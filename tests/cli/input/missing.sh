jitness report nowhere; echo "exit $?"
jitness dump nowhere.jnt; echo "exit $?"
