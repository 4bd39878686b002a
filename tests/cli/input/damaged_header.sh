# Costs what the header says, not the trace.
trace small d/a.jnt
printf '\377' | dd of=d/a.jnt bs=1 seek=20 conv=notrunc status=none
jitness report d | grep -e damaged -e kernel; echo "exit ${PIPESTATUS[0]}"
