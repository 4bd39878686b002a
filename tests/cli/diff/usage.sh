jitness diff
echo "exit $?"
jitness diff a
echo "exit $?"
jitness diff a b c
echo "exit $?"
jitness diff a b --top x
echo "exit $?"
jitness diff a b --seed -1
echo "exit $?"
jitness diff a b --expect 'median(decode) ratio'
echo "exit $?"
jitness diff --help | head -n 1
