# Level churn: no launches. A pause over a second parts episodes; stalls are not known.
. "$DATA/episodes.sh"
mkdir d
{ process 0
for t in 100 900 2500; do cubin $t 1 $((t + 1)) k; done
finish 4000; } | mktrace d/a.jnt
episodes d
jitness timeline d
