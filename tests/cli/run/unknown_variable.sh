# Said once, and the command runs.
JITNESS_LEVLE=node jitness run -o d sh -c 'exit 3'; echo "exit $?"
JITNESS_COLOUR_OF_SKY=blue jitness run -o e sh -c 'exit 3'; echo "exit $?"
