#!/bin/bash
# run.sh [SECONDS]: the reader on the committed corpus (gcc, ASan, UBSan, no engine), then under libFuzzer for
# SECONDS (60). New inputs stay in build/fuzz/corpus. What reproduces a bug goes to tests/fuzz/corpus/reader/<defect>.
set -u
cd "$(dirname "$0")/../.." || exit 1
seconds=${1:-60}
out=build/fuzz
std='-std=gnu11 -D_GNU_SOURCE -iquote .'
sanitize='-O1 -g -DTRACE_FUZZING -fsanitize=address,undefined -fno-sanitize-recover=all'
mkdir -p $out/corpus $out/seed

one() { # NAME COMMAND...: `ok NAME`, or the command's output and `not ok NAME`
	local name=$1; shift
	local status=0
	"$@" >$out/log 2>&1 || status=$?
	if [ $status = 0 ]; then echo "ok $name"; return; fi
	tail -n 60 $out/log
	echo "not ok $name: status $status"
	exit 1
}

one fuzz_seeds ${CC:-gcc} $std -O1 -o $out/mkcorpus tests/fuzz/mkcorpus.c trace/*.c -lzstd
one fuzz_corpus $out/mkcorpus $out/seed
cp $out/seed/*.seed $out/corpus/
one fuzz_replay_build ${CC:-gcc} $std $sanitize -o $out/replay tests/fuzz/replay.c tests/fuzz/fuzz_reader.c trace/*.c -lzstd
one fuzz_replay $out/replay $out/corpus tests/fuzz/corpus/reader
[ "$seconds" -gt 0 ] || exit 0
clang=${CLANG:-clang}
command -v "$clang" >/dev/null || { echo "skip fuzz_reader: needs clang"; exit 0; }
one fuzz_build "$clang" $std $sanitize -fsanitize=fuzzer -o $out/fuzz_reader tests/fuzz/fuzz_reader.c trace/*.c -lzstd
one fuzz_reader $out/fuzz_reader -max_total_time="$seconds" -max_len=200000 -rss_limit_mb=2048 -timeout=20 \
	-print_final_stats=1 -artifact_prefix=$out/ $out/corpus tests/fuzz/corpus/reader
grep -E 'stat::(number_of_executed_units|peak_rss_mb)|cov:' $out/log | tail -n 3
