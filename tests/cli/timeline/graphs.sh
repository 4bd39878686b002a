# Graph recordings: three sizes captured in a row are one episode, one more after an ordinary launch another.
. "$DATA/episodes.sh"
record() { # START GRAPH
	echo "graph tid=7 start=$(ns $1) end=$(ns $(($1 + 5))) corr=$2 api=1037 op=4 nodes=3 kernel_nodes=3 python=1"
	echo "launch tid=7 start=$(ns $(($1 + 2))) end=$(ns $(($1 + 2)).01) corr=$(($2 + 500)) api=1001"
	echo "graph tid=7 start=$(ns $(($1 + 6))) end=$(ns $(($1 + 8))) corr=$(($2 + 100)) api=1030 op=0 graph=$2 nodes=3 kernel_nodes=3 python=1"
}
mkdir d
{ process
python 1 0 /home/u/serve.py warm_up 20
work 10 1 1 old_kernel
record 100 11; record 110 12; record 120 13
work 200 1 2 old_kernel
record 300 14
finish 400; } | mktrace d/a.jnt
episodes d
