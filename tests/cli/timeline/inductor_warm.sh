# The same with a warm cache: compilers were watched, none ran.
. "$DATA/episodes.sh"
mkdir d
{ process
python 1 0 /home/u/train.py main 12
python 2 1 "$GRAPH_A" '<module>' 90
python 3 2 "$INDUCTOR" load 7
python 4 1 "$GRAPH_B" '<module>' 80
work 10 1 1 old_kernel
cubin 1000 1 100 triton_poi_fused_add_0 python=3 source=3 path=$CUBIN
work 1002 1 300 triton_poi_fused_add_0
work 1003 1 301 old_kernel
cubin 1010 1 101 triton_poi_fused_add_1 python=3 source=3 path=$CUBIN
cubin 1020 1 102 triton_poi_fused_mul_0 python=4 source=3 path=$CUBIN
finish 9000; } | mktrace d/a.jnt
episodes d
