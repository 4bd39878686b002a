touch file
jitness run -o a ./file; echo "exit $?"
jitness run -o a /etc; echo "exit $?"
