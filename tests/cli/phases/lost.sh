# Lost records are said first.
mkdir d
python3 "$DATA/phases.py" lost | mktrace d/a.jnt
jitness phases d | sed -n 2p
jitness phases d | grep 'lost 5'
