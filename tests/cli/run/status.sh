# The command's own status, output and streams.
jitness run -o a sh -c 'cat; echo to stderr >&2; exit 7' <<<"through stdin"; echo "exit $?"
jitness run -o b -- true; echo "exit $?"
jitness run -o c -- sh -c 'exit 125'; echo "exit $?"
cat a/session.ndjson | sed 's/"pid":[0-9]*/"pid":N/'
