# No END record: cut off.
trace no_end d/a.jnt
jitness report d; echo "exit $?"
