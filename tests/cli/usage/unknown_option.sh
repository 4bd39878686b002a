jitness report --jsno d; echo "exit $?"
jitness dump --xyzzy d; echo "exit $?"
jitness report -q d; echo "exit $?"
jitness run --levle node true; echo "exit $?"
