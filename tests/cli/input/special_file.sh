mkfifo p
jitness report p; echo "exit $?"
jitness report /dev/null; echo "exit $?"
