# PTX: cold (compile and store), warm (a look into the cache alone), and a miss that only shows as a store.
. "$DATA/episodes.sh"
jit() { echo "jit tid=7 start=$(ns $1) end=$(ns $2) corr=$3 entry=${6:-1} op=$4 jit_corr=$5 on_tid=7"; }
mkdir d
{ process
work 10 1 1 old_kernel
cubin 100 20 100 a image=2; jit 101 111 100 3 1; jit 111 112 100 2 1
work 125 1 2 old_kernel
cubin 200 2 101 a image=2; jit 200.5 200.6 101 1 1
work 205 1 3 old_kernel
jit 300 300.1 77 1 9 2; jit 340 341 78 2 9 2
cubin 350 1 102 b
work 360 1 4 old_kernel
jit 400 400.1 79 1 9 2
cubin 401 1 103 b
finish 500; } | sed 's/image=1 bytes=\([0-9]*\) source=1 image=2/image=2 bytes=\1 source=1/; s/ image=1\(.*\) image=2/ image=2\1/' | mktrace d/a.jnt
episodes d
