# Two compiled graphs: ptxas in a worker, two candidates, 20 benchmark rounds, then a second graph.
# An ordinary launch runs before, another thread's GPU work overlaps 100 ms of the first stall.
. "$DATA/episodes.sh"
mkdir d
{ process
python 1 0 /home/u/train.py main 12
python 2 1 "$GRAPH_A" '<module>' 90
python 3 2 "$INDUCTOR" load 7
python 4 1 "$GRAPH_B" '<module>' 80
python 5 4 "$INDUCTOR" load 7
work 10 1 1 old_kernel
cubin 1000 1 100 triton_poi_fused_add_0 python=3 source=3 path=$CUBIN
cubin 1002 1 101 triton_poi_fused_add_0 python=3 source=3 path=$CUBIN
for i in {0..19}; do
	work $((1010 + i)) 0.1 $((200 + 2 * i)) at_FillFunctorIiE 7 8192
	work $((1010 + i)).5 0.1 $((201 + 2 * i)) triton_poi_fused_add_0
done
work 1100 1 300 triton_poi_fused_add_0
work 500 100 50 other 8
cubin 2000 1 102 triton_poi_fused_mul_0 python=5 source=3 path=$CUBIN
work 2100 1 400 triton_poi_fused_mul_0
finish 9000; } | mktrace d/a.jnt
child d 50 7,1 5 - worker
child d 51 50,7,1 300 800 ptxas $((4096 + 100))
child d 52 50,7,1 350 900 ptxas $((4096 + 101))
child d 53 50,7,1 100 101 gcc
# While the first graph still waits; by its hash it belongs to the second.
child d 54 50,7,1 950 990 ptxas $((4096 + 102))
episodes d
jitness timeline d
jitness report --json d | python3 -c '
import json, sys
print([(k["name"], k["count"], k["autotune_count"]) for k in json.load(sys.stdin)["kernels"]])'
