# What can be read is shown, and the exit status says that it is not all.
trace small d/a.jnt
echo "this is not a trace, and long enough to have a header" >d/b.jnt
jitness report d; echo "exit $?"
