trace small d/a.jnt
chmod 000 d
as_nobody jitness report d; echo "exit $?"
chmod 700 d
