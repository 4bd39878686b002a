LD_PRELOAD=libc.so.6 JITNESS_LEVEL=churn jitness run -o d --max-size 1G --redact -- env 2>/dev/null |
	grep -E '^(JITNESS_|LD_PRELOAD)' | sort | sed "s#$PWD#.#; s#LD_PRELOAD=.*/libjitness.so#LD_PRELOAD=libjitness.so#"
# The variable says where when the flag does not.
JITNESS_OUT=e jitness run true
stat -c '%a %n' d e
