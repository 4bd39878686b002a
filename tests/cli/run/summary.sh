# One line at the end: sums of END records, and what was cut off counted.
cat >make.sh <<'S'
mktrace "$JITNESS_OUT/a.jnt" <"$DATA/full.txt"
mktrace "$JITNESS_OUT/b.jnt" <"$DATA/no_end.txt"
S
jitness run -o d bash make.sh; echo "exit $?"
jitness run -o e bash -c 'mktrace "$JITNESS_OUT/a.jnt" <"$DATA/no_gpu.txt"'
jitness run -o f bash -c 'mktrace "$JITNESS_OUT/a.jnt" <"$DATA/large.txt"'
[ "$(stat -c %s f/a.jnt)" -gt 8388608 ] || echo "large.txt does not make a large trace"
