# Real sessions: the same expectations of a program that was compiled, of the eager one, and of one that replays graphs.
for s in gpt2_compile gpt2_eager gpt2_reduce_overhead; do
	echo "== $s"
	jitness verify "$DATA/../../data/real/phases/redacted/$s.jitness" --expect 'prefill:compiled' --expect 'decode:compiled' \
		--expect 'decode:graph' --expect 'decode:!eager' --expect 'any[passes>=20]:eager' --expect 'compiles(origin=inductor)==0' \
		--expect 'share(decode:compiled|graph)>=95%' --expect 'p50(decode)<100us' --expect 'p99(decode)<10s' \
		--expect 'lost==0' --expect 'truncated==0' --expect 'kernels>1000' --expect 'p50(mixed)<1s' >out
	echo "exit $?"
	grep -E '^(holds|FAILS|undecided)' out
done
# The report of a failure: which pass, when, of what shape.
grep -c '^      pass at [0-9.]* s: decode s[0-9]* of process [0-9]*, [0-9.]* [um]s$' out
