# A user's Triton kernel twice from one line, once from another; no ordinary launch between the first two.
. "$DATA/episodes.sh"
mkdir d
{ process
python 1 0 /home/u/a.py f 3
python 2 1 /x/site-packages/triton/runtime/jit.py run 500
python 3 2 /x/site-packages/triton/compiler/compiler.py _init_handles 400
python 4 0 /home/u/a.py g 9
python 5 4 /x/site-packages/triton/compiler/compiler.py _init_handles 400
native 9 0 1 /x/site-packages/triton/cuda_utils.cpython-312-x86_64-linux-gnu.so
work 10 1 1 old_kernel
cubin 100 1 100 addk python=3 native=9
cubin 105 1 101 addk python=3 native=9
work 110 1 300 addk
cubin 120 1 102 mulk python=5 native=9
work 130 1 301 old_kernel
cubin 140 1 103 mulk python=5 native=9
finish 200; } | mktrace d/a.jnt
child d 60 7,1 50 95 ptxas $((4096 + 100))
episodes d
