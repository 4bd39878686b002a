jitness run; echo "exit $?"
jitness run -o d; echo "exit $?"
jitness run -o; echo "exit $?"
jitness run -o d --; echo "exit $?"
ls
