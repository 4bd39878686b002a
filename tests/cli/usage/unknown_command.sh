jitness reprot; echo "exit $?"
jitness frobnicate; echo "exit $?"
