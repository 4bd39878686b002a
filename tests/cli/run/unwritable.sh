# Without a place for the trace the command still runs, untraced.
chmod 755 .
as_nobody jitness run -o d sh -c 'echo "${JITNESS_OUT-untraced}"; exit 4'; echo "exit $?"
mkdir e && chmod 555 e
as_nobody jitness run -o e sh -c 'exit 4'; echo "exit $?"
as_nobody jitness run sh -c 'exit 4'; echo "exit $?"
jitness run -o missing/d sh -c 'exit 4'; echo "exit $?"
touch file; jitness run -o file sh -c 'exit 4'; echo "exit $?"
