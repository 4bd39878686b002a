for s in 1 2 6 9 15; do
	env --default-signal=HUP jitness run -o d$s -- sh -c "kill -$s \$\$" 2>err$s; echo "signal $s: exit $?"
done
sed 's/"pid":[0-9]*/"pid":N/' d9/session.ndjson
