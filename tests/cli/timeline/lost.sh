# What is missing is said in every view, and no stall is made up.
. "$DATA/episodes.sh"
mkdir d
{ process
work 10 1 1 old_kernel
cubin 100 1 100 k
echo "frame id=5 parent=6 type=1 line=3 where=\"/home/u/a.py\\0f\""
cubin 150 1 101 k2 python=999
echo "lost time=$(ns 200) reason=2 count=12"
echo 'flush 12'; } | mktrace d/a.jnt
child d 70 7,1 50 - ptxas
printf 'S\tgarbage\n' >>d/node1.children
episodes d
jitness timeline d
jitness timeline d --top 1 | sed -n 4,8p
jitness timeline d --json --follow; echo $?
jitness timeline d --top x; echo $?
