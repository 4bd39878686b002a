# Without --redact nothing changes.
trace full d/a.jnt
trace odd d/b.jnt
jitness export d -o e; echo "exit $?"
ls e
jitness dump --ndjson d >1; jitness dump --ndjson e >2; cmp 1 2
jitness export d -o e; echo "exit $?"
