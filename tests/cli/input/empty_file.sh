# A process that was killed before it wrote a header: alone an error, among others a count.
mkdir d && : >d/a.jnt
jitness report d; echo "exit $?"
trace small d/b.jnt
jitness report d | head -3; echo "exit ${PIPESTATUS[0]}"
