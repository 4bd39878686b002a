# A full disk must not look like success.
trace full d/a.jnt
jitness --help >/dev/full; echo "exit $?"
jitness report d >/dev/full; echo "exit $?"
jitness report --json d >/dev/full; echo "exit $?"
jitness dump d >/dev/full; echo "exit $?"
jitness dump --ndjson d >/dev/full; echo "exit $?"
