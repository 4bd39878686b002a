jitness run -o a nosuchcommand; echo "exit $?"
jitness run -o a ./nosuchcommand; echo "exit $?"
ls
