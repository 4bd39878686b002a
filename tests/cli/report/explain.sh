trace origins d/a.jnt
jitness report d --explain 7:23 | grep -v '  *[a-z-]*: [A-Za-z ]*: no match$'
jitness report d --explain 25 | tail -3
jitness report d --explain 'cutlass::Kernel2' | head -1
jitness report d --explain 99; echo "exit $?"
jitness report d --explain 8:23; echo "exit $?"
jitness report d --explain nothing_like_it; echo "exit $?"
jitness report d --explain 23 --json; echo "exit $?"
mktrace d/b.jnt < <(sed 's/^pid 7/pid 8/; s/ pid=7/ pid=8/' "$DATA/origins.txt")
jitness report d --explain 23; echo "exit $?"
jitness report d --explain 8:23 | head -1
jitness report d --top 1 --explain mine | grep -c '^Module'
