# A file that ends inside a frame is decoded up to there, and said so.
trace truncated d/a.jnt
jitness report d; echo "exit $?"
