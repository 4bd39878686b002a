trace small d/a.jnt
chmod 000 d/a.jnt
as_nobody jitness report d; echo "exit $?"
as_nobody jitness dump d/a.jnt; echo "exit $?"
