# Compiles in the second half of the run are churn; --follow of a session that has ended prints lines alone.
. "$DATA/episodes.sh"
mkdir d
{ process
work 1 1 1 old_kernel
for t in 100 1200 1300 1400; do
	echo "load tid=7 start=$(ns $t) end=$(ns $((t + 20))) corr=$t api=1011 handle=$t image=2 source=1 bytes=900"
	echo "jit tid=7 start=$(ns $((t + 1))) end=$(ns $((t + 11))) corr=$t entry=1 op=3 jit_corr=$t on_tid=7"
	echo "module tid=7 time=$(ns $((t + 15))) context=1 module=$t bytes=800 hash=$t image=1 kernels=1 call_api=1011 call_corr=$t"
	echo "module_kernels tid=7 hash=$t first=0 names=\"k$t\\0\""
	work $((t + 30)) 1 $((t + 1)) old_kernel
done
finish 2000; } | mktrace d/a.jnt
jitness timeline d
jitness timeline d --follow
