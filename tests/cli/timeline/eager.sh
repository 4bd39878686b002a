# Eager PyTorch: fatbins of its library, loaded lazily; nothing is compiled. And a session without any code.
. "$DATA/episodes.sh"
mkdir d e
{ process
for i in 1 2 3; do
	t=$((i * 100)); [ $i = 3 ] && t=2000
	echo "load tid=7 start=$(ns $t) end=$(ns $((t + 2))) corr=$((50 + i)) api=1015 handle=$((50 + i)) image=3 source=2 offset=$((i * 4096)) bytes=900 path=\"/x/libtorch_cuda.so\""
	work $((t + 3)) 1 $((70 + i)) at::native::op$i
	echo "module tid=7 time=$(ns $((t + 3)).005) context=1 module=$i bytes=700 hash=$((99 + i)) image=1 kernels=1 call_api=1001 call_corr=$((70 + i)) library=$((50 + i))"
	echo "module_kernels tid=7 hash=$((99 + i)) first=0 names=\"at::native::op$i\\0\""
done
finish 4000; } | mktrace d/a.jnt
episodes d
{ process; work 10 1 1 old_kernel; finish 20; } | mktrace e/a.jnt
jitness timeline e
