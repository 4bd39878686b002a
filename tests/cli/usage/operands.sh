jitness report; echo "exit $?"
jitness report a b; echo "exit $?"
jitness doctor x; echo "exit $?"
