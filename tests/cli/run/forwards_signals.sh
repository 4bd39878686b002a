# A signal sent to us alone reaches the command, and we wait for what it makes of it. Under nohup HUP is ignored,
# which a shell could not undo.
for s in TERM HUP USR1 USR2; do
	env --default-signal=$s jitness run -o d$s -- bash -c "trap 'echo got $s; exit 5' $s; echo ready >ready; while :; do sleep 0.02; done" &
	while [ ! -e ready ]; do sleep 0.02; done
	kill -$s $!
	wait $!
	echo "$s: exit $?"
	rm ready
done 2>/dev/null
