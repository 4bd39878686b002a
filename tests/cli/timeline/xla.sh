# XLA's worker threads have no Python stack: their loads belong to the episode that ends next on the
# thread that has one. Who compiled cannot be seen; what was loaded before is known.
. "$DATA/episodes.sh"
mkdir d
{ process
python 1 0 /home/u/m.py step 4
python 2 1 /x/site-packages/jax/_src/compiler.py compile 2
native 9 0 1 /x/jax_plugins/xla_cuda13/xla_cuda_plugin.so
for i in 1 2 3; do cubin $((100 + i * 10)) 1 $((100 + i)) gemm_fusion_dot tid=2$i native=9; done
cubin 200 1 110 gemm_fusion_dot native=9 python=2
work 210 1 1 gemm_fusion_dot
work 220 1 2 gemm_fusion_dot
cubin 300 1 120 loop_add_fusion native=9 python=2
finish 400; } | mktrace d/a.jnt
episodes d
jitness timeline d | grep note:
