# The votes of a label; a name that is none.
mkdir d
python3 "$DATA/phases.py" | mktrace d/a.jnt
jitness phases d --explain | grep -c 'runs of like passes'
jitness phases d --explain s2 | head -1 | grep -o '400 passes of 14 kernels'
jitness phases --explain unheard-of d; echo "exit $?"
jitness phases d --explain unheard-of; echo "exit $?"
