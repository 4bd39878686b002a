# Two in one second have different names; without a trace nothing stays.
cat >keep.sh <<'S'
touch "$JITNESS_OUT/x.jnt"
S
jitness run bash keep.sh 2>/dev/null; jitness run /bin/bash keep.sh 2>/dev/null
ls -d *.jitness | sed -E 's/[0-9]{8}-[0-9]{6}/STAMP/' | sed 's/-2\.jitness/.jitness/' | sort
jitness run true; echo "exit $?"
ls -d true* 2>/dev/null
