mkdir real && ln -s real link && ln -s nowhere dangling
for l in link link/ dangling; do
	jitness run -o $l sh -c 'echo "${JITNESS_OUT-untraced}"'; echo "exit $?"
done
ls real
