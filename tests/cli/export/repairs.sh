trace truncated d/a.jnt
jitness export d -o e; echo "exit $?"
jitness report --json e | grep -e file_truncated -e '"kernels":	[0-9]'
