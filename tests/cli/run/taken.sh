# A directory that holds a session is not written to.
trace small d/a.jnt
jitness run -o d sh -c 'echo must not run'; echo "exit $?"
mkdir e && touch e/x.jnj
jitness run -o e sh -c 'echo must not run'; echo "exit $?"
mkdir f && jitness run -o f sh -c 'echo an empty one is used'; echo "exit $?"
