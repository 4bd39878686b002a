# A file that is no trace, alone and in a session's directory.
head -c 100 /etc/passwd >x.jnt
jitness report x.jnt; echo "exit $?"
mkdir d && mv x.jnt d
jitness report d; echo "exit $?"
jitness dump d/x.jnt; echo "exit $?"
jitness export d -o out; echo "exit $?"
