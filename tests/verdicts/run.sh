#!/bin/bash
# tests/verdicts/run.sh: verdicts on recorded GPU sessions. Every line of tests/data/real/verdicts.txt says of a session and a phase
# which verdicts the rows with passes in the steady state may have, that of the most passes first, and what is known of the program. JITNESS: the command.
set -u
cd "$(dirname "$0")/../.." || exit 1
exec python3 tests/verdicts/judge.py --jitness "${JITNESS:-./jitness}" tests/data/real
