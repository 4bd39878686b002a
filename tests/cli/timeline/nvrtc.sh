# NVRTC compiles, hands its code out, and 50 ms later it is loaded; one program is never loaded. The
# driver's cache had everything the third time: compiled all the same, and said.
. "$DATA/episodes.sh"
compile() { # START END HANDLE [HASH]
	echo "compile tid=7 start=$(ns $1) end=$(ns $2) compiler=1 handle=$3 program=\"a.cu\\0/x/libnvrtc.so.13\""
	[ -z "${4:-}" ] || echo "code tid=7 time=$(ns $2) compiler=1 handle=$3 image=1 bytes=9 hash=$4"
}
mkdir d
{ process
work 10 1 1 old_kernel
compile 100 200 16 $((4096 + 100)); cubin 250 1 100 my_kernel
work 260 1 2 old_kernel
compile 300 400 17
work 2410 1 3 old_kernel
compile 3000 3100 18 $((4096 + 101)); cubin 3110 1 101 my_kernel_2
echo "jit tid=7 start=$(ns 3010) end=$(ns 3011) corr=70 entry=2 op=1 jit_corr=5 on_tid=7"
finish 4000; } | mktrace d/a.jnt
episodes d
