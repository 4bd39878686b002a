# Two threads at once: each has its own episodes, and launches of one do not part those of the other. The
# GPU works for thread 8 for half of the time in which thread 7 is held.
. "$DATA/episodes.sh"
mkdir d
{ process
python 1 0 /home/u/a.py seven 1
python 2 0 /home/u/a.py eight 2
work 10 1 1 old_kernel; work 10.5 1 2 old_kernel 8
cubin 100 1 100 k7 python=1
work 110 45 5 old_kernel 8
cubin 150 1 101 k7b python=1
cubin 160 1 102 k8 python=2 tid=8
cubin 199 1 103 k7c python=1
work 210 1 6 k7
finish 400; } | mktrace d/a.jnt
episodes d
